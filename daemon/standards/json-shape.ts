/** JSON in its text: steps over values, and learns how the entries of a list look so that the next one is checked by one regular expression. */

/** The code of `"`. */
export const QUOTE = 0x22;
/** The code of `,`. */
export const COMMA = 0x2c;
const COLON = 0x3a;
/** The code of `[`. */
export const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
/** The code of `]`. */
export const CLOSE_LIST = 0x5d;
/** The code of `{`. */
export const OPEN = 0x7b;
/** The code of `}`. */
export const CLOSE = 0x7d;
/** Nothing an index sends is nested more deeply. */
const DEEPEST = 16;

/** A file name that no URL has to quote. */
const NAME = "[A-Za-z0-9_][A-Za-z0-9_.~-]*";
/** What a text consists of that has no escapes. */
const PLAIN = String.raw`[^"\\\x00-\x1f]*`;
/** Ends in a slash, without query and fragment. */
const FOLDER = String.raw`(?:[^"\\\x00-\x1f#?]*/)?`;
/** One pattern for values of any kind: the same field has text in one entry, and null in the next. */
const SCALAR = String.raw`(?:"${PLAIN}"|-?(?:0|[1-9]\d{0,14})|true|false|null)`;

/**
 * The shape of an entry of `files`, valid JSON: what matches, at its `lastIndex`, a valid entry that has the same fields in the same order, as the index
 * writes them, and whose URL ends in its `filename`, which is the first group and has no character that is quoted in URLs. Undefined if such entries
 * have to be looked at one by one.
 */
export function entryShape(entry: string): RegExp | undefined {
  if (entry.includes("\\")) return undefined;
  const found = { pattern: "", last: 0, seen: [] as string[] };
  takeMembers(entry, 0, found, 0);
  found.pattern += escaped(entry.slice(found.last));
  const { seen } = found;
  if (seen.length !== 2 || seen[0] === seen[1]) return undefined;
  const shape = shapes.get(found.pattern) ?? new RegExp(found.pattern, "y");
  if (shapes.size >= MOST_SHAPES) shapes.clear();
  shapes.set(found.pattern, shape);
  shape.lastIndex = 0;
  return shape.test(entry) ? shape : undefined;
}

/** By their pattern: the pages of an index look alike, and compiling a pattern takes as long as reading a small page. */
const shapes = new Map<string, RegExp>();
const MOST_SHAPES = 100;

/** Adds the members of the object at `at` to the pattern; gives the position behind it. Of `filename` and `url` at any depth is kept that they were seen. */
function takeMembers(
  text: string,
  at: number,
  found: { pattern: string; last: number; readonly seen: string[] },
  depth: number,
): number {
  let position = skipSpace(text, at + 1);
  while (text.charCodeAt(position) === QUOTE) {
    const keyEnd = text.indexOf('"', position + 1);
    const key = text.slice(position + 1, keyEnd);
    const start = valueStart(text, keyEnd);
    const end = skipValue(text, start);
    const first = text.charCodeAt(start);
    const isWanted = key === "filename" || key === "url";
    if (first === OPEN) takeMembers(text, start, found, depth + 1);
    else if (first !== OPEN_LIST) {
      const name = found.seen.length > 0 ? "\\1" : `(${NAME})`;
      const value = key === "url" ? `${FOLDER}${name}` : name;
      found.pattern += escaped(text.slice(found.last, start)) + (isWanted && depth === 0 ? `"${value}"` : SCALAR);
      found.last = end;
    }
    if (isWanted) found.seen.push(key);
    position = skipSpace(text, end);
    if (text.charCodeAt(position) === COMMA) position = skipSpace(text, position + 1);
  }
  return position + 1;
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Behind the white space at `start`. */
export function skipSpace(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code <= 0x20; code = text.charCodeAt(at)) {
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
    at += 1;
  }
  return at;
}

/** Where the value of a key begins whose closing quote is at `keyEnd`; -1 where there is none. */
export function valueStart(text: string, keyEnd: number): number {
  if (keyEnd < 0) return -1;
  const at = skipSpace(text, keyEnd + 1);
  return text.charCodeAt(at) === COLON ? skipSpace(text, at + 1) : -1;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The position behind the value at `at`, or -1 where there is none. What texts consist of is not looked at. */
export function skipValue(text: string, at: number, depth = 0): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return textEnd(text, at) + 1 || -1;
  if (first === OPEN || first === OPEN_LIST) return depth > DEEPEST ? -1 : skipMembers(text, at, depth + 1);
  if (first === 0x74) return text.startsWith("true", at) ? at + 4 : -1;
  if (first === 0x66) return text.startsWith("false", at) ? at + 5 : -1;
  if (first === 0x6e) return text.startsWith("null", at) ? at + 4 : -1;
  NUMBER.lastIndex = at;
  return NUMBER.test(text) ? NUMBER.lastIndex : -1;
}

/** Where the text ends that begins with the quote at `at`: at the next quote that no backslash escapes; -1 where there is none. */
export function textEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return -1;
}

function skipMembers(text: string, start: number, depth: number): number {
  const isObject = text.charCodeAt(start) === OPEN;
  const close = isObject ? CLOSE : CLOSE_LIST;
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === close) return at + 1;
  for (; ; at = skipSpace(text, at + 1)) {
    if (isObject) {
      if (text.charCodeAt(at) !== QUOTE) return -1;
      at = valueStart(text, textEnd(text, at));
      if (at < 0) return -1;
    }
    at = skipValue(text, at, depth);
    if (at < 0) return -1;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === close) return at + 1;
    if (text.charCodeAt(at) !== COMMA) return -1;
  }
}
