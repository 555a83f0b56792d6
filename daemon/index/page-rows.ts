import { isAscii } from "node:buffer";
import { fileOfJson, type IndexFile, parseJsonPage } from "../standards/index-page.ts";
import { type EntrySink, scanJsonPage } from "../standards/index-page-scan.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import type { NormalizedName } from "../standards/name.ts";
import { PipdError } from "../std/errors.ts";
import { decode } from "./content-coding.ts";
import { parseHtmlPage } from "./html-page.ts";
import { LONGEST_BODY } from "./http-client.ts";
import { createVersionNames } from "./version-names.ts";

/** The files of a page, in its order. What has been read is where each stands: the rest is parsed when it is asked for, and forgotten again. */
export interface PageRows {
  readonly count: number;
  /** What they take in memory. */
  readonly bytes: number;
  /** Which rows belong together, where that is known: for the page of one project. */
  readonly versions: RowVersions | undefined;
  nameOf(row: number): string;
  fileOf(row: number): IndexFile;
}

/** The versions of the files of one project, as file names spell them. */
export interface RowVersions {
  readonly key: NormalizedName;
  /** Each spelling once. */
  readonly texts: readonly string[];
  /** Pairs that make up all rows in their order: index of a text (-1: no file of the project), number of rows. */
  readonly runs: readonly number[];
}

/** What a page is made of, as the server has sent it. Plain values: it can be sent to a thread. */
export interface PageAnswer {
  /** Those that say how the body is to be read; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Where it was found in the end: links may be relative to that. */
  readonly url: string;
  /** The project whose page it is, if it is one's. */
  readonly key: NormalizedName | undefined;
}

/** A page that has been read. Plain values, too. */
export interface ReadPage {
  /** ASCII: JSON texts among others. */
  readonly content: Uint8Array<ArrayBuffer>;
  /** For each row where its text begins and ends in the content. */
  readonly bounds: Uint32Array<ArrayBuffer>;
  /** The URL to which the entries of a page of JSON are relative; undefined: the texts are of type IndexFile. */
  readonly base: string | undefined;
  readonly versions: RowVersions | undefined;
  /** Of a page with files of many projects, in which every project is looked for. */
  readonly names: readonly string[] | undefined;
}

const CONTENT_TYPES =
  /^(?:application\/vnd\.pypi\.simple\.v1\+(?:json|html)|application\/json|text\/html|application\/xhtml\+xml)\b/i;

/** Reads a page as far as it has to be. Throws PipdError "invalid-page". */
export async function readPage(page: PageAnswer): Promise<ReadPage> {
  const { headers, url, key } = page;
  const type = headers["content-type"] ?? "text/html";
  if (!CONTENT_TYPES.test(type)) {
    throw new PipdError("invalid-page", `${url} is no page of a package index: its content type is ${type}.`, {
      hint: NO_INDEX_HINT,
    });
  }
  const body = decode(page.body, headers["content-encoding"], url, LONGEST_BODY);
  try {
    if (!/json\b/i.test(type)) return readFiles(await parseHtmlPage(textOf(body, type), url), key);
    return readJson(asciiOf(body, type), url, key) ?? readFiles(parseJsonPage(textOf(body, type), url), key);
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

/** Undefined if the page has to be read whole. */
function readJson(
  content: Uint8Array<ArrayBuffer>,
  url: string,
  key: NormalizedName | undefined,
): ReadPage | undefined {
  const rows = createRowCollector(key);
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("latin1");
  return scanJsonPage(text, url, rows.add) ? rows.finish(content, url) : undefined;
}

function readFiles(files: readonly IndexFile[], key: NormalizedName | undefined): ReadPage {
  const rows = createRowCollector(key);
  const texts: string[] = [];
  let at = 0;
  for (const file of files) {
    const text = escapeToAscii(JSON.stringify(file));
    texts.push(text);
    rows.add(file.filename, at, at + text.length);
    at += text.length;
  }
  return rows.finish(bytesOfAscii(texts.join("")), undefined);
}

interface RowCollector {
  readonly add: EntrySink;
  readonly finish: (content: Uint8Array<ArrayBuffer>, base: string | undefined) => ReadPage;
}

function createRowCollector(key: NormalizedName | undefined): RowCollector {
  const bounds: number[] = [];
  const names: string[] = [];
  const versions = key === undefined ? undefined : createVersionNames(key);
  return {
    add: (filename, start, end) => {
      bounds.push(start, end);
      if (versions === undefined) names.push(filename);
      else versions.add(filename);
    },
    finish: (content, base) => ({
      content,
      bounds: Uint32Array.from(bounds),
      base,
      versions: versions?.finish(),
      names: versions === undefined ? names : undefined,
    }),
  };
}

/** JSON has a spelling for every character beyond ASCII, so that a position in the text is one in the bytes. */
const escapeToAscii = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

const bytesOfAscii = (text: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(text.length);
  Buffer.from(bytes.buffer).write(text, "latin1");
  return bytes;
};

function asciiOf(body: Uint8Array, type: string): Uint8Array<ArrayBuffer> {
  const isPlain = ASCII_ALIKE.has(charsetOf(type)) && isAscii(body);
  // A body may be a part of a larger piece of memory, which would stay with it.
  return isPlain ? Uint8Array.from(body) : bytesOfAscii(escapeToAscii(textOf(body, type)));
}

const ASCII_ALIKE: ReadonlySet<string> = new Set(["utf-8", "windows-1252"]);

const textOf = (body: Uint8Array, type: string): string => new TextDecoder(charsetOf(type)).decode(body);

function charsetOf(type: string): string {
  const label = /charset="?([\w.:-]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return "utf-8";
  }
}

export const NO_INDEX_HINT =
  "Check the index URL; a proxy or the log-in page of a network may have answered in place of the index.";

/** The rows of a page that has been read. */
export function rowsOfPage({ content, bounds, base, versions, names }: ReadPage): PageRows {
  const buffer = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const fileOf = (row: number): IndexFile => {
    const value: unknown = JSON.parse(buffer.toString("latin1", bounds[2 * row], bounds[2 * row + 1]));
    const file = (
      base === undefined ? value : fileOfJson(value as Readonly<Record<string, unknown>>, base)
    ) as IndexFile;
    return isEmptyHash(file.hashes) ? { ...file, hashes: {} } : file;
  };
  return {
    count: bounds.length / 2,
    bytes: content.byteLength + bounds.byteLength,
    versions,
    nameOf: (row) => names?.[row] ?? fileOf(row).filename,
    fileOf,
  };
}

/** An empty hash is none. */
const isEmptyHash = (hashes: IndexFile["hashes"]): boolean =>
  hashes["sha256"] === "" && Object.keys(hashes).length === 1;

/** The rows of files that were not on a page of an index, such as a folder's. */
export function rowsOf(files: readonly IndexFile[]): PageRows {
  const at = (row: number) => files[row] as IndexFile;
  return {
    count: files.length,
    bytes: files.length * BYTES_OF_FILE,
    versions: undefined,
    nameOf: (row) => at(row).filename,
    fileOf: at,
  };
}

/** About what an object with its texts takes. */
const BYTES_OF_FILE = 500;
