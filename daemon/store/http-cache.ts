import CachePolicy from "http-cache-semantics";
import { type Connection, type Database, openDatabase, type Statement } from "./database.ts";

/** An answer as remembered: what to make of it is the caller's affair. */
export interface CachedAnswer {
  /** The URL it came from in the end. */
  readonly url: string;
  readonly status: number;
  /** Whatever the caller made of the body. */
  readonly content: string;
}

/** What the cache says to a request. */
export interface CacheLookup {
  readonly answer: CachedAnswer;
  /** The answer may be used without asking the server. */
  readonly fresh: boolean;
  /** Headers that make the request conditional, to be sent if the answer is not fresh or not to be trusted. */
  readonly conditions: Readonly<Record<string, string>>;
}

export interface CacheRequest {
  /** Everything the answer depends on: URL, credentials, network settings. */
  readonly key: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface CacheResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * What indexes have answered. Pages are kept with their freshness (RFC 9111, a private cache without heuristics: an answer that does not say how long
 * it lasts is asked for again each time); texts that can never change are kept for good.
 */
export interface HttpCache {
  /** Undefined if nothing usable is known. */
  find(request: CacheRequest): CacheLookup | undefined;
  /** Keeps an answer, if it may be kept. */
  store(request: CacheRequest, response: CacheResponse, answer: CachedAnswer): void;
  /** The server has confirmed what {@link find} gave (304): it is as fresh as the server says now. */
  refresh(request: CacheRequest, response: CacheResponse): void;
  findText(key: string): string | undefined;
  storeText(key: string, text: string): void;
  /** Everything there is: rows, and bytes of the files. */
  size(): { readonly pages: number; readonly texts: number; readonly bytes: number };
  /** Forgets everything; gives how many rows there were. */
  clear(): number;
  /** Where it is, even if nothing is there yet. */
  readonly location: string;
  /** What people should be told, each once. */
  takeWarnings(): readonly string[];
  close(): void;
}

const MIGRATIONS = [
  `CREATE TABLE page (
     key TEXT PRIMARY KEY, url TEXT NOT NULL, status INTEGER NOT NULL, policy TEXT NOT NULL, content TEXT NOT NULL, used INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE text (key TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;`,
];

/** Rows that nobody asked for that long are dropped when the database is opened, in milliseconds. */
const LONGEST_UNUSED = 90 * 24 * 3600 * 1000;
/** `used` is written again only when it is older than that. */
const USED_PRECISION = 24 * 3600 * 1000;

interface PageRow {
  readonly url: string;
  readonly status: number;
  readonly policy: string;
  readonly content: string;
  readonly used: number;
}

/** The cache in the database at `path` (absolute), opened with the first use. `clock` gives milliseconds since the epoch. */
export function createHttpCache(path: string, clock: () => number): HttpCache {
  const Policy = policyWith(clock);
  let database: Database | undefined;

  const use = <T>(work: (connection: Connection) => T): T => {
    if (database === undefined) {
      database = openDatabase(path, { migrations: MIGRATIONS });
      database.use((sql) => sql.prepare("DELETE FROM page WHERE used < ?").run(clock() - LONGEST_UNUSED));
    }
    return database.use(work);
  };
  const policyOf = ({ url, headers }: CacheRequest, response: { status: number; headers: Record<string, string> }) =>
    new Policy({ url, method: "GET", headers }, response, { shared: false, cacheHeuristic: 0 });
  const rowOf = (key: string) =>
    use((sql) => statement(sql, "SELECT url, status, policy, content, used FROM page WHERE key = ?").get(key)) as
      | PageRow
      | undefined;

  return {
    location: path,
    find(request) {
      const row = rowOf(request.key);
      if (row === undefined) {
        return undefined;
      }
      const policy = Policy.fromObject(JSON.parse(row.policy) as CachePolicy.CachePolicyObject);
      const asked = { url: request.url, method: "GET", headers: request.headers };
      const fresh = policy.satisfiesWithoutRevalidation(asked);
      if (row.used < clock() - USED_PRECISION) {
        use((sql) => statement(sql, "UPDATE page SET used = ? WHERE key = ?").run(clock(), request.key));
      }
      const conditions = conditionsOf(policy.revalidationHeaders(asked));
      return { answer: { url: row.url, status: row.status, content: row.content }, fresh, conditions };
    },
    store(request, response, answer) {
      const headers = relevant(response.headers);
      const policy = policyOf(request, { status: response.status, headers });
      const useful = policy.timeToLive() > 0 || "etag" in headers || "last-modified" in headers;
      if (!useful || !policy.storable()) {
        use((sql) => statement(sql, "DELETE FROM page WHERE key = ?").run(request.key));
        return;
      }
      const row = [request.key, answer.url, answer.status, JSON.stringify(policy.toObject()), answer.content, clock()];
      use((sql) => statement(sql, "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?)").run(...row));
    },
    refresh(request, response) {
      const row = rowOf(request.key);
      if (row !== undefined) {
        const { resh } = JSON.parse(row.policy) as CachePolicy.CachePolicyObject;
        const { age: _age, date: _date, ...kept } = resh as Record<string, string>;
        // Not revalidatedPolicy: it forgets the validators if the server does not repeat them.
        const policy = policyOf(request, { status: row.status, headers: { ...kept, ...relevant(response.headers) } });
        use((sql) =>
          statement(sql, "UPDATE page SET policy = ? WHERE key = ?").run(
            JSON.stringify(policy.toObject()),
            request.key,
          ),
        );
      }
    },
    findText: (key) =>
      use((sql) => statement(sql, "SELECT content FROM text WHERE key = ?").pluck().get(key)) as string | undefined,
    storeText(key, text) {
      use((sql) => statement(sql, "INSERT OR REPLACE INTO text VALUES (?, ?)").run(key, text));
    },
    size: () =>
      use((sql) => ({
        pages: count(sql, "page"),
        texts: count(sql, "text"),
        bytes:
          (sql.pragma("page_count", { simple: true }) as number) *
          (sql.pragma("page_size", { simple: true }) as number),
      })),
    clear: () =>
      use((sql) => {
        const rows = count(sql, "page") + count(sql, "text");
        sql.exec("DELETE FROM page; DELETE FROM text; VACUUM;");
        return rows;
      }),
    takeWarnings: () => database?.takeWarnings() ?? [],
    close() {
      database?.close();
      database = undefined;
    },
  };
}

/** The headers that freshness depends on; the others only take room. */
const RELEVANT = ["age", "cache-control", "date", "etag", "expires", "last-modified", "pragma", "vary"];

/** http-cache-semantics on our clock instead of the machine's. */
function policyWith(clock: () => number): typeof CachePolicy {
  return class extends CachePolicy {
    // The types of http-cache-semantics leave this method out; all its other methods ask it for the time.
    now(): number {
      return clock();
    }
  };
}

const statements = new WeakMap<Connection, Map<string, Statement>>();

/** A prepared statement, made once per connection. */
function statement(connection: Connection, sql: string): Statement {
  const known = statements.get(connection) ?? new Map<string, Statement>();
  statements.set(connection, known);
  const prepared = known.get(sql) ?? connection.prepare(sql);
  known.set(sql, prepared);
  return prepared;
}

function count(connection: Connection, table: "page" | "text"): number {
  return connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
}

function relevant(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => RELEVANT.includes(name)));
}

/** The conditional headers alone: the rest of the request is the caller's. */
function conditionsOf(headers: CachePolicy.Headers): Readonly<Record<string, string>> {
  const conditions: Record<string, string> = {};
  for (const name of ["if-none-match", "if-modified-since"]) {
    const value = headers[name];
    if (typeof value === "string") {
      conditions[name] = value;
    }
  }
  return conditions;
}
