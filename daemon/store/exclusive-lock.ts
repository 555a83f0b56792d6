import { dirname } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { makePrivateFolder } from "../std/make-folder.ts";
import { type Connection, connect } from "./database.ts";

/** A lock that is held until it is released, nothing refers to it any more, or this process ends, however it ends: the kernel frees it. */
export interface ExclusiveLock {
  release(): void;
}

/** How long the decision between several starters may take, in milliseconds: without it all of them could lose. */
const DECISION = 100;

/**
 * Takes the lock at `path`, or says that somebody else has it, in this process or another.
 *
 * The file is a SQLite database under BEGIN EXCLUSIVE, which is a POSIX lock: closing any descriptor of it anywhere in the process frees it, so
 * nothing else may ever open `path` (who holds it belongs into a file beside it). Throws PipdError "lock-failed" if the file cannot be made or
 * locked at all.
 *
 * @param decision milliseconds that this thread may be blocked while several ask at once; with 0 all of them may be told "busy"
 */
export function openExclusiveLock(path: string, decision: number = DECISION): ExclusiveLock | "busy" {
  let connection: Connection | undefined;
  try {
    makePrivateFolder(dirname(path));
    connection = connect(path, decision);
    connection.pragma("journal_mode = MEMORY"); // Nothing is ever written, so the disk may be full.
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection?.close();
    if (errnoOf(error)?.startsWith("SQLITE_BUSY")) {
      return "busy";
    }
    throw new PipdError("lock-failed", `Could not lock ${path}: ${errnoOf(error) ?? String(error)}`, {
      hint: "Make room on the disk, or make the folder writable.",
      cause: error,
    });
  }
  const held = connection;
  return { release: () => void held.close() };
}
