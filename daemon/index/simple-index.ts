import { createHash } from "node:crypto";
import { isSdistFilename, isWheelFilename } from "../standards/filename.ts";
import { ACCEPT_HEADER, type IndexFile, parseJsonPage } from "../standards/index-page.ts";
import { scanJsonPage } from "../standards/index-page-scan.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import type { NormalizedName } from "../standards/name.ts";
import { PipdError } from "../std/errors.ts";
import { createLruMap } from "../std/lru-map.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import type { CachedAnswer, CacheRequest, HttpCache, StoredAnswer } from "../store/http-cache.ts";
import { withoutCredentials } from "./auth.ts";
import { ACCEPT_ENCODING, decode } from "./content-coding.ts";
import { parseHtmlPage } from "./html-page.ts";
import { type HttpAnswer, type HttpClient, LONGEST_BODY } from "./http-client.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { createRowsEncoder, decodeRows, type PageRows } from "./page-rows.ts";

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

/** What a page is made of, the body as the server has sent it. Plain values: it can be sent to a thread. */
export interface PageAnswer extends Pick<HttpAnswer, "headers" | "body" | "url"> {
  readonly key: NormalizedName | undefined;
}

/** A page to be encoded in a thread. */
export interface PageTask {
  readonly kind: "page";
  readonly isUrgent: true;
  readonly page: PageAnswer;
}

/** Turns a page into the text that is kept of it, here or in a thread. */
export type EncodePage = (page: PageAnswer) => Promise<string>;

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

/** Rows of pages kept in memory, over all pages. A row takes about 250 bytes. */
const MOST_ROWS = 400_000;
const MOST_STAMPS = 20_000;
const CONTENT_TYPES =
  /^(?:application\/vnd\.pypi\.simple\.v1\+(?:json|html)|application\/json|text\/html|application\/xhtml\+xml)\b/i;

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
  encode: EncodePage,
): SimplePages {
  const flights = createSingleFlight<string, PageRows | undefined>();
  const memory = createLruMap<Kept>(MOST_ROWS, (kept) => (kept.rows?.count ?? 0) + 10);

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

  /** The rows of a cached answer; the same object as long as its content is the same. */
  function recall(name: string, { status, version, content }: CachedAnswer, freshFor: number): PageRows | undefined {
    const known = memory.get(name);
    const rows = known?.version === version ? known.rows : status === 200 ? decodeRows(content()) : undefined;
    return remember(name, { version, freshFor }, rows);
  }

  async function load(name: string, request: PageRequest, signal: AbortSignal): Promise<PageRows | undefined> {
    const { url, location, network } = request;
    const asked: CacheRequest = { key: digest(name), url: withoutCredentials(url), headers: HEADERS };
    const known = request.cacheDisabled ? undefined : cache.find(asked);
    if (known?.fresh && !request.refresh) {
      counts.hits += 1;
      return recall(name, known.answer, known.freshFor);
    }
    const headers = { ...HEADERS, ...(request.refresh ? { "cache-control": "max-age=0" } : {}), ...known?.conditions };
    const answer = await http.get({ url, location, network, headers, asSent: true }, signal);
    if (answer.status === 304 && known !== undefined) {
      counts.revalidated += 1;
      return recall(name, known.answer, cache.refresh(asked, answer));
    }
    counts.misses += 1;
    const content = await contentOf({ ...answer, key: request.key }, encode);
    const rows = answer.status === 200 ? decodeRows(content) : undefined;
    // A page without files may be anything that came in the index's place, the log-in page of a network for one.
    const isKept = !request.cacheDisabled && (rows === undefined || hasDistribution(rows));
    const stored = !isKept ? undefined : cache.store(asked, answer, content);
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

/** What an answer is remembered by on disk: the credentials it depends on must not lie there. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** The rows of a page as text; "" if there is no page. */
async function contentOf(answer: HttpAnswer & PageAnswer, encode: EncodePage): Promise<string> {
  if (answer.status === 404 || answer.status === 410) {
    return "";
  }
  if (answer.status !== 200) {
    throw statusError(answer);
  }
  return encode(answer);
}

/** A page as the text that is kept of it (`decodeRows` reads it). Throws PipdError "invalid-page". */
export async function encodePage(page: PageAnswer): Promise<string> {
  const { headers, url, key } = page;
  const type = headers["content-type"] ?? "text/html";
  if (!CONTENT_TYPES.test(type)) {
    throw new PipdError("invalid-page", `${url} is no page of a package index: its content type is ${type}.`, {
      hint: NO_INDEX_HINT,
    });
  }
  const body = decode(page.body, headers["content-encoding"], url, LONGEST_BODY);
  const text = new TextDecoder(charsetOf(type)).decode(body);
  try {
    return /json\b/i.test(type) ? encodeJson(text, url, key) : encodeFiles(await parseHtmlPage(text, url), key);
  } catch (error) {
    if (error instanceof InvalidText) {
      throw new PipdError("invalid-page", `${url} cannot be read: ${error.message}`, {
        hint: NO_INDEX_HINT,
        cause: error,
      });
    }
    throw error;
  }
}

function encodeJson(text: string, url: string, key: NormalizedName | undefined): string {
  const encoder = createRowsEncoder(key);
  return scanJsonPage(text, url, encoder) ? encoder.encode() : encodeFiles(parseJsonPage(text, url), key);
}

function encodeFiles(files: readonly IndexFile[], key: NormalizedName | undefined): string {
  const encoder = createRowsEncoder(key);
  for (const file of files) encoder.addFile(file);
  return encoder.encode();
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

const NO_INDEX_HINT =
  "Check the index URL; a proxy or the log-in page of a network may have answered in place of the index.";

function charsetOf(type: string): string {
  const label = /charset="?([\w.:-]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return "utf-8";
  }
}
