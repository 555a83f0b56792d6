import { EXIT } from "../../protocol/errors.ts";
import type { Params, RunId, RunStartParams, RunStartResult } from "../../protocol/methods.ts";
import type { Program, RunInput, RunOutcome } from "../../protocol/program.ts";
import { printable, textOfBytes } from "../../protocol/raw-text.ts";
import type { Session } from "../../protocol/session.ts";
import { PipdError } from "../std/errors.ts";
import { nextTurn } from "../std/next-turn.ts";
import type { Log } from "./log.ts";
import { redactCommand } from "./redaction.ts";
import type { Peer } from "./rpc.ts";
import { RpcFailure } from "./rpc-error.ts";
import { createRunOutput, type RunOutput } from "./run-output.ts";
import { createRunProgress, type RunProgress } from "./run-progress.ts";

/** A command that is being run. */
export interface Run {
  readonly id: RunId;
  readonly peer: Peer;
  readonly pid: number;
  readonly command: string;
  readonly cwd: string;
  /** Monotonic, in ms. */
  readonly startedAt: number;
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal;
}

/** All commands in progress, on any connection. */
export interface Runs {
  start(peer: Peer, params: RunStartParams, cancel: AbortSignal): Promise<RunStartResult>;
  acknowledged(peer: Peer, params: Params<"run/ack">): void;
  resized(peer: Peer, params: Params<"run/resize">): void;
  signalled(peer: Peer, params: Params<"run/signal">): void;
  list(): readonly Run[];
  readonly served: number;
  /** Asks every run to stop, as Ctrl-C would; the error is the signal's reason. */
  cancelAll(reason: Error): void;
  /** Answers every run at once with this error: the process cannot go on. */
  failAll(error: Error): void;
}

export interface RunsParts {
  /** Loaded with the first command. */
  readonly program: () => Promise<Program>;
  readonly log: Log;
  /** Monotonic, in ms. */
  readonly elapsed: () => number;
  /** A private folder with room for output that a stopped client does not take. */
  readonly spillFolder: string;
  /** Called when the number of runs has changed. */
  readonly changed: () => void;
}

interface ActiveRun extends Run {
  readonly output: RunOutput;
  /** Absent when the client has not asked for it. */
  progress: RunProgress | undefined;
  /** Aborted when the run has ended, whatever it came to. */
  readonly over: AbortController;
  readonly abort: AbortController;
  readonly fail: (error: Error) => void;
  size: { readonly cols: number; readonly rows: number };
}

/** Made once: the error that an abort without a reason brings along takes a tenth of a millisecond to make. */
const STOPPED = new DOMException("the caller has cancelled the command or has gone", "AbortError");
const OVER = new DOMException("the command has ended", "AbortError");

export function createRuns(parts: RunsParts): Runs {
  const active = new Set<ActiveRun>();
  let served = 0;
  const find = (peer: Peer, id: RunId): ActiveRun | undefined =>
    [...active].find((run) => run.peer === peer && run.id === id);

  const begin = (
    peer: Peer,
    params: RunStartParams,
    cancel: AbortSignal,
  ): { readonly run: ActiveRun; readonly failed: Promise<never> } => {
    if (find(peer, params.runId) !== undefined)
      throw new PipdError("invalid-params", `run/start: runId ${params.runId} is in use`);
    const abort = new AbortController();
    const over = new AbortController();
    const stop = (): void => abort.abort(STOPPED);
    // A connection may live for days, and have thousands of runs.
    cancel.addEventListener("abort", stop, { signal: over.signal });
    peer.closed.addEventListener("abort", stop, { signal: over.signal });
    const { promise: failed, reject: fail } = Promise.withResolvers<never>();
    failed.catch(() => {});
    const run: ActiveRun = {
      id: params.runId,
      peer,
      pid: params.pid,
      command: redactCommand(params.argv),
      cwd: params.cwd,
      startedAt: parts.elapsed(),
      signal: abort.signal,
      output: createRunOutput(senderTo(peer, params.runId), parts.spillFolder),
      progress: undefined,
      over,
      abort,
      fail,
      size: { cols: params.tty.cols, rows: params.tty.rows },
    };
    peer.closed.addEventListener("abort", () => run.output.close(), { signal: over.signal });
    return { run, failed };
  };

  const start: Runs["start"] = async (peer, params, cancel) => {
    const { run, failed } = begin(peer, params, cancel);
    active.add(run);
    parts.changed();
    try {
      // The client must know that the command has begun before it has any effect: only then it will not run it a second time (R31).
      await peer.notify("run/accepted", { runId: params.runId });
      if (peer.wantsProgress)
        run.progress = createRunProgress(run.command, (value) =>
          peer.notify("$/progress", { token: params.runId, value }),
        );
      const outcome = await Promise.race([runProgram(parts, run, params), failed]);
      const elapsedMs = parts.elapsed() - run.startedAt;
      parts.log.info({ pid: run.pid, command: run.command, exitCode: outcome.exitCode, elapsedMs }, "run");
      await Promise.race([run.output.flushed(), failed]);
      if (cancel.aborted) throw cancelled();
      return { ...outcome, elapsedMs };
    } catch (error) {
      // Whatever a cancelled command ran into on its way out, it was cancelled.
      throw cancel.aborted ? cancelled() : error;
    } finally {
      await Promise.race([run.progress?.end(), failed.catch(() => {})]);
      served++;
      active.delete(run);
      run.over.abort(OVER);
      run.output.close();
      parts.changed();
    }
  };

  return {
    start,
    acknowledged: (peer, { runId, seq }) => find(peer, runId)?.output.acknowledged(seq),
    resized: (peer, { runId, cols, rows }) => {
      const run = find(peer, runId);
      if (run !== undefined) run.size = { cols: cols || 80, rows: rows || 24 };
    },
    signalled: (peer, { runId, name }) => {
      if (["SIGINT", "SIGTERM", "SIGHUP"].includes(name)) find(peer, runId)?.abort.abort(STOPPED);
    },
    list: () => [...active],
    get served() {
      return served;
    },
    cancelAll: (reason) => {
      for (const run of active) {
        parts.log.warn({ pid: run.pid, command: run.command, reason: reason.message }, "run cancelled");
        run.abort.abort(reason);
      }
    },
    failAll: (error) => {
      for (const run of active) run.fail(error);
    },
  };
}

function cancelled(): RpcFailure {
  return new RpcFailure("request-cancelled", "cancelled", { exitCode: EXIT.interrupted });
}

function senderTo(peer: Peer, runId: RunId): Parameters<typeof createRunOutput>[0] {
  return {
    output: (fd, seq, data) => peer.notify("run/output", { runId, fd, seq, data }),
    status: (text) => peer.notify("run/status", { runId, text }),
  };
}

async function runProgram(parts: RunsParts, run: ActiveRun, params: RunStartParams): Promise<RunOutcome> {
  const program = await parts.program();
  await nextTurn();
  return program.run(runInput(run, params));
}

/** The words and the world of the caller, with what is not UTF-8 put in its place (R40). */
function callerOf(params: RunStartParams): { readonly argv: readonly string[]; readonly session: Session } {
  const { umask, locale, tty, pid, interactive, argvBytes = {}, envBytes = {}, cwdBytes } = params;
  const decoded = (base64: string): string => textOfBytes(Buffer.from(base64, "base64")).replaceAll("\0", "");
  const argv = params.argv.map((text, index) => {
    const bytes = Object.hasOwn(argvBytes, String(index)) ? argvBytes[String(index)] : undefined;
    return bytes === undefined ? text : decoded(bytes);
  });
  const cwd = cwdBytes === undefined ? params.cwd : decoded(cwdBytes);
  if (!cwd.startsWith("/")) throw new PipdError("invalid-params", "run/start: cwdBytes is no absolute path");
  const variables = Object.entries(envBytes).map(([name, value]) => [name, decoded(value)] as const);
  const env = { ...params.env, ...Object.fromEntries(variables) };
  return { argv, session: { cwd, env, umask, locale, tty, pid, interactive } };
}

function runInput(run: ActiveRun, params: RunStartParams): RunInput {
  const { argv, session } = callerOf(params);
  const { peer, output, abort } = run;
  return {
    argv,
    session,
    arrivedAt: run.startedAt,
    signal: abort.signal,
    output: (fd, text) => output.write(fd, printable(text)),
    status: (lines) => output.status(lines ?? ""),
    progress: (event) => run.progress?.report(event),
    prompt: async (question) => {
      await output.flushed();
      const answer = await peer.request("run/prompt", { runId: run.id, ...question }, abort.signal);
      return "value" in answer ? answer.value : undefined;
    },
    readStdin: async (max) => {
      const answer = await peer.request("run/readStdin", { runId: run.id, max }, abort.signal);
      return "data" in answer ? Buffer.from(answer.data, "base64") : undefined;
    },
    changing: (root) => void peer.notify("run/changing", { runId: run.id, root }),
    size: () => run.size,
  };
}
