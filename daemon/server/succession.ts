import { readFileSync, rmSync } from "node:fs";
import type { DaemonPaths } from "../../protocol/session.ts";
import { writeFileAtomically } from "../std/files.ts";
import type { End } from "./lifecycle.ts";

/** What one daemon tells the next in the folder they share: why it went. Only for people; nothing is decided from it (R22). */
export interface Predecessor {
  /** Why this daemon serves in place of the other, for `daemon status`. */
  readonly reason: string;
  /** The line that the first person is told (R35). */
  readonly notice?: string;
}

/** Leaves word for the next daemon. A folder that is gone or full takes none. */
export function leaveWord({ ended }: DaemonPaths, end: End): void {
  try {
    writeFileAtomically(ended, JSON.stringify(end));
  } catch {
    // The next one then starts without a word.
  }
}

/**
 * Whose place this daemon takes, if it takes anybody's; to be asked once, by whoever holds the lock.
 * @param asked the reason of the client that started this daemon, for a predecessor that left no word.
 */
export function takeWord({ ended, about }: DaemonPaths, asked: string | undefined): Predecessor | undefined {
  const word = readFacts<End>(ended);
  rmSync(ended, { force: true, recursive: true });
  const reason = word === undefined ? asked : word.successor === true ? word.reason : undefined;
  if (typeof reason === "string") return { reason, notice: `pipd: restarted the daemon (${reason})` };
  const killed = word === undefined ? readFacts<{ readonly pid?: number }>(about) : undefined;
  rmSync(about, { force: true, recursive: true });
  if (killed?.pid === undefined) return undefined;
  return { reason: `the daemon before it (pid ${killed.pid}) was killed` };
}

/** A JSON object in a file, undefined when there is none that can be read. */
function readFacts<T>(path: string): Partial<T> | undefined {
  try {
    const facts = JSON.parse(readFileSync(path, "utf8")) as unknown;
    return typeof facts === "object" && facts !== null ? facts : undefined;
  } catch {
    return undefined;
  }
}
