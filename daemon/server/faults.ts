import { PipdError } from "../std/errors.ts";
import { writeCrashFile } from "./crash-file.ts";
import type { DaemonServer } from "./daemon-server.ts";
import type { End } from "./lifecycle.ts";
import type { Log } from "./log.ts";

export interface FaultParts {
  readonly log: Log;
  readonly logPath: string;
  readonly stateFolder: string;
  readonly isDaemon: boolean;
  readonly pid: number;
  /** Constant facts for the crash file, such as version and platform. */
  readonly facts: Readonly<Record<string, string>>;
  /** ms since 1970. */
  readonly now: () => number;
  readonly memory: () => { readonly rss: number; readonly heapUsed: number };
  /** Undefined until it is made. */
  readonly server: () => DaemonServer | undefined;
  readonly unreachable: (end: End) => void;
  /** Ends the process when what is on its way has been written. */
  readonly leave: () => void;
}

/**
 * What is done about a fault that nobody caught (R61): nobody finds the daemon any more, log and crash file have the story, those who wait get an
 * answer that names both, and the process ends. It does this once; further faults on the way out are only logged.
 */
export function createFaultHandler(parts: FaultParts): (error: unknown) => void {
  let ending = false;
  return (error) => {
    parts.log.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      "uncaught error",
    );
    if (ending) return;
    ending = true;
    parts.unreachable({ reason: "it met a fault", successor: true });
    const runs = parts.server()?.runs;
    const { rss, heapUsed } = parts.memory();
    const now = parts.now();
    const path = writeCrashFile(parts.stateFolder, {
      error,
      at: now,
      isDaemon: parts.isDaemon,
      pid: parts.pid,
      facts: {
        time: new Date(now).toISOString(),
        pid: String(parts.pid),
        ...parts.facts,
        memory: `${rss} bytes, ${heapUsed} of them heap`,
        runs: (runs?.list() ?? []).map(({ pid, command }) => `${command} (pid ${pid})`).join("; ") || "none",
      },
    });
    runs?.failAll(
      new PipdError("internal-error", `pipd met a fault: ${error instanceof Error ? error.message : String(error)}`, {
        hint: `The log has the details: ${parts.logPath}${path === undefined ? "" : `; so has ${path}`}`,
      }),
    );
    parts.leave();
  };
}
