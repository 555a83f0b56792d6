import type { DaemonStatus } from "../../protocol/methods.ts";
import type { PreviousDaemon, RunStatus } from "../../protocol/status.ts";
import type { Observation } from "../operations/observation.ts";
import { redactSecrets } from "./redaction.ts";
import type { Run, Runs } from "./runs.ts";
import { renderStatus } from "./status-text.ts";

/** What the status is made from. */
export interface StatusParts {
  readonly self: Pick<DaemonStatus, "pid" | "version" | "buildId" | "startedAt" | "client">;
  readonly folders: DaemonStatus["folders"];
  readonly socket: string;
  readonly logPath: string;
  readonly startReason?: string;
  readonly previous?: PreviousDaemon;
  readonly memory: () => DaemonStatus["memory"];
  readonly eventLoop: () => DaemonStatus["eventLoop"];
  readonly idleExitMs: number;
  readonly http: () => DaemonStatus["http"];
  /** Undefined until the program is loaded. */
  readonly observation: () => Observation | undefined;
  /** ms since 1970. */
  readonly now: () => number;
  /** Monotonic ms. */
  readonly elapsed: () => number;
}

/** The answer to `daemon/status`: of this moment, and waiting for no run (R28). */
export async function describeDaemon(
  parts: StatusParts,
  runs: Pick<Runs, "list" | "served">,
  { connections, retiring }: { readonly connections: number; readonly retiring: boolean },
): Promise<DaemonStatus> {
  const observation = parts.observation();
  const program = await observation?.status();
  const http = parts.http();
  const { rss, heapUsed } = parts.memory();
  const facts = {
    ...parts.self,
    uptimeMs: parts.now() - parts.self.startedAt,
    state: retiring ? ("retiring" as const) : ("serving" as const),
    ...(parts.startReason === undefined ? {} : { startReason: parts.startReason }),
    ...(parts.previous === undefined ? {} : { previous: parts.previous }),
    socket: parts.socket,
    folders: parts.folders,
    logPath: parts.logPath,
    connections,
    runs: runs.list().map((run) => describeRun(run, parts, observation)),
    runsServed: runs.served,
    memory: { rss, heapUsed },
    ...(parts.eventLoop() === undefined ? {} : { eventLoop: parts.eventLoop() }),
    idleExitMs: parts.idleExitMs,
    ...(http === undefined ? {} : { http }),
    ...(program === undefined ? {} : { program }),
  };
  return { ...facts, text: renderStatus(facts) };
}

function describeRun(run: Run, parts: StatusParts, observation: Observation | undefined): RunStatus {
  const { pid, command, cwd, signal } = run;
  const elapsedMs = parts.elapsed() - run.startedAt;
  const holder = observation?.waitingFor(signal);
  return {
    pid,
    command,
    cwd,
    startedAt: Math.round(parts.now() - elapsedMs),
    elapsedMs,
    state: holder === undefined ? "running" : "waiting",
    ...(holder === undefined ? {} : { waitingFor: { ...holder, command: redactSecrets(holder.command) } }),
  };
}
