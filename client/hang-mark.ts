import { lstatSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { DaemonPaths } from "../protocol/session.ts";

/**
 * A daemon that accepts connections and answers nothing costs the command that finds this out some seconds. It leaves a mark, so that those after it
 * wait but a moment: a file with what tells this daemon's socket from the next one's. Whoever gets an answer takes it away.
 */
type Paths = Pick<DaemonPaths, "hung" | "socket">;

/** How long a mark counts, in ms: a daemon that only had no time is trusted again. */
const COUNTS_MS = 60_000;

export function noteHang({ hung, socket }: Paths): void {
  try {
    writeFileSync(hung, identityOf(socket), { mode: 0o600 });
  } catch {
    // Then the next command waits as this one did.
  }
}

/** Whether the daemon at this socket did not answer within the last minute. Takes a mark away that says nothing any more: the native client leaves all to this one while there is any. */
export function isKnownToHang(paths: Paths): boolean {
  try {
    const age = Date.now() - statSync(paths.hung).mtimeMs;
    if (age >= 0 && age < COUNTS_MS && readFileSync(paths.hung, "utf8") === identityOf(paths.socket)) return true;
    forgetHang(paths);
  } catch {
    // There is none, or no daemon.
  }
  return false;
}

export function forgetHang({ hung }: Paths): void {
  try {
    rmSync(hung, { force: true, recursive: true });
  } catch {
    // It counts for a minute at most.
  }
}

function identityOf(path: string): string {
  const { ino, mtimeNs } = lstatSync(path, { bigint: true });
  return `${ino} ${mtimeNs}`;
}
