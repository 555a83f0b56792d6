/** JSON without escapes: steps over values, and learns how the entries of a list look so that the next one is read by comparing. */

/** The fields of a file on an index page that are read by shape, by where they stand in its entry. */
export const FIELDS = [
  "filename",
  "url",
  "hashes.sha256",
  "requires-python",
  "size",
  "upload-time",
  "core-metadata.sha256",
] as const;

/** What an entry consists of: the same text between values that differ. */
export interface EntryShape {
  readonly parts: readonly {
    /** What comes before the value. */
    readonly before: string;
    readonly isNumber: boolean;
    /** Which of FIELDS it is; -1 for none. */
    readonly field: number;
  }[];
  readonly after: string;
  /** What the fields are that have no value of their own, in the order of FIELDS. */
  readonly constants: readonly string[];
}

/** The code of `"`. */
export const QUOTE = 0x22;
/** The code of `,`. */
export const COMMA = 0x2c;
const COLON = 0x3a;
/** The code of `[`. */
export const OPEN_LIST = 0x5b;
/** The code of `]`. */
export const CLOSE_LIST = 0x5d;
/** The code of `{`. */
export const OPEN = 0x7b;
/** The code of `}`. */
export const CLOSE = 0x7d;
/** Nothing an index sends is nested more deeply. */
const DEEPEST = 16;

type JsonObject = Readonly<Record<string, unknown>>;

/** The shape of an entry, whose value is given, too; undefined if its files have to be read one by one. */
export function entryShape(text: string, entry: JsonObject): EntryShape | undefined {
  if (!isPlain(entry)) return undefined;
  const leaves: Leaf[] = [];
  collectLeaves(text, 0, "", leaves);
  const parts: EntryShape["parts"][number][] = [];
  let last = 0;
  for (const { start, end, path, isNumber } of leaves) {
    parts.push({ before: text.slice(last, start), isNumber, field: (FIELDS as readonly string[]).indexOf(path) });
    last = end;
  }
  const paths = leaves.map(({ path }) => path);
  if (new Set(paths).size < paths.length) return undefined;
  const constants = FIELDS.map((field) =>
    field === "core-metadata.sha256" && entry["core-metadata"] === true ? "1" : "",
  );
  return { parts, after: text.slice(last), constants };
}

/** An entry whose fields are what they mostly are: others mean something that depends on their values. */
function isPlain(entry: JsonObject): boolean {
  const { filename, url, hashes, size, yanked } = entry;
  const isTextOrNothing = (value: unknown): boolean => typeof value === "string" || (value ?? null) === null;
  const core = entry["core-metadata"];
  return (
    typeof filename === "string" &&
    typeof url === "string" &&
    (hashes === undefined || isHash(hashes)) &&
    isTextOrNothing(entry["requires-python"]) &&
    isTextOrNothing(entry["upload-time"]) &&
    ((size ?? null) === null || Number.isSafeInteger(size)) &&
    (yanked === undefined || yanked === false) &&
    // The old name counts only where the new one is not there.
    (typeof core === "boolean" || isHash(core) || ((core ?? null) === null && !("dist-info-metadata" in entry)))
  );
}

/** `{ "sha256": "..." }` and no other. */
function isHash(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const [first, ...others] = Object.entries(value);
  return others.length === 0 && first?.[0] === "sha256" && typeof first[1] === "string" && first[1] !== "";
}

/**
 * Reads the entry at `at` into `values`, in the order of FIELDS, if it has this shape; gives the position behind it, or -1.
 */
export function readEntry(text: string, at: number, shape: EntryShape, values: string[]): number {
  const { parts, after, constants } = shape;
  let position = at;
  for (let index = 0; index < constants.length; index++) values[index] = constants[index] as string;
  for (let index = 0; index < parts.length; index++) {
    const { before, isNumber, field } = parts[index] as EntryShape["parts"][number];
    if (!text.startsWith(before, position)) return -1;
    const start = position + before.length;
    const end = isNumber ? digitsEnd(text, start) : text.indexOf('"', start);
    // An empty hash is none, and stands for something else.
    if (end < start || (end === start && field >= 0 && (FIELDS[field] as string).endsWith("sha256"))) return -1;
    if (field >= 0) values[field] = text.slice(start, end);
    position = end;
  }
  return text.startsWith(after, position) ? position + after.length : -1;
}

/** Where a whole number of up to 15 digits ends; -1 where there is none. */
function digitsEnd(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at += 1;
  const isNumber = at > start && at - start <= 15 && (at - start === 1 || text.charCodeAt(start) !== 0x30);
  return isNumber ? at : -1;
}

interface Leaf {
  readonly path: string;
  /** Of a text: what stands between the quotes. */
  readonly start: number;
  readonly end: number;
  readonly isNumber: boolean;
}

/** The texts and whole numbers in the valid object at `at`, those in lists left out; gives the position behind it. */
function collectLeaves(text: string, at: number, prefix: string, leaves: Leaf[]): number {
  let position = skipSpace(text, at + 1);
  while (text.charCodeAt(position) === QUOTE) {
    const keyEnd = text.indexOf('"', position + 1);
    const path = `${prefix}${text.slice(position + 1, keyEnd)}`;
    const start = valueStart(text, keyEnd);
    const end = skipValue(text, start);
    const first = text.charCodeAt(start);
    if (first === OPEN) collectLeaves(text, start, `${path}.`, leaves);
    else if (first === QUOTE) leaves.push({ path, start: start + 1, end: end - 1, isNumber: false });
    else if (digitsEnd(text, start) === end) leaves.push({ path, start, end, isNumber: true });
    position = skipSpace(text, end);
    if (text.charCodeAt(position) === COMMA) position = skipSpace(text, position + 1);
  }
  return position + 1;
}

export function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) === 0x20) at += 1;
  return at;
}

/** Where the value of a key begins whose closing quote is at `keyEnd`; -1 where there is none. */
export function valueStart(text: string, keyEnd: number): number {
  if (keyEnd < 0) return -1;
  const at = skipSpace(text, keyEnd + 1);
  return text.charCodeAt(at) === COLON ? skipSpace(text, at + 1) : -1;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The position behind the value at `at`, or -1 where there is none. */
export function skipValue(text: string, at: number, depth = 0): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return text.indexOf('"', at + 1) + 1 || -1;
  if (first === OPEN || first === OPEN_LIST) return depth > DEEPEST ? -1 : skipMembers(text, at, depth + 1);
  if (first === 0x74) return text.startsWith("true", at) ? at + 4 : -1;
  if (first === 0x66) return text.startsWith("false", at) ? at + 5 : -1;
  if (first === 0x6e) return text.startsWith("null", at) ? at + 4 : -1;
  NUMBER.lastIndex = at;
  return NUMBER.test(text) ? NUMBER.lastIndex : -1;
}

function skipMembers(text: string, start: number, depth: number): number {
  const isObject = text.charCodeAt(start) === OPEN;
  const close = isObject ? CLOSE : CLOSE_LIST;
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === close) return at + 1;
  for (; ; at = skipSpace(text, at + 1)) {
    if (isObject) {
      if (text.charCodeAt(at) !== QUOTE) return -1;
      at = valueStart(text, text.indexOf('"', at + 1));
      if (at < 0) return -1;
    }
    at = skipValue(text, at, depth);
    if (at < 0) return -1;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === close) return at + 1;
    if (text.charCodeAt(at) !== COMMA) return -1;
  }
}
