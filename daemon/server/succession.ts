import { readFileSync, rmSync } from "node:fs";
import type { DaemonPaths } from "../../protocol/session.ts";
import type { PreviousDaemon } from "../../protocol/status.ts";
import { writeFileAtomically } from "../std/files.ts";
import type { End } from "./lifecycle.ts";

/** What one daemon tells the next in the folder they share: why it went. Only for people; nothing is decided from it (R22). */
export interface Predecessor {
  /** Why this daemon serves in place of the other, when it does, for `daemon status`. */
  readonly reason?: string;
  /** The line that the first person is told (R35). */
  readonly notice?: string;
  /** Who it was, also when it went for good. */
  readonly previous?: PreviousDaemon;
}

/** What the daemon that ends writes down. */
interface Word extends End {
  /** ms since 1970. */
  readonly endedAt: number;
}

/** Leaves word for the next daemon. A folder that is gone or full takes none. */
export function leaveWord({ ended }: DaemonPaths, end: End, endedAt: number): void {
  try {
    writeFileAtomically(ended, JSON.stringify({ ...end, endedAt } satisfies Word));
  } catch {
    // The next one then starts without a word.
  }
}

/**
 * Whose place this daemon takes, if it takes anybody's; to be asked once, by whoever holds the lock.
 * @param asked the reason of the client that started this daemon, for a predecessor that left no word.
 */
export function takeWord({ ended, about }: DaemonPaths, asked: string | undefined): Predecessor {
  const word = readFacts<Word>(ended);
  rmSync(ended, { force: true, recursive: true });
  const who = readFacts<PreviousDaemon>(about);
  rmSync(about, { force: true, recursive: true });
  const previous = previousDaemon(who, word);
  const known = previous === undefined ? {} : { previous };
  const reason = word === undefined ? asked : word.successor === true ? word.reason : undefined;
  if (typeof reason === "string") return { reason, notice: `pipd: restarted the daemon (${reason})`, ...known };
  if (word !== undefined || who?.pid === undefined) return known;
  return { reason: `the daemon before it (pid ${who.pid}) was killed`, ...known };
}

function previousDaemon(
  who: Partial<PreviousDaemon> | undefined,
  word: Partial<Word> | undefined,
): PreviousDaemon | undefined {
  const { pid, startedAt, buildId } = who ?? {};
  if (typeof pid !== "number" || typeof startedAt !== "number" || typeof buildId !== "string") return undefined;
  const { reason: endReason, endedAt } = word ?? {};
  const ended = typeof endReason === "string" && typeof endedAt === "number" ? { endedAt, endReason } : {};
  return { pid, startedAt, buildId, ...ended };
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
