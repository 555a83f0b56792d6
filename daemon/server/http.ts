import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import fastify, { type FastifyError, type FastifyReply } from "fastify";
import { errorMeaning } from "../../protocol/errors.ts";
import type { DaemonStatus } from "../../protocol/methods.ts";
import { type HttpAccess, refusalOf } from "./http-access.ts";
import { openApiDocument, RPC_REQUEST } from "./http-api.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { METRICS_TYPE, renderMetrics } from "./metrics.ts";
import type { errorFacts } from "./rpc-error.ts";

export interface HttpAppParts {
  readonly version: string;
  readonly status: () => Promise<DaemonStatus>;
  readonly lifecycle: Pick<Lifecycle, "retiring">;
  /** Answers the methods that change nothing, and throws PipdError `method-not-found` for all others. */
  readonly query: (method: string, params: unknown, signal: AbortSignal) => Promise<unknown>;
  /** An error as JSON-RPC has it. Handed in, because this file is a bundle of its own, in which the daemon's error classes are others. */
  readonly describeError: typeof errorFacts;
  /** Who may come by the port, or by the socket. */
  readonly access: (viaPort: boolean) => HttpAccess;
}

/** The daemon over HTTP: what http-api.ts describes. Loaded with the first connection, and the only user of fastify. */
export interface HttpApp {
  /** Serves a connection that somebody else has accepted. */
  serve(socket: Socket, viaPort: boolean): void;
}

const LONGEST_BODY = 1024 * 1024;
/** A connection that says nothing for so long is closed, in milliseconds. */
const SILENCE_MS = 30_000;
const KEEP_ALIVE_MS = 5000;

interface RpcBody {
  readonly id?: string | number | null;
  readonly method: string;
  readonly params?: object;
}

export async function createHttpApp(parts: HttpAppParts): Promise<HttpApp> {
  const fromPort = new WeakSet<Socket>();
  const document = openApiDocument(parts.version);
  let server: Server | undefined;
  const app = fastify({
    // Its own validation would turn 5 into "5" and drop what it does not know.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    bodyLimit: LONGEST_BODY,
    // On a machine that is busy with other things the start may take its time.
    pluginTimeout: 0,
    serverFactory: (handler) => {
      server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, handler);
      server.timeout = SILENCE_MS;
      return server;
    },
  });
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    const refusal = refusalOf(request.headers, parts.access(fromPort.has(request.raw.socket)));
    if (refusal === undefined) return;
    if (refusal.status === 401) void reply.header("www-authenticate", "Bearer");
    return reply.code(refusal.status).send(errorBody(refusal.code, refusal.message));
  });
  app.get("/healthz", (_request, reply) => {
    const { retiring } = parts.lifecycle;
    return reply.code(retiring ? 503 : 200).send({ status: retiring ? "retiring" : "ok", version: parts.version });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.header("content-type", METRICS_TYPE).send(renderMetrics(await parts.status())),
  );
  app.get("/v1/status", () => parts.status());
  app.get("/openapi.json", () => document);
  app.post<{ Body: RpcBody }>("/v1/rpc", {
    schema: { body: RPC_REQUEST },
    errorHandler: (error, _request, reply) => void sendRpcError(parts, reply, error),
    handler: ({ body }, reply) => answerRpc(parts, body, reply),
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send(errorBody("no-such-path", `There is no ${request.method} ${request.url.split("?")[0]}.`)),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error.statusCode ?? 500;
    const { message, data } = parts.describeError(error);
    return reply
      .code(status)
      .send(errorBody(status < 500 ? "invalid-request" : (data.code ?? "internal-error"), message));
  });
  await app.ready();
  return {
    serve: (socket, viaPort) => {
      if (viaPort) fromPort.add(socket);
      server?.emit("connection", socket);
    },
  };
}

function errorBody(code: string, message: string): object {
  return { error: { code, message } };
}

async function answerRpc(parts: HttpAppParts, { id, method, params }: RpcBody, reply: FastifyReply): Promise<unknown> {
  const left = new AbortController();
  reply.raw.on("close", () => left.abort());
  try {
    const result = await parts.query(method, params ?? {}, left.signal);
    return id === undefined ? reply.code(204).send() : { jsonrpc: "2.0", id, result };
  } catch (error) {
    // As JSON-RPC has it, nobody waits for what became of a notification.
    return id === undefined ? reply.code(204).send() : { jsonrpc: "2.0", id, error: parts.describeError(error) };
  }
}

/** A body that is no request of JSON-RPC: there is no id to answer to. */
function sendRpcError({ describeError }: HttpAppParts, reply: FastifyReply, error: FastifyError): FastifyReply {
  const status = error.statusCode ?? 500;
  const isJson = error.code !== "FST_ERR_CTP_INVALID_JSON_BODY" && !(error instanceof SyntaxError);
  const code = status >= 500 ? "internal-error" : isJson ? "invalid-request" : "parse-error";
  const { exit, rpc } = errorMeaning(code);
  const message = describeError(error).message;
  return reply
    .code(status)
    .send({ jsonrpc: "2.0", id: null, error: { code: rpc, message, data: { code, exitCode: exit } } });
}
