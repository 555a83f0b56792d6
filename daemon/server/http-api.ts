import type { DaemonStatus } from "../../protocol/methods.ts";
import type {
  CacheStatus,
  EnvironmentStatus,
  HostStatus,
  IndexStatus,
  PreviousDaemon,
  ProgramStatus,
  RunStatus,
} from "../../protocol/status.ts";

/** A JSON Schema (2020-12), as far as this file needs it. */
export type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string" };
const number: Schema = { type: "number" };
const count: Schema = { type: "integer", minimum: 0 };
const time: Schema = { type: "number", minimum: 0, description: "Milliseconds since 1970." };
const list = (items: Schema): Schema => ({ type: "array", items });
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object with exactly these fields; the compiler holds the list against the type. */
function shape<T>(
  properties: { readonly [Key in keyof Required<T>]: Schema },
  optional: readonly (keyof T)[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name as keyof T));
  return { type: "object", properties, required, additionalProperties: false };
}

const hits = { hits: count, misses: count };

const STATUS_SCHEMAS: Readonly<Record<string, Schema>> = {
  Run: shape<RunStatus>(
    {
      pid: count,
      command: text,
      cwd: text,
      startedAt: time,
      elapsedMs: number,
      state: { enum: ["running", "waiting"] },
      waitingFor: shape<NonNullable<RunStatus["waitingFor"]>>({ pid: count, command: text, since: time }),
    },
    ["waitingFor"],
  ),
  Environment: shape<EnvironmentStatus>({ root: text, python: text, implementation: text, lastUsedAt: time }),
  Caches: shape<CacheStatus>({
    location: text,
    bytes: count,
    pages: shape<CacheStatus["pages"]>({ ...hits, entries: count, revalidated: count }),
    metadata: shape<CacheStatus["metadata"]>({ ...hits, entries: count }),
    resolutions: shape<CacheStatus["resolutions"]>(hits),
    wheels: shape<CacheStatus["wheels"]>({ ...hits, location: text, entries: count, bytes: count, countedAt: time }, [
      "entries",
      "bytes",
      "countedAt",
    ]),
    spareTrees: shape<CacheStatus["spareTrees"]>({ entries: count, bytes: count }),
  }),
  Index: shape<IndexStatus>({ url: text, host: text, lastUsedAt: time }),
  Host: shape<HostStatus>(
    {
      origin: text,
      state: { enum: ["ok", "down"] },
      requests: count,
      failures: count,
      latencyMs: shape<NonNullable<HostStatus["latencyMs"]>>({ last: number, mean: number }),
      lastAnswerAt: time,
      lastError: shape<NonNullable<HostStatus["lastError"]>>({ text, at: time }),
      downSince: time,
      askedAgainAt: time,
    },
    ["latencyMs", "lastAnswerAt", "lastError", "downSince", "askedAgainAt"],
  ),
  Program: shape<ProgramStatus>({
    environments: list(ref("Environment")),
    caches: ref("Caches"),
    indexes: list(ref("Index")),
    hosts: list(ref("Host")),
  }),
  PreviousDaemon: shape<PreviousDaemon>(
    { pid: count, startedAt: time, buildId: text, endedAt: time, endReason: text },
    ["endedAt", "endReason"],
  ),
  Status: shape<DaemonStatus>(
    {
      pid: count,
      version: text,
      buildId: text,
      startedAt: time,
      client: { enum: ["native", "typescript"] },
      uptimeMs: number,
      state: { enum: ["serving", "retiring"] },
      startReason: text,
      previous: ref("PreviousDaemon"),
      socket: text,
      folders: shape<DaemonStatus["folders"]>({ runtime: text, state: text, cache: text, config: text }),
      logPath: text,
      connections: count,
      runs: list(ref("Run")),
      runsServed: count,
      memory: shape<DaemonStatus["memory"]>({ rss: count, heapUsed: count }),
      eventLoop: shape<NonNullable<DaemonStatus["eventLoop"]>>({ p99Ms: number, maxMs: number, samples: count }),
      idleExitMs: count,
      http: shape<NonNullable<DaemonStatus["http"]>>({ socket: text, url: text, error: text }, [
        "socket",
        "url",
        "error",
      ]),
      program: ref("Program"),
      text,
    },
    ["startReason", "previous", "eventLoop", "http", "program"],
  ),
};

/** The body of `POST /v1/rpc`; what is sent is held against it as it is. */
export const RPC_REQUEST: Schema = {
  type: "object",
  properties: {
    jsonrpc: { const: "2.0" },
    id: { anyOf: [{ type: "string" }, { type: "number" }, { type: "null" }] },
    method: text,
    params: { type: "object" },
  },
  required: ["jsonrpc", "method"],
  additionalProperties: false,
};

const RPC_RESPONSE: Schema = {
  type: "object",
  properties: {
    jsonrpc: { const: "2.0" },
    id: { anyOf: [{ type: "string" }, { type: "number" }, { type: "null" }] },
    result: {},
    error: {
      type: "object",
      properties: {
        code: { type: "integer" },
        message: text,
        data: {
          type: "object",
          properties: { code: text, exitCode: { type: "integer" }, hint: text },
          required: ["code", "exitCode"],
        },
      },
      required: ["code", "message", "data"],
      additionalProperties: false,
    },
  },
  required: ["jsonrpc", "id"],
  oneOf: [{ required: ["result"] }, { required: ["error"] }],
  additionalProperties: false,
};

const ERROR: Schema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { code: text, message: text },
      required: ["code", "message"],
      additionalProperties: false,
    },
  },
  required: ["error"],
  additionalProperties: false,
};

const json = (description: string, schema: Schema): object => ({
  description,
  content: { "application/json": { schema } },
});

const REFUSALS = {
  "401": json("By the port without the bearer token.", ref("Error")),
  "403": json("With an `Origin`, or with a `Host` that is not this machine's.", ref("Error")),
};

const get = (operationId: string, summary: string, responses: object): object => ({
  get: { operationId, summary, responses: { ...responses, ...REFUSALS } },
});

/** The OpenAPI 3.1 document of everything that http.ts serves. */
export function openApiDocument(version: string): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "The pipd daemon",
      version,
      description: "What the daemon of one user says of itself. Nothing here changes anything.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      {
        url: "http://localhost",
        description: "The socket `http` in the daemon's folder, or the port of the settings.",
      },
    ],
    // By the socket no token is asked for.
    security: [{}, { token: [] }],
    paths: {
      "/healthz": get("health", "Whether the daemon takes work.", {
        "200": json("It does.", ref("Health")),
        "503": json("It is about to end.", ref("Health")),
      }),
      "/metrics": get("metrics", "The figures of the status for Prometheus.", {
        "200": { description: "Text format 0.0.4.", content: { "text/plain": { schema: text } } },
      }),
      "/v1/status": get("status", "The result of `daemon/status`.", { "200": json("The status.", ref("Status")) }),
      "/openapi.json": get("openapi", "This document.", { "200": json("It.", { type: "object" }) }),
      "/v1/rpc": {
        post: {
          operationId: "rpc",
          summary:
            "One request of JSON-RPC 2.0: `ping`, `daemon/status`, `environment/resolve` or `packages/installed`.",
          requestBody: { required: true, content: { "application/json": { schema: ref("RpcRequest") } } },
          responses: {
            "200": json("The result, or the error of the method.", ref("RpcResponse")),
            "204": { description: "To a notification." },
            "400": json("No JSON, or no such request.", ref("RpcResponse")),
            "413": json("A body of more than 1 MiB.", ref("RpcResponse")),
            "415": json("A body that is not JSON.", ref("RpcResponse")),
            ...REFUSALS,
          },
        },
      },
    },
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: {
        ...STATUS_SCHEMAS,
        Health: {
          type: "object",
          properties: { status: { enum: ["ok", "retiring"] }, version: text },
          required: ["status", "version"],
          additionalProperties: false,
        },
        RpcRequest: RPC_REQUEST,
        RpcResponse: RPC_RESPONSE,
        Error: ERROR,
      },
    },
  };
}
