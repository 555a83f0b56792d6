import type { DoctorParams, DoctorResult } from "./doctor.ts";
import type { ProtocolRange, Session } from "./session.ts";
import type { PreviousDaemon, ProgramStatus, RunStatus } from "./status.ts";

/** Opaque name of one run, chosen by the client, unique on its connection. */
export type RunId = number | string;

export interface InitializeParams {
  readonly protocol: ProtocolRange;
  readonly client: { readonly name: string; readonly version: string; readonly buildId: string; readonly pid: number };
  /** At least 32 hexadecimal digits, new for every connection. */
  readonly nonce: string;
  readonly namespace: { readonly host: string; readonly mnt: string };
  /** What the client wants beyond text. */
  readonly capabilities?: {
    /** `$/progress` for every run of the connection. */
    readonly progress?: boolean;
  };
}

export interface InitializeResult {
  readonly protocol: number;
  readonly server: {
    readonly version: string;
    readonly buildId: string;
    readonly pid: number;
    readonly startedAt: number;
  };
  readonly nonce: string;
  /** HMAC-SHA256(secret, proofText(client nonce, server nonce, "server")), "" over a pipe. */
  readonly proof: string;
  readonly capabilities: { readonly methods: readonly string[]; readonly maxFrame: number };
  /** Lines for the person, to be shown once. */
  readonly notices: readonly string[];
}

export interface InitializedParams {
  readonly proof: string;
}

export interface RunStartParams extends Session {
  readonly runId: RunId;
  readonly argv: readonly string[];
  /** What is not UTF-8 stands in `argv`, `cwd` and `env` with a loss, and here as base64 of its bytes: arguments by their index in argv (R40). */
  readonly argvBytes?: Readonly<Record<string, string>>;
  readonly cwdBytes?: string;
  /** Values of variables, by name. */
  readonly envBytes?: Readonly<Record<string, string>>;
}

export interface RunStartResult {
  readonly exitCode: number;
  /** The signal the command should be seen to have died of. */
  readonly signal?: string;
  /** Time in the daemon, from the request to the end of the run. */
  readonly elapsedMs: number;
}

export interface RunOutputParams {
  readonly runId: RunId;
  readonly fd: 1 | 2;
  /** 1, 2, 3, ... within a run. */
  readonly seq: number;
  readonly data: string;
}

export interface PromptParams {
  readonly runId: RunId;
  readonly kind: "confirm" | "text" | "password" | "select";
  /** Printed as it is, without a line end. */
  readonly message: string;
  readonly choices?: readonly string[];
  readonly default?: string;
}

/** The line without its end, or `cancelled` when input has ended. */
export type PromptResult = { readonly value: string } | { readonly cancelled: true };

/** `data` is base64. */
export type ReadStdinResult = { readonly data: string } | { readonly eof: true };

/** How far a run is with one thing, in values. */
export interface ProgressData {
  readonly phase: "resolve" | "download" | "build" | "install";
  /** What is worked on: a project or file name. */
  readonly name?: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: "bytes" | "items";
}

/** As the Language Server Protocol has it, with values for those who draw for themselves. A run has one begin, any number of reports and one end. */
export type WorkDoneProgress =
  | { readonly kind: "begin"; readonly title: string }
  | {
      readonly kind: "report";
      readonly message: string;
      /** 0 to 100, where the total is known. */
      readonly percentage?: number;
      readonly data: ProgressData;
    }
  | { readonly kind: "end" };

export interface DaemonStatus {
  readonly pid: number;
  readonly version: string;
  readonly buildId: string;
  readonly startedAt: number;
  /** What the command of this installation is: a program of the machine, or the TypeScript client where no C compiler was there when it was built. */
  readonly client: "native" | "typescript";
  readonly uptimeMs: number;
  readonly state: "serving" | "retiring";
  /** Why this daemon was started in place of another, when it was. */
  readonly startReason?: string;
  /** The daemon before this one, and why it ended. */
  readonly previous?: PreviousDaemon;
  readonly socket: string;
  readonly folders: {
    readonly runtime: string;
    readonly state: string;
    readonly cache: string;
    readonly config: string;
  };
  readonly logPath: string;
  readonly connections: number;
  readonly runs: readonly RunStatus[];
  readonly runsServed: number;
  readonly memory: { readonly rss: number; readonly heapUsed: number };
  /** How late the event loop was while runs were in progress, the last time that any were, in ms (R57). */
  readonly eventLoop?: { readonly p99Ms: number; readonly maxMs: number; readonly samples: number } | undefined;
  /** Time without work after which the daemon leaves; 0 is never. */
  readonly idleExitMs: number;
  /** Where it answers over HTTP, when the settings ask for that: a socket, and a URL if also a port. `error` when that was not possible. */
  readonly http?: { readonly socket?: string; readonly url?: string; readonly error?: string };
  /** Absent in the first moments, while the program is being loaded. */
  readonly program?: ProgramStatus;
  /** The same facts as text for a person. */
  readonly text: string;
}

/** Which environment a query is about, found as a command of that caller would find it. */
export interface EnvironmentParams {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** As `--python`: a path, or absent. */
  readonly python?: string;
}

export interface EnvironmentResult {
  readonly root: string;
  readonly executable: string;
  readonly version: string;
  readonly implementation: string;
  readonly isVirtual: boolean;
  readonly searchPath: readonly string[];
}

export interface InstalledParams extends EnvironmentParams {
  /** Of an earlier answer: "not modified" is then answered without the list. */
  readonly etag?: string;
}

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly location: string;
  readonly editable?: string;
}

export type InstalledResult =
  | { readonly etag: string; readonly packages: readonly InstalledPackage[] }
  | { readonly etag: string; readonly notModified: true };

/** Every method, once: parameters and result. `result: void` is a notification. */
export interface Methods {
  initialize: { params: InitializeParams; result: InitializeResult };
  initialized: { params: InitializedParams; result: void };
  ping: { params: object; result: { readonly pid: number } };
  "run/start": { params: RunStartParams; result: RunStartResult };
  "run/accepted": { params: { readonly runId: RunId }; result: void };
  "run/changing": { params: { readonly runId: RunId; readonly root: string }; result: void };
  "run/output": { params: RunOutputParams; result: void };
  "run/ack": { params: { readonly runId: RunId; readonly seq: number }; result: void };
  "run/status": { params: { readonly runId: RunId; readonly text: string }; result: void };
  "run/prompt": { params: PromptParams; result: PromptResult };
  "run/readStdin": { params: { readonly runId: RunId; readonly max: number }; result: ReadStdinResult };
  "run/resize": { params: { readonly runId: RunId; readonly cols: number; readonly rows: number }; result: void };
  "run/signal": { params: { readonly runId: RunId; readonly name: string }; result: void };
  "$/cancelRequest": { params: { readonly id: number | string }; result: void };
  "$/progress": { params: { readonly token: RunId; readonly value: WorkDoneProgress }; result: void };
  "daemon/status": { params: object; result: DaemonStatus };
  "daemon/stop": { params: { readonly force?: boolean }; result: { readonly pid: number } };
  "daemon/retire": { params: { readonly reason: string; readonly graceMs?: number }; result: { readonly pid: number } };
  "daemon/log": {
    params: { readonly lines?: number };
    result: { readonly path: string; readonly lines: readonly string[] };
  };
  "daemon/doctor": { params: DoctorParams; result: DoctorResult };
  "environment/resolve": { params: EnvironmentParams; result: EnvironmentResult };
  "packages/installed": { params: InstalledParams; result: InstalledResult };
}

export type MethodName = keyof Methods;
export type Params<Name extends MethodName> = Methods[Name]["params"];
export type Result<Name extends MethodName> = Methods[Name]["result"];

/** How a method travels and whether a client may send it again when it does not know what became of it. */
export interface MethodTraits {
  readonly kind: "request" | "notification";
  readonly from: "client" | "server" | "both";
  readonly effect: "idempotent" | "mutating";
}

const request = (effect: MethodTraits["effect"], from: MethodTraits["from"] = "client"): MethodTraits => ({
  kind: "request",
  from,
  effect,
});
const notification = (from: MethodTraits["from"], effect: MethodTraits["effect"] = "idempotent"): MethodTraits => ({
  kind: "notification",
  from,
  effect,
});

/** The same list for code that runs; protocol/README.md describes each, and a test compares. */
export const METHODS: Readonly<Record<MethodName, MethodTraits>> = {
  initialize: request("idempotent"),
  initialized: notification("client"),
  ping: request("idempotent"),
  "run/start": request("mutating"),
  "run/accepted": notification("server"),
  "run/changing": notification("server"),
  "run/output": notification("server", "mutating"),
  "run/ack": notification("client"),
  "run/status": notification("server"),
  "run/prompt": request("mutating", "server"),
  "run/readStdin": request("mutating", "server"),
  "run/resize": notification("client"),
  "run/signal": notification("client", "mutating"),
  "$/cancelRequest": notification("both"),
  "$/progress": notification("server"),
  "daemon/status": request("idempotent"),
  "daemon/stop": request("mutating"),
  "daemon/retire": request("mutating"),
  "daemon/log": request("idempotent"),
  "daemon/doctor": request("idempotent"),
  "environment/resolve": request("idempotent"),
  "packages/installed": request("idempotent"),
};
