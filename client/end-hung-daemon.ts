import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Places } from "./places.ts";
import { startOf } from "./process-start.ts";

/** Time for a killed process to be gone. */
const GONE_MS = 5000;

/**
 * Kills a daemon that accepts connections and answers nothing. The file that says its pid is not believed (R22): the process has to be one that was started
 * as the daemon of exactly these folders. Gives its pid, or undefined when there is no such process; the environments it was changing are repaired by the next command.
 */
export async function endHungDaemon({ paths, folders }: Places): Promise<number | undefined> {
  const pid = readPid(paths.about);
  const isDaemon = (): boolean => readCommand(pid).includes(`--folders=${JSON.stringify(folders)}`);
  if (pid === undefined || !isDaemon()) return undefined;
  process.kill(pid, "SIGKILL");
  for (let waited = 0; !isGone(pid) && waited < GONE_MS; waited += 10) await sleep(10);
  return pid;
}

/** Its command line goes first, its socket last: until then it still takes connections. The first thread may end before the others. */
function isGone(pid: number): boolean {
  try {
    return startOf(pid) === undefined && readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch {
    return true;
  }
}

function readPid(path: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(path, "utf8")) as { readonly pid?: unknown };
    return Number.isSafeInteger(pid) && Number(pid) > 1 ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** The words a process was started with; none when it has ended, is another user's, or the system does not say. */
function readCommand(pid: number | undefined): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
