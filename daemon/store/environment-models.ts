import { type Database, openDatabase } from "./database.ts";

/** The name of the database file in a cache folder. */
export const ENVIRONMENT_DATABASE = "environments-v1.db";

/** What is known of interpreters and of the folders of environments, over restarts of the daemon. Losing it costs reading them again. */
export interface EnvironmentModels {
  /** The text of a key, which counts as used now, or undefined. */
  get(key: string): string | undefined;
  set(key: string, text: string): void;
  /** Forgets everything; gives how many texts there were. */
  clear(): number;
}

const MIGRATIONS = [
  "CREATE TABLE model (key TEXT NOT NULL UNIQUE, used INTEGER NOT NULL, content TEXT NOT NULL);",
  "CREATE INDEX model_used ON model (used);",
];

/** Interpreters and folders. A folder of a hundred packages takes about 100 kB. */
const MOST = 200;

/** The texts in the database at `path` (absolute), opened with the first use; those used longest ago are dropped. `clock` gives milliseconds since 1970. */
export function createEnvironmentModels(path: string, clock: () => number, most: number = MOST): EnvironmentModels {
  let database: Database | undefined;
  const open = (): Database => (database ??= openDatabase(path, { migrations: MIGRATIONS }));
  return {
    get: (key) =>
      open().use((sql) => {
        const row = sql.prepare("SELECT content FROM model WHERE key = ?").pluck().get(key) as string | undefined;
        if (row !== undefined) sql.prepare("UPDATE model SET used = ? WHERE key = ?").run(clock(), key);
        return row;
      }),
    set: (key, text) =>
      open().use((sql) => {
        sql.prepare("INSERT OR REPLACE INTO model VALUES (?, ?, ?)").run(key, clock(), text);
        sql
          .prepare(
            "DELETE FROM model WHERE key IN (SELECT key FROM model ORDER BY used DESC, rowid DESC LIMIT -1 OFFSET ?)",
          )
          .run(most);
      }),
    clear: () =>
      open().use((sql) => {
        const { changes } = sql.prepare("DELETE FROM model").run();
        sql.exec("VACUUM");
        return changes;
      }),
  };
}
