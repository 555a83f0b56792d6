import { renameSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type BetterSqlite3 from "better-sqlite3";
import { errnoOf } from "../std/errors.ts";
import { makePrivateFolder } from "../std/make-folder.ts";

/** A connection to one of our SQLite files. Statements may be prepared and kept per connection (`WeakMap`). */
export type Connection = BetterSqlite3.Database;
export type Statement = BetterSqlite3.Statement;

/**
 * A database whose loss costs time but never an answer. Whatever happens to its file, `use` goes on: a corrupt file is set aside and begun anew, a
 * deleted one is made again, and where nothing can be written (full, read-only, no folder) the database lives in memory until the daemon ends.
 */
export interface Database {
  /** Runs `work`, once more after a repair if the file turned out to be unusable. `work` must bear being repeated. */
  use<T>(work: (connection: Connection) => T): T;
  /** True while nothing is kept on disk. */
  readonly inMemory: boolean;
  /** What people should be told, each once: one line per repair since the last time. */
  takeWarnings(): readonly string[];
  close(): void;
}

export interface DatabaseOptions {
  /** SQL by version: element 0 makes version 1 out of nothing. Never changed once released, only added to. */
  readonly migrations: readonly string[];
}

type Open = (path: string) => Connection;

const IN_MEMORY = ":memory:";
/** SQLITE_ERROR: the file has other tables than its version says, so it is of no use either. */
const CORRUPT = /^SQLITE_(?:CORRUPT|NOTADB|ERROR$)/;
const UNWRITABLE = /^SQLITE_(?:BUSY|FULL|READONLY|IOERR|CANTOPEN|PERM|NOLFS)/;
/** How long another process may hold the file, in milliseconds. */
const BUSY_TIMEOUT = 2_000;

/**
 * Opens the database at `path` (absolute) and brings it to the newest version. Its folder is made if need be, for the user alone. Does not fail.
 * A file of a newer pipd is set aside like a corrupt one.
 */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  return createDatabase(path, (at) => prepare(connect(at, BUSY_TIMEOUT), options.migrations));
}

/**
 * A plain connection to the file at `path`, which is made if need be; `busyTimeout` in milliseconds. Throws SQLite's errors.
 * better-sqlite3 is loaded with the first one: it takes longer than the start of a daemon may.
 */
export function connect(path: string, busyTimeout: number): Connection {
  const Sqlite = createRequire(import.meta.url)("better-sqlite3") as typeof BetterSqlite3;
  return new Sqlite(path, { timeout: busyTimeout });
}

/** What is wrong with the database at `path`, in SQLite's words, or undefined when it is sound. Changes nothing, and lets others use it meanwhile. */
export function databaseFault(path: string): string | undefined {
  let connection: Connection | undefined;
  try {
    connection = connect(path, BUSY_TIMEOUT);
    connection.pragma("query_only = ON");
    const answer = connection.pragma("quick_check(1)", { simple: true }) as string;
    return answer === "ok" ? undefined : answer;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (connection !== undefined) close(connection);
  }
}

function createDatabase(path: string, open: Open): Database {
  const warnings: string[] = [];
  let { connection, identity } = openSafely(path, open, warnings);

  function reopen(reason: string, setAside: boolean): void {
    close(connection);
    if (setAside) {
      warnings.push(`The cache ${path} was corrupt; ${asideText(path)}.`);
    } else {
      warnings.push(reason);
    }
    ({ connection, identity } = openSafely(path, open, warnings));
  }

  function toMemory(reason: string): void {
    close(connection);
    warnings.push(memoryText(path, reason));
    connection = open(IN_MEMORY);
    identity = undefined;
  }

  /** Throws the error again if no repair helps against it. */
  function repair(error: unknown): void {
    const code = errnoOf(error) ?? "";
    if (identity !== undefined && CORRUPT.test(code)) {
      reopen("", true);
    } else if (identity !== undefined && UNWRITABLE.test(code)) {
      toMemory(code);
    } else {
      throw error;
    }
  }

  return {
    use(work) {
      if (identity !== undefined && identity !== identityOf(path)) {
        reopen(`The cache ${path} was deleted while in use and has been made anew.`, false);
      }
      try {
        return work(connection);
      } catch (error) {
        repair(error);
        return work(connection);
      }
    },
    get inMemory() {
      return identity === undefined;
    },
    takeWarnings: () => warnings.splice(0),
    close: () => close(connection),
  };
}

interface Opened {
  readonly connection: Connection;
  /** Device and inode; undefined: in memory. */
  readonly identity: string | undefined;
}

/** Opens the file; a corrupt one is set aside first; memory if all else fails. */
function openSafely(path: string, open: Open, warnings: string[]): Opened {
  for (let attempt = 0; ; attempt++) {
    try {
      makePrivateFolder(dirname(path));
      return { connection: open(path), identity: identityOf(path) };
    } catch (error) {
      const code = errnoOf(error) ?? "";
      if (attempt === 0 && (CORRUPT.test(code) || error instanceof NewerDatabase)) {
        warnings.push(
          `The cache ${path} was ${error instanceof NewerDatabase ? "of a newer pipd" : "corrupt"}; ${asideText(path)}.`,
        );
        continue;
      }
      warnings.push(memoryText(path, code === "" ? String(error) : code));
      return { connection: open(IN_MEMORY), identity: undefined };
    }
  }
}

class NewerDatabase extends Error {}

function prepare(connection: Connection, migrations: readonly string[]): Connection {
  try {
    connection.pragma("journal_mode = WAL");
    connection.pragma("synchronous = NORMAL"); // Losing the newest rows in a power cut is fine, a corrupt file is not.
    const version = connection.pragma("user_version", { simple: true }) as number;
    if (version > migrations.length) {
      throw new NewerDatabase();
    }
    if (version < migrations.length) {
      migrate(connection, migrations);
    }
    return connection;
  } catch (error) {
    close(connection);
    throw error;
  }
}

/** In one transaction; another process may have been faster. */
function migrate(connection: Connection, migrations: readonly string[]): void {
  connection
    .transaction(() => {
      const version = connection.pragma("user_version", { simple: true }) as number;
      for (const sql of migrations.slice(version)) {
        connection.exec(sql);
      }
      connection.pragma(`user_version = ${migrations.length}`);
    })
    .immediate();
}

/** Moves the file out of the way, over an older one of its kind, and says where it is now. */
function asideText(path: string): string {
  try {
    renameSync(path, `${path}.corrupt`);
    for (const ending of ["-wal", "-shm"]) {
      rmSync(`${path}${ending}`, { force: true });
    }
    return `it was set aside as ${path}.corrupt and begun anew`;
  } catch {
    return "it is begun anew";
  }
}

function memoryText(path: string, reason: string): string {
  return `The cache ${path} cannot be used (${reason}); pipd goes on without it.`;
}

function identityOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
  } catch {
    return "";
  }
}

function close(connection: Connection): void {
  try {
    connection.close();
  } catch {
    // A connection to a broken file may not close cleanly; it is not used again.
  }
}
