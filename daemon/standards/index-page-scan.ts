/**
 * A second reader of the JSON form of a page, for speed: pages of 10,000 files are common, and a resolution looks at a handful of them. Here is only
 * found where each entry stands and what its file is called; the entry itself is parsed when somebody wants it. What is not as an index writes it is
 * left to `parseJsonPage`, which says what is right.
 */
import { checkInterfaceVersion, fileOfJson } from "./index-page.ts";
import {
  CLOSE,
  CLOSE_LIST,
  COMMA,
  entryShape,
  OPEN,
  OPEN_LIST,
  QUOTE,
  skipSpace,
  skipValue,
  textEnd,
  valueStart,
} from "./json-shape.ts";

/** Takes the files of a page in their order: the name, and where the entry begins and ends in the text. */
export type EntrySink = (filename: string, start: number, end: number) => void;

/** Ways in which entries of one page differ: with and without a hash of the metadata, for one. */
const MOST_SHAPES = 8;

/**
 * Gives the files of a page to `sink`, the same as `parseJsonPage` finds: `fileOfJson` of each entry is that file. False if the text is not as plain as
 * an index writes it, or no JSON: what the sink has then is worth nothing. Throws InvalidText for an interface version above 1.
 */
export function scanJsonPage(text: string, pageUrl: string, sink: EntrySink): boolean {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN) return false;
  let hasFiles = false;
  for (at = skipSpace(text, at + 1); ; at = skipSpace(text, at + 1)) {
    if (text.charCodeAt(at) !== QUOTE) return false;
    const keyEnd = textEnd(text, at);
    const key = text.slice(at + 1, keyEnd);
    const start = valueStart(text, keyEnd);
    if (start < 0 || key.includes("\\")) return false;
    if (key === "files") {
      if (hasFiles || text.charCodeAt(start) !== OPEN_LIST) return false;
      hasFiles = true;
      at = scanFiles(text, start, pageUrl, sink);
    } else at = checkValue(text, start, key);
    if (at < 0) return false;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE) return skipSpace(text, at + 1) === text.length;
    if (text.charCodeAt(at) !== COMMA) return false;
  }
}

/** Steps over a value beside the files; -1 if it is none. */
function checkValue(text: string, start: number, key: string): number {
  const end = skipValue(text, start);
  const value = end < 0 ? undefined : parsed(text.slice(start, end));
  if (value === undefined) return -1;
  if (key === "meta") {
    const version = (value as Readonly<Record<string, unknown>> | null)?.["api-version"];
    if (typeof version === "string" || typeof version === "number") checkInterfaceVersion(String(version));
  }
  return end;
}

/** From the bracket of the list on; gives the position behind it, or -1. */
function scanFiles(text: string, start: number, pageUrl: string, sink: EntrySink): number {
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
  const shapes: RegExp[] = [];
  for (;;) {
    let end = readByShape(text, at, shapes, sink);
    if (end < 0) {
      end = text.charCodeAt(at) === OPEN ? skipValue(text, at) : -1;
      const entry = end < 0 ? undefined : parsed(text.slice(at, end));
      if (entry === undefined) return -1;
      const shape = entryShape(text.slice(at, end));
      if (shape !== undefined) shapes.splice(0, shapes.length < MOST_SHAPES ? 0 : MOST_SHAPES, shape);
      const file = fileOfJson(entry as Readonly<Record<string, unknown>>, pageUrl);
      if (file !== undefined) sink(file.filename, at, end);
    }
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === CLOSE_LIST) return at + 1;
    if (text.charCodeAt(at) !== COMMA) return -1;
    at = skipSpace(text, at + 1);
  }
}

/** The entry at `at`, if it looks like one that was there before, which is moved to the front; gives the position behind it, or -1. */
function readByShape(text: string, at: number, shapes: RegExp[], sink: EntrySink): number {
  for (let known = 0; known < shapes.length; known++) {
    const pattern = shapes[known] as RegExp;
    pattern.lastIndex = at;
    const filename = pattern.exec(text)?.[1];
    if (filename === undefined) continue;
    if (known > 0) shapes.unshift(...shapes.splice(known, 1));
    sink(filename, at, pattern.lastIndex);
    return pattern.lastIndex;
  }
  return -1;
}

/** The value of a text; undefined if it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
