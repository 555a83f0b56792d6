import type {
  EnvironmentParams,
  EnvironmentResult,
  InstalledParams,
  InstalledResult,
  MethodName,
  Params,
  Result,
} from "../../protocol/methods.ts";
import { type Call, SILENT_REPORTER } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import type { End } from "./lifecycle.ts";
import { checkedParams } from "./params.ts";
import type { Peer } from "./rpc.ts";
import { RpcFailure } from "./rpc-error.ts";
import type { Runs } from "./runs.ts";

/** Questions of programs that change nothing and never wait behind a run. operations/ answers them. */
export interface Queries {
  resolveEnvironment(params: EnvironmentParams, call: Call): Promise<EnvironmentResult>;
  installed(params: InstalledParams, call: Call): Promise<InstalledResult>;
}

/** What concerns the daemon itself. */
export interface DaemonControl {
  status(): Promise<Result<"daemon/status">>;
  /** Makes the daemon unreachable before it returns (R25); what runs is then given `graceMs` to finish, or what the settings say. */
  retire(end: End, graceMs?: number): void;
  /** Whether new work is refused. */
  retiring(): boolean;
  log(lines: number): Promise<Result<"daemon/log">>;
  doctor(params: Params<"daemon/doctor">, signal: AbortSignal): Promise<Result<"daemon/doctor">>;
}

export interface HandlersParts {
  readonly runs: Runs;
  /** Loaded with the first query. */
  readonly queries: () => Promise<Queries>;
  readonly control: DaemonControl;
  readonly pid: number;
}

/** Every method of a connection whose handshake is complete. */
export interface Handlers {
  request(peer: Peer, method: MethodName, params: unknown, signal: AbortSignal): Promise<unknown>;
  /** A method that changes nothing, asked for without a connection. Throws PipdError `method-not-found` for all others. */
  query(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  notification(peer: Peer, method: MethodName, params: unknown): void;
}

/** Of the log, in one answer. */
const MOST_LINES = 10_000;

type RequestHandlers = {
  [Name in MethodName]?: (
    params: Params<Name>,
    peer: Peer,
    signal: AbortSignal,
  ) => Promise<Result<Name>> | Result<Name>;
};
type NotificationHandlers = { [Name in MethodName]?: (params: Params<Name>, peer: Peer) => void };

/** Those that change nothing and concern no connection: programs may send them over HTTP, too. */
const QUERIES: readonly MethodName[] = ["ping", "daemon/status", "environment/resolve", "packages/installed"];

export function createHandlers({ runs, queries, control, pid }: HandlersParts): Handlers {
  const requests: RequestHandlers = {
    ping: () => ({ pid }),
    "run/start": (params, peer, signal) => {
      if (control.retiring()) throw new RpcFailure("retiring", "the daemon is ending", { retryAfterMs: 20 });
      return runs.start(peer, params, signal);
    },
    "daemon/status": () => control.status(),
    "daemon/stop": ({ force }) => {
      control.retire({ reason: "stopped", successor: false }, force === true ? 0 : undefined);
      return { pid };
    },
    "daemon/retire": ({ reason, graceMs }) => {
      control.retire({ reason, successor: true }, graceMs);
      return { pid };
    },
    "daemon/log": ({ lines }) => control.log(Math.min(lines ?? 100, MOST_LINES)),
    "daemon/doctor": (params, _peer, signal) => control.doctor(params, signal),
    "environment/resolve": async (params, _peer, signal) =>
      (await queries()).resolveEnvironment(params, queryCall(params, signal)),
    "packages/installed": async (params, _peer, signal) =>
      (await queries()).installed(params, queryCall(params, signal)),
  };
  const notifications: NotificationHandlers = {
    "run/ack": (params, peer) => runs.acknowledged(peer, params),
    "run/resize": (params, peer) => runs.resized(peer, params),
    "run/signal": (params, peer) => runs.signalled(peer, params),
  };
  const request = async (
    peer: Peer | undefined,
    method: MethodName,
    params: unknown,
    signal: AbortSignal,
  ): Promise<unknown> => {
    const handler = requests[method] as
      | ((params: unknown, peer: Peer | undefined, signal: AbortSignal) => unknown)
      | undefined;
    if (handler === undefined) throw new PipdError("method-not-found", `no such method: ${method}`);
    return handler(checkedParams(method, params), peer, signal);
  };
  return {
    request,
    query: async (method, params, signal) => {
      const known = QUERIES.find((name) => name === method);
      if (known === undefined)
        throw new PipdError("method-not-found", `no such method here: ${method.slice(0, 100)}`, {
          hint: `There are: ${QUERIES.join(", ")}.`,
        });
      return request(undefined, known, params, signal);
    },
    notification: (peer, method, params) => {
      const handler = notifications[method] as ((params: unknown, peer: Peer) => void) | undefined;
      try {
        handler?.(checkedParams(method, params), peer);
      } catch (error) {
        // Nobody waits for an answer to a notification; one of the wrong form is as good as none.
        if (!(error instanceof PipdError)) throw error;
      }
    },
  };
}

/** A program's question runs in that program's world, with nobody to ask. */
function queryCall(params: EnvironmentParams, signal: AbortSignal): Call {
  return { cwd: params.cwd, env: params.env, umask: 0o077, signal, reporter: SILENT_REPORTER };
}
