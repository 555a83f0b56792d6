import { createHash } from "node:crypto";
import { ACCEPT_HEADER, type IndexFile, parseJsonPage } from "../standards/index-page.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { PipdError } from "../std/errors.ts";
import { createLruMap } from "../std/lru-map.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import type { CacheRequest, HttpCache } from "../store/http-cache.ts";
import { withoutCredentials } from "./auth.ts";
import { ACCEPT_ENCODING } from "./content-coding.ts";
import { parseHtmlPage } from "./html-page.ts";
import type { HttpAnswer, HttpClient } from "./http-client.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { decodeRows, encodeRows, type PageRows } from "./page-rows.ts";

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
}

/** Pages of indexes over http, with a cache in memory in front of the one on disk. */
export interface SimplePages {
  /**
   * The rows of a page; the same object as long as the page has not changed. Undefined: there is no such page (404, 410). Throws what HttpClient
   * throws, PipdError "http-status" for any other status than 200, and "invalid-page" for what is no page.
   */
  get(request: PageRequest, signal: AbortSignal): Promise<PageRows | undefined>;
  /** Forgets what is in memory. */
  clear(): void;
}

/** Rows of pages kept in memory, over all pages. A row takes about 300 bytes. */
const MOST_ROWS = 100_000;
const CONTENT_TYPES =
  /^(?:application\/vnd\.pypi\.simple\.v1\+(?:json|html)|application\/json|text\/html|application\/xhtml\+xml)\b/i;

interface Kept {
  /** The text the rows were made of. */
  readonly content: string;
  readonly rows: PageRows;
}

export function createSimplePages(http: HttpClient, cache: HttpCache): SimplePages {
  const flights = createSingleFlight<string, PageRows | undefined>();
  const memory = createLruMap<Kept>(MOST_ROWS, (kept) => kept.rows.names.length + 10);

  function rowsOf(key: string, content: string): PageRows {
    const known = memory.get(key);
    if (known?.content === content) {
      return known.rows;
    }
    const rows = decodeRows(content);
    memory.set(key, { content, rows });
    return rows;
  }

  async function load(request: PageRequest, asked: CacheRequest, signal: AbortSignal): Promise<PageRows | undefined> {
    const { url, location, network } = request;
    const known = request.cacheDisabled ? undefined : cache.find(asked);
    if (known?.fresh && !request.refresh) {
      return known.answer.status === 200 ? rowsOf(asked.key, known.answer.content) : undefined;
    }
    const headers = {
      ...asked.headers,
      ...(request.refresh ? { "cache-control": "max-age=0" } : {}),
      ...known?.conditions,
    };
    const answer = await http.get({ url, location, network, headers }, signal);
    if (answer.status === 304 && known !== undefined) {
      cache.refresh(asked, answer);
      return known.answer.status === 200 ? rowsOf(asked.key, known.answer.content) : undefined;
    }
    const content = await contentOf(answer);
    if (!request.cacheDisabled) {
      cache.store(asked, answer, { url: answer.url, status: answer.status, content });
    }
    return answer.status === 200 ? rowsOf(asked.key, content) : undefined;
  }

  return {
    get(request, signal) {
      const key = cacheKey(http.identity(request), request.url);
      const headers = { accept: ACCEPT_HEADER, "accept-encoding": ACCEPT_ENCODING };
      const asked: CacheRequest = { key, url: withoutCredentials(request.url), headers };
      const flight = `${key} ${request.cacheDisabled} ${request.refresh} ${request.network.retries}`;
      return flights.run(flight, signal, (shared) => load(request, asked, shared));
    },
    clear: () => memory.clear(),
  };
}

/** A digest, because credentials are part of what an answer depends on and must not lie on the disk. */
export function cacheKey(identity: string, url: string): string {
  return createHash("sha256")
    .update(JSON.stringify([identity, withoutCredentials(url)]))
    .digest("base64url");
}

/** The rows of a page as text; "" if there is no page. */
async function contentOf(answer: HttpAnswer): Promise<string> {
  if (answer.status === 404 || answer.status === 410) {
    return "";
  }
  if (answer.status !== 200) {
    throw statusError(answer);
  }
  return encodeRows(await parsePage(answer));
}

/** The PipdError "http-status" for an answer that is of no use. */
export function statusError({ status, url }: { readonly status: number; readonly url: string }): PipdError {
  const hint =
    status === 401 || status === 407
      ? "Give user name and password in the URL or in a netrc file."
      : status === 403
        ? "The server does not let you see this; check the credentials."
        : "The server may be out of order; try again later.";
  return new PipdError("http-status", `${url} answered with status ${status}.`, { hint });
}

/** The files on a page, JSON or HTML by its content type. Throws PipdError "invalid-page". */
export async function parsePage({ headers, body, url }: HttpAnswer): Promise<readonly IndexFile[]> {
  const type = headers["content-type"] ?? "text/html";
  if (!CONTENT_TYPES.test(type)) {
    throw new PipdError("invalid-page", `${url} is no page of a package index: its content type is ${type}.`);
  }
  const text = new TextDecoder(charsetOf(type)).decode(body);
  try {
    return /json\b/i.test(type) ? parseJsonPage(text, url) : await parseHtmlPage(text, url);
  } catch (error) {
    if (error instanceof InvalidText) {
      throw new PipdError("invalid-page", `${url} cannot be read: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function charsetOf(type: string): string {
  const label = /charset="?([\w.:-]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return "utf-8";
  }
}
