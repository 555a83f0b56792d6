/**
 * A second reader of the JSON form of a page, for speed: pages of 10,000 files are common, and building an object for each of them to take it apart
 * again costs five times what this takes. The entries of a page look alike, so that what lies between their values need only be compared. What is not
 * plain is left to `parseJsonPage`, which says what is right.
 */
import { checkInterfaceVersion, fileOfJson, type IndexFile, plainFolder } from "./index-page.ts";
import {
  CLOSE,
  CLOSE_LIST,
  COMMA,
  type EntryShape,
  entryShape,
  FIELDS,
  OPEN,
  OPEN_LIST,
  QUOTE,
  readEntry,
  skipSpace,
  skipValue,
  valueStart,
} from "./json-shape.ts";

/** Takes the files of a page in their order. */
export interface FileSink {
  /**
   * A file whose URL is `folder` and its name, with no other hash than this, which is not yanked; none of the texts has a `|`. "" stands for what is not
   * there, and in `coreMetadata` "1" for metadata without a hash.
   */
  add(
    filename: string,
    folder: string,
    sha256: string,
    requiresPython: string,
    size: string,
    uploadTime: string,
    coreMetadata: string,
  ): void;
  /** Any other file. */
  addFile(file: IndexFile): void;
}

/** Ways in which entries of one page differ: with and without Requires-Python, for one. */
const MOST_SHAPES = 8;
/** What a page without escapes, line breaks and bars has none of. */
const UNUSUAL = ["\\", "\n", "\r", "\t", "|"];

/**
 * Gives the files of a page to `sink`, the same as `parseJsonPage` would. False if the text is not as plain as an index writes it, or no JSON: what the
 * sink has then is worth nothing. Throws InvalidText for an interface version above 1.
 */
export function scanJsonPage(text: string, pageUrl: string, sink: FileSink): boolean {
  if (UNUSUAL.some((character) => text.includes(character))) return false;
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN) return false;
  let hasFiles = false;
  for (at = skipSpace(text, at + 1); ; at = skipSpace(text, at + 1)) {
    if (text.charCodeAt(at) !== QUOTE) return false;
    const keyEnd = text.indexOf('"', at + 1);
    const key = text.slice(at + 1, keyEnd);
    const start = valueStart(text, keyEnd);
    if (start < 0) return false;
    if (key === "files") {
      if (hasFiles || text.charCodeAt(start) !== OPEN_LIST) return false;
      hasFiles = true;
      at = scanFiles(text, start, pageUrl, sink);
    } else {
      at = skipValue(text, start);
      if (at >= 0 && key === "meta") checkMeta(text.slice(start, at));
    }
    if (at < 0) return false;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE) return skipSpace(text, at + 1) === text.length;
    if (text.charCodeAt(at) !== COMMA) return false;
  }
}

function checkMeta(text: string): void {
  const meta = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  const version = meta?.["api-version"];
  if (typeof version === "string" || typeof version === "number") checkInterfaceVersion(String(version));
}

/** From the bracket of the list on; gives the position behind it, or -1. */
function scanFiles(text: string, start: number, pageUrl: string, sink: FileSink): number {
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
  const give = createGiver(pageUrl, sink);
  const values = FIELDS.map(() => "");
  const shapes: EntryShape[] = [];
  for (;;) {
    let end = -1;
    for (let known = 0; known < shapes.length && end < 0; known++) {
      end = readEntry(text, at, shapes[known] as EntryShape, values);
      if (end >= 0 && known > 0) shapes.unshift(...shapes.splice(known, 1));
    }
    if (end < 0 || !give(values)) {
      end = text.charCodeAt(at) === OPEN ? skipValue(text, at) : -1;
      if (end < 0) return -1;
      const entry = JSON.parse(text.slice(at, end)) as Readonly<Record<string, unknown>>;
      const shape = entryShape(text.slice(at, end), entry);
      if (shape !== undefined) shapes.splice(0, shapes.length < MOST_SHAPES ? 0 : MOST_SHAPES, shape);
      const file = fileOfJson(entry, pageUrl);
      if (file !== undefined) sink.addFile(file);
    }
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
    if (text.charCodeAt(at) !== COMMA) return -1;
    at = skipSpace(text, at + 1);
  }
}

const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.~-]*$/;

/** Gives values in the order of FIELDS to the sink; false where the link is not plain. */
function createGiver(pageUrl: string, sink: FileSink): (values: readonly string[]) => boolean {
  // Where the last link led: often it is the same for all of a page.
  let folder = "";
  let resolved: string | undefined;
  return ([filename = "", url = "", sha256 = "", requiresPython = "", size = "", time = "", metadata = ""]) => {
    if (!url.endsWith(filename) || !PLAIN_NAME.test(filename)) return false;
    if (resolved === undefined || url.length !== folder.length + filename.length || !url.startsWith(folder)) {
      folder = url.slice(0, url.length - filename.length);
      resolved = plainFolder(folder, pageUrl);
      if (resolved === undefined) return false;
    }
    sink.add(filename, resolved, sha256, requiresPython, size, time, metadata);
    return true;
  };
}
