import CachePolicy from "http-cache-semantics";
import { type Connection, type Database, openDatabase, type Statement } from "./database.ts";
import { createWriteBehind } from "./write-behind.ts";

/** An answer as remembered. */
export interface CachedAnswer {
  readonly status: number;
  /** Another one whenever the content is stored anew: what was made of the content may be kept as long as it stays the same. */
  readonly version: number;
  /** Reads the content from the disk; undefined if it is gone. */
  readonly content: () => CachedContent | undefined;
}

/** An answer's body as it was sent, and what is needed to read it. */
export interface CachedContent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Where it came from in the end, without credentials. */
  readonly url: string;
}

/** What the cache says to a request. */
export interface CacheLookup {
  readonly answer: CachedAnswer;
  /** The answer may be used without asking the server. */
  readonly fresh: boolean;
  /** For how long it may, in milliseconds; 0 if it may not. */
  readonly freshFor: number;
  /** Headers that make the request conditional, to be sent if the answer is not fresh or not to be trusted. */
  readonly conditions: Readonly<Record<string, string>>;
}

export interface StoredAnswer {
  readonly version: number;
  /** Milliseconds. */
  readonly freshFor: number;
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
  /** Keeps an answer, if it may be kept; undefined if not. */
  store(request: CacheRequest, response: CacheResponse, content: CachedContent): StoredAnswer | undefined;
  /** The server has confirmed what {@link find} gave (304): it is as fresh as the server says now; gives for how long, in
   * milliseconds. */
  refresh(request: CacheRequest, response: CacheResponse): number;
  /** Forgets the answer to a request with this key. */
  forget(key: string): void;
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
  /** Writes what waits to be written (answers are, for a moment, so that nobody waits for the disk). */
  flush(): void;
  close(): void;
}

/** The name of the database file in a cache folder. */
export const INDEX_DATABASE = "index-v1.db";

/** With a rowid: in a table without one the search for a key reads whole rows, contents included. */
const MIGRATIONS = [
  `CREATE TABLE page (
     key TEXT NOT NULL UNIQUE, status INTEGER NOT NULL, version INTEGER NOT NULL, used INTEGER NOT NULL, policy TEXT NOT NULL, content TEXT NOT NULL
   );
   CREATE TABLE text (key TEXT NOT NULL UNIQUE, content TEXT NOT NULL);`,
  // Rows of pages have other columns now.
  "DELETE FROM page",
  // Bodies are kept as they were sent.
  `DROP TABLE page;
   CREATE TABLE page (
     key TEXT NOT NULL UNIQUE, status INTEGER NOT NULL, version INTEGER NOT NULL, used INTEGER NOT NULL, policy TEXT NOT NULL,
     head TEXT NOT NULL, body BLOB NOT NULL
   );`,
];

/** Rows that nobody asked for that long are dropped when the database is opened, in milliseconds. */
const LONGEST_UNUSED = 90 * 24 * 3600 * 1000;
/** `used` is written again only when it is older than that. */
const USED_PRECISION = 24 * 3600 * 1000;

/** The content is left out: reading it takes longer than all the rest. */
interface PageRow {
  readonly status: number;
  readonly version: number;
  readonly used: number;
  readonly policy: string;
}

interface WaitingPage extends PageRow {
  readonly key: string;
  readonly content: CachedContent;
}

interface WaitingText {
  readonly key: string;
  readonly text: string;
}

/** The names under which rows wait. */
const pageName = (key: string): string => `page ${key}`;
const textName = (key: string): string => `text ${key}`;

/** The cache in the database at `path` (absolute), opened with the first use. `clock` gives milliseconds since the epoch. */
export function createHttpCache(path: string, clock: () => number): HttpCache {
  const Policy = policyWith(clock);
  let database: Database | undefined;
  let latest = 0;

  const use = <T>(work: (connection: Connection) => T): T => {
    if (database === undefined) {
      database = openDatabase(path, { migrations: MIGRATIONS });
      database.use((sql) => sql.prepare("DELETE FROM page WHERE used < ?").run(clock() - LONGEST_UNUSED));
    }
    return database.use(work);
  };
  const policyOf = ({ url, headers }: CacheRequest, response: { status: number; headers: Record<string, string> }) =>
    new Policy({ url, method: "GET", headers }, response, { shared: false, cacheHeuristic: 0 });
  const waiting = createWriteBehind<WaitingPage | WaitingText>((work) =>
    use((sql) => sql.transaction(() => work((row) => writeRow(sql, row)))()),
  );
  const waitingPage = (key: string) => waiting.get(pageName(key)) as WaitingPage | undefined;
  const rowOf = (key: string) =>
    waitingPage(key) ??
    (use((sql) => statement(sql, "SELECT status, version, used, policy FROM page WHERE key = ?").get(key)) as
      | PageRow
      | undefined);

  const contentOf = (key: string): CachedContent | undefined => {
    const page = waitingPage(key);
    if (page !== undefined) return page.content;
    const row = use((sql) => statement(sql, "SELECT head, body FROM page WHERE key = ?").get(key)) as
      | { readonly head: string; readonly body: Uint8Array }
      | undefined;
    return row && { ...(JSON.parse(row.head) as Pick<CachedContent, "headers" | "url">), body: row.body };
  };

  const forget = (key: string): void => {
    waiting.delete(pageName(key));
    use((sql) => statement(sql, "DELETE FROM page WHERE key = ?").run(key));
  };

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
      const answer = { status: row.status, version: row.version, content: () => contentOf(request.key) };
      return { answer, fresh, freshFor: fresh ? policy.timeToLive() : 0, conditions };
    },
    store(request, response, content) {
      const headers = relevant(response.headers);
      const policy = policyOf(request, { status: response.status, headers });
      const useful = policy.timeToLive() > 0 || "etag" in headers || "last-modified" in headers;
      if (!useful || !policy.storable()) {
        forget(request.key);
        return undefined;
      }
      const version = Math.max(clock(), latest + 1);
      latest = version;
      const row = {
        key: request.key,
        status: response.status,
        version,
        used: clock(),
        policy: JSON.stringify(policy.toObject()),
        content,
      };
      waiting.put(pageName(request.key), row, content.body.byteLength);
      return { version, freshFor: Math.max(0, policy.timeToLive()) };
    },
    refresh(request, response) {
      const row = rowOf(request.key);
      if (row === undefined) {
        return 0;
      }
      const { resh } = JSON.parse(row.policy) as CachePolicy.CachePolicyObject;
      const { age: _age, date: _date, ...kept } = resh as Record<string, string>;
      // Not revalidatedPolicy: it forgets the validators if the server does not repeat them.
      const policy = policyOf(request, { status: row.status, headers: { ...kept, ...relevant(response.headers) } });
      const text = JSON.stringify(policy.toObject());
      const page = waitingPage(request.key);
      if (page !== undefined)
        waiting.put(pageName(request.key), { ...page, policy: text }, page.content.body.byteLength);
      else use((sql) => statement(sql, "UPDATE page SET policy = ? WHERE key = ?").run(text, request.key));
      return Math.max(0, policy.timeToLive());
    },
    forget,
    findText: (key) =>
      (waiting.get(textName(key)) as WaitingText | undefined)?.text ??
      (use((sql) => statement(sql, "SELECT content FROM text WHERE key = ?").pluck().get(key)) as string | undefined),
    storeText: (key, text) => waiting.put(textName(key), { key, text }, text.length),
    size() {
      waiting.flush();
      return use((sql) => ({
        pages: count(sql, "page"),
        texts: count(sql, "text"),
        bytes:
          (sql.pragma("page_count", { simple: true }) as number) *
          (sql.pragma("page_size", { simple: true }) as number),
      }));
    },
    clear() {
      waiting.flush();
      return use((sql) => {
        const rows = count(sql, "page") + count(sql, "text");
        sql.exec("DELETE FROM page; DELETE FROM text; VACUUM;");
        return rows;
      });
    },
    takeWarnings: () => database?.takeWarnings() ?? [],
    flush: () => waiting.flush(),
    close() {
      waiting.flush();
      database?.close();
      database = undefined;
    },
  };
}

function writeRow(sql: Connection, row: WaitingPage | WaitingText): void {
  if ("text" in row) statement(sql, "INSERT OR REPLACE INTO text VALUES (?, ?)").run(row.key, row.text);
  else {
    const { key, status, version, used, policy, content } = row;
    const { body, ...head } = content;
    const insert = statement(sql, "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?)");
    insert.run(key, status, version, used, policy, JSON.stringify(head), body);
  }
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
