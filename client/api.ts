import type {
  MethodName,
  Params,
  PromptParams,
  Result,
  RunOutputParams,
  RunStartResult,
  WorkDoneProgress,
} from "../protocol/methods.ts";
import type { Session } from "../protocol/session.ts";
import { describeCaller } from "./caller.ts";
import { type Connection, connectInProcess, connectToDaemon } from "./connection.ts";
import { findPlaces } from "./places.ts";

/** What a program does with a run, beyond waiting for its end. */
export interface RunWatcher {
  /** Whose world the command runs in: this process's, with no terminal, by default. */
  readonly session?: Session;
  readonly output?: (fd: 1 | 2, text: string) => void;
  readonly status?: (text: string) => void;
  /** How far the run is: one begin, reports at most 20 times a second, and one end whatever becomes of the run. */
  readonly progress?: (value: WorkDoneProgress) => void;
  /** The answer to a question; without this, input has ended. */
  readonly prompt?: (question: PromptParams) => Promise<string | undefined>;
  /** Aborting it cancels the run, which then rejects with RemoteError `request-cancelled`. */
  readonly signal?: AbortSignal;
}

/** pipd for programs: the methods of protocol/methods.ts on one connection. */
export interface PipdClient {
  /** Sends a request. Rejects with RemoteError (`facts.code` of protocol/errors.ts) or ConnectionLost. */
  request<Name extends MethodName>(method: Name, params: Params<Name>, signal?: AbortSignal): Promise<Result<Name>>;
  /** Runs one command line. Several may run at once. */
  run(argv: readonly string[], watcher?: RunWatcher): Promise<RunStartResult>;
  close(): void;
}

/**
 * Connects to the user's daemon, starting it if needed; with `daemon: false` runs the program as a child instead.
 * Throws when the daemon's folder cannot be trusted or no daemon can be started.
 */
export async function connectToPipd({ daemon = true }: { readonly daemon?: boolean } = {}): Promise<PipdClient> {
  const connection = daemon
    ? (await connectToDaemon(findPlaces(), "pipd-api")).connection
    : await connectInProcess("pipd-api");
  return clientOn(connection);
}

function clientOn({ rpc, close }: Connection): PipdClient {
  const watchers = new Map<number | string, RunWatcher>();
  let lastRun = 0;
  rpc.on("run/output", ({ runId, fd, data, seq }: RunOutputParams) => {
    watchers.get(runId)?.output?.(fd, data);
    rpc.notify("run/ack", { runId, seq });
  });
  rpc.on("run/status", ({ runId, text }) => watchers.get(runId)?.status?.(text));
  rpc.on("$/progress", ({ token, value }) => watchers.get(token)?.progress?.(value));
  rpc.on("run/prompt", async (question) => {
    const value = await watchers.get(question.runId)?.prompt?.(question);
    return value === undefined ? { cancelled: true } : { value };
  });
  rpc.on("run/readStdin", () => ({ eof: true }));
  const request: PipdClient["request"] = async (method, params, signal) => {
    signal?.throwIfAborted();
    const { id, answer } = rpc.request(method, params);
    const cancel = (): void => rpc.notify("$/cancelRequest", { id });
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      return await answer;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  };
  return {
    request,
    close,
    run: async (argv, watcher = {}) => {
      const runId = ++lastRun;
      watchers.set(runId, watcher);
      try {
        return await request("run/start", { runId, argv, ...(watcher.session ?? sessionOfProgram()) }, watcher.signal);
      } finally {
        watchers.delete(runId);
      }
    },
  };
}

function sessionOfProgram(): Session {
  return {
    ...describeCaller(),
    interactive: false,
    tty: { in: false, out: false, err: false, cols: 80, rows: 24, colors: 1 },
  };
}
