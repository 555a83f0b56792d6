import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { writeFileAtomically } from "../std/files.ts";
import type { Connection } from "./database.ts";

/** A lock that is held until it is released or this process ends, however it ends: the kernel frees it. */
export interface ExclusiveLock {
  release(): void;
}

/** Somebody else has it. `owner` is what that one wrote beside it, or undefined where it had no time to; it is for messages, not for decisions. */
export interface LockBusy<Owner> {
  readonly busy: true;
  readonly owner: Owner | undefined;
}

/** How long the decision between several starters may take, in milliseconds: without it all of them could lose. */
const DECISION = 100;

/**
 * Takes the lock at `path`, or says who has it. `owner` must be JSON; it goes into `<path>.owner`.
 *
 * The lock is a SQLite database under BEGIN EXCLUSIVE, which is a POSIX lock: closing any descriptor of the file anywhere in the process frees it, so
 * nothing else may ever open `path`. Throws PipdError "lock-failed" if the file cannot be made or locked at all.
 */
export async function acquireLock<Owner>(path: string, owner: Owner): Promise<ExclusiveLock | LockBusy<Owner>> {
  const { default: Sqlite } = await import("better-sqlite3");
  let connection: Connection | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    connection = new Sqlite(path, { timeout: DECISION });
    connection.pragma("journal_mode = MEMORY"); // Nothing is ever written, so the disk may be full.
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection?.close();
    if (errnoOf(error)?.startsWith("SQLITE_BUSY")) {
      return { busy: true, owner: readOwner<Owner>(path) };
    }
    throw new PipdError("lock-failed", `Could not lock ${path}: ${errnoOf(error) ?? String(error)}`, { cause: error });
  }
  return hold(connection, path, owner);
}

function hold<Owner>(connection: Connection, path: string, owner: Owner): ExclusiveLock {
  const ownerPath = `${path}.owner`;
  try {
    writeFileAtomically(ownerPath, JSON.stringify(owner));
  } catch {
    // The name of the owner is a courtesy.
  }
  let held = true;
  return {
    release() {
      if (held) {
        held = false;
        rmSync(ownerPath, { force: true });
        connection.close();
      }
    },
  };
}

function readOwner<Owner>(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(`${path}.owner`, "utf8")) as Owner;
  } catch {
    return undefined;
  }
}
