import { createHash } from "node:crypto";
import { isSdistFilename, isWheelFilename } from "../standards/filename.ts";
import { ACCEPT_HEADER } from "../standards/index-page.ts";
import type { NormalizedName } from "../standards/name.ts";
import { PipdError } from "../std/errors.ts";
import { createLruMap } from "../std/lru-map.ts";
import { nextTurnOfMany } from "../std/next-turn.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import type { CachedAnswer, CachedContent, CacheRequest, HttpCache, StoredAnswer } from "../store/http-cache.ts";
import { withoutCredentials } from "./auth.ts";
import { ACCEPT_ENCODING } from "./content-coding.ts";
import type { HttpAnswer, HttpClient } from "./http-client.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { type PageAnswer, type PageRows, type ReadPage, rowsOfPage } from "./page-rows.ts";

export interface PageRequest {
  /** `http:` or `https:`, with credentials if it has some. */
  readonly url: string;
  /** The index it belongs to, credentials included. */
  readonly location: string;
  readonly network: NetworkSettings;
  /** Nothing is read from the cache nor kept in it. */
  readonly cacheDisabled: boolean;
  /** A fresh page is asked for again, too. */
  readonly refresh: boolean;
  /** The project whose page it is; undefined for a page with files of many. */
  readonly key: NormalizedName | undefined;
}

/** A page to be read in a thread. */
export interface PageTask {
  readonly kind: "page";
  readonly isUrgent: true;
  readonly page: PageAnswer;
}

/** Reads a page, here or in a thread. */
export type ReadPageOf = (page: PageAnswer) => Promise<ReadPage>;

/** Pages of indexes over http, with a cache in memory in front of the one on disk. */
export interface SimplePages {
  /**
   * The rows of a page; the same object as long as the page has not changed. Undefined: there is no such page (404, 410). Throws what HttpClient
   * throws, PipdError "http-status" for any other status than 200, and "invalid-page" for what is no page.
   */
  get(request: PageRequest, signal: AbortSignal): Promise<PageRows | undefined>;
  /** Changes with the page; undefined unless the page is in memory and need not be asked for. */
  stamp(request: Omit<PageRequest, "key">): string | undefined;
  /** How pages were found so far: fresh in memory or on disk, confirmed by the index (304), fetched. Stamps do not count. */
  readonly counts: PageCounts;
  /** A page has been found wrong: it is asked for again however fresh it is. */
  distrust(request: Pick<PageRequest, "url" | "location" | "network">): void;
  /** Forgets what is in memory. */
  clear(): void;
}

export interface PageCounts {
  readonly hits: number;
  readonly revalidated: number;
  readonly misses: number;
}

/** Pages kept in memory, in bytes over all. */
export const MOST_PAGE_BYTES = 100e6;
/** What a page takes beside its rows. */
const PAGE_BYTES = 2_000;
const MOST_STAMPS = 20_000;

interface Kept {
  /** Of the content the rows were made of, in the cache. */
  readonly version: number;
  /** Undefined: there is no such page. */
  readonly rows: PageRows | undefined;
  /** Not to be asked for again before that time. */
  readonly freshUntil: number;
}

/** `clock` gives milliseconds since the epoch. */
export function createSimplePages(
  http: HttpClient,
  cache: HttpCache,
  clock: () => number,
  read: ReadPageOf,
): SimplePages {
  const flights = createSingleFlight<string, PageRows | undefined>();
  const memory = createLruMap<Kept>(MOST_PAGE_BYTES, (kept) => (kept.rows?.bytes ?? 0) + PAGE_BYTES);

  /** What is known of pages whose rows have left the memory, too. */
  const stamps = createLruMap<Pick<Kept, "version" | "freshUntil">>(MOST_STAMPS);
  const counts = { hits: 0, revalidated: 0, misses: 0 };
  const nameOf = (request: Pick<PageRequest, "url" | "location" | "network">): string =>
    `${http.identity(request)} ${request.url}`;

  function remember(
    name: string,
    { version, freshFor }: StoredAnswer,
    rows: PageRows | undefined,
  ): PageRows | undefined {
    const freshUntil = clock() + freshFor;
    memory.set(name, { version, rows, freshUntil });
    stamps.set(name, { version, freshUntil });
    return rows;
  }

  const rowsIn = async (content: CachedContent, key: NormalizedName | undefined): Promise<PageRows> =>
    rowsOfPage(await read({ ...content, key }));

  /** The rows of a cached answer; the same object as long as its content is the same. */
  async function recall(
    name: string,
    { status, version, content }: CachedAnswer,
    freshFor: number,
    request: PageRequest,
    signal: AbortSignal,
  ): Promise<PageRows | undefined> {
    const known = memory.get(name);
    if (known?.version === version) return remember(name, { version, freshFor }, known.rows);
    if (status !== 200) return remember(name, { version, freshFor }, undefined);
    const kept = content();
    if (kept !== undefined) return remember(name, { version, freshFor }, await rowsIn(kept, request.key));
    cache.forget(digest(name));
    return load(name, request, signal);
  }

  async function load(name: string, request: PageRequest, signal: AbortSignal): Promise<PageRows | undefined> {
    const { url, location, network } = request;
    const asked: CacheRequest = { key: digest(name), url: withoutCredentials(url), headers: HEADERS };
    const known = request.cacheDisabled ? undefined : cache.find(asked);
    if (known?.fresh && !request.refresh) {
      counts.hits += 1;
      return recall(name, known.answer, known.freshFor, request, signal);
    }
    const headers = { ...HEADERS, ...(request.refresh ? { "cache-control": "max-age=0" } : {}), ...known?.conditions };
    // A hundred pages may be wanted at once.
    await nextTurnOfMany();
    const answer = await http.get({ url, location, network, headers, asSent: true }, signal);
    if (answer.status === 304 && known !== undefined) {
      counts.revalidated += 1;
      return recall(name, known.answer, cache.refresh(asked, answer), request, signal);
    }
    counts.misses += 1;
    const isGone = answer.status === 404 || answer.status === 410;
    if (answer.status !== 200 && !isGone) throw statusError(answer);
    const body = isGone ? NO_BYTES : answer.body;
    const content: CachedContent = { headers: headersOfBody(answer.headers), body, url: answer.url };
    const rows = isGone ? undefined : await rowsIn(content, request.key);
    // A page without files may be anything that came in the index's place, the log-in page of a network for one.
    const isKept = !request.cacheDisabled && (rows === undefined || hasDistribution(rows));
    const stored = isKept ? cache.store(asked, answer, content) : undefined;
    if (stored !== undefined) return remember(name, stored, rows);
    // Another page than the one that is known, and none to be kept: that one is over.
    if (!request.cacheDisabled) {
      memory.delete(name);
      stamps.delete(name);
    }
    return rows;
  }

  return {
    async get(request, signal) {
      const name = nameOf(request);
      const known = request.cacheDisabled || request.refresh ? undefined : memory.get(name);
      if (known !== undefined && clock() < known.freshUntil) {
        counts.hits += 1;
        return known.rows;
      }
      const { retries, idleTimeout } = request.network;
      const flight = `${name} ${request.cacheDisabled} ${request.refresh} ${retries} ${idleTimeout}`;
      return flights.run(flight, signal, (shared) => load(name, request, shared));
    },
    stamp(request) {
      const known = request.cacheDisabled || request.refresh ? undefined : stamps.get(nameOf(request));
      return known !== undefined && clock() < known.freshUntil ? String(known.version) : undefined;
    },
    get counts() {
      return { ...counts };
    },
    distrust(request) {
      const name = nameOf(request);
      memory.delete(name);
      stamps.delete(name);
      cache.forget(digest(name));
    },
    clear: () => {
      memory.clear();
      stamps.clear();
    },
  };
}

const HEADERS = { accept: ACCEPT_HEADER, "accept-encoding": ACCEPT_ENCODING };

const NO_BYTES = new Uint8Array(0);

/** The headers that say how a body is to be read. */
const headersOfBody = (headers: HttpAnswer["headers"]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    ["content-type", "content-encoding"].flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** What an answer is remembered by on disk: the credentials it depends on must not lie there. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** The PipdError "http-status" for an answer that is of no use. */
export function statusError({ status, url, headers }: Pick<HttpAnswer, "status" | "url" | "headers">): PipdError {
  const wait = headers["retry-after"];
  const asked =
    wait === undefined ? "" : ` and asks to come back ${/^\d+$/.test(wait) ? `in ${wait} s` : `at ${wait}`}`;
  const hint = HINTS[status] ?? "The server may be out of order; try again later.";
  return new PipdError("http-status", `${url} answered with status ${status}${asked}.`, { hint });
}

const CREDENTIALS_HINT = "Give user name and password in the URL or in a netrc file.";
const ABSENT_HINT = "It is not there (any more). Check the URL, or try again: the index is then asked anew.";
const HINTS: Readonly<Record<number, string>> = {
  401: CREDENTIALS_HINT,
  403: "The server does not let you see this; check the credentials.",
  404: ABSENT_HINT,
  407: CREDENTIALS_HINT,
  410: ABSENT_HINT,
  429: "The server gets too many requests; try again later.",
};

const isDistribution = (name: string): boolean => isWheelFilename(name) || isSdistFilename(name);

function hasDistribution(rows: PageRows): boolean {
  if (rows.versions !== undefined && rows.versions.texts.length > 0) return true;
  for (let row = 0; row < rows.count; row++) if (isDistribution(rows.nameOf(row))) return true;
  return false;
}
