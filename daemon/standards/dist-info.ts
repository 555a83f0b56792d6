/** The files of a `.dist-info` folder that an installer reads and writes: RECORD (PEP 376/627) and WHEEL (PEP 427). */
import { parseHeaders } from "./email-headers.ts";
import { parseTagSet } from "./filename.ts";
import { InvalidText } from "./invalid-text.ts";
import { pythonRepr, splitLines } from "./python-lines.ts";
import { compareCodePoints, stripPythonSpace } from "./python-text.ts";
import type { Tag } from "./tag.ts";

export interface RecordRow {
  /** Relative to the folder of the `.dist-info` folder, with slashes; may lead out of it ("../../../bin/x") or be absolute. */
  readonly path: string;
  /** "sha256=<base64url without padding>", or "". */
  readonly hash: string;
  /** Decimal, or "". */
  readonly size: string;
}

/** Reads a RECORD (Python's csv module, "excel" dialect). Missing columns are "", further ones are dropped, empty lines skipped. Never throws. */
export function parseRecord(text: string): RecordRow[] {
  return parseCsv(splitLines(text)).map(([path = "", hash = "", size = ""]) => ({ path, hash, size }));
}

/** What only {@link parseRecord} reads right: quotes, and line ends other than those of text files. */
const UNUSUAL = /["\v\f\x1c-\x1e\x85\u2028\u2029]|\r(?!\n)/;

/** Names by their folder: "" for none, "/" for the root. */
export type NamesByFolder = ReadonlyMap<string, ReadonlySet<string>>;

/** The paths of a RECORD as {@link parseRecord} reads them, but many times faster: for removals, which need nothing else. Never throws. */
export function parseRecordFolders(text: string): NamesByFolder {
  const { folders, add } = namesByFolder();
  if (UNUSUAL.test(text)) {
    for (const { path } of parseRecord(text)) add(path, 0, path.length);
    return folders;
  }
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf("\n", start);
    if (end === -1) end = text.length;
    const comma = text.indexOf(",", start);
    const pathEnd = comma !== -1 && comma < end ? comma : text[end - 1] === "\r" ? end - 1 : end;
    if (pathEnd > start || comma === pathEnd) add(text, start, pathEnd);
    start = end + 1;
  }
  return folders;
}

/** Paths by folder. */
export function groupByFolder(paths: Iterable<string>): NamesByFolder {
  const { folders, add } = namesByFolder();
  for (const path of paths) add(path, 0, path.length);
  return folders;
}

/** A RECORD is sorted, so that neighbours mostly share a folder. */
function namesByFolder(): {
  readonly folders: NamesByFolder;
  readonly add: (text: string, start: number, end: number) => void;
} {
  const folders = new Map<string, Set<string>>();
  let last: string | undefined;
  let names = new Set<string>();
  return {
    folders,
    add(text, start, end) {
      const slash = end === start ? -1 : text.lastIndexOf("/", end - 1);
      if (last === undefined || slash - start !== last.length || !text.startsWith(last, start)) {
        last = slash === start ? "/" : text.slice(start, Math.max(slash, start));
        names = folders.get(last) ?? new Set();
        folders.set(last, names);
      }
      names.add(text.slice(Math.max(slash + 1, start), end));
    },
  };
}

/** Rows in the order of a RECORD, and their lines there: what many RECORDs share is sorted and written once. */
export interface SortedRows {
  readonly rows: readonly RecordRow[];
  readonly lines: readonly string[];
}

export function sortRows(rows: readonly RecordRow[]): SortedRows {
  const sorted = rows.toSorted(compareRows);
  return { rows: sorted, lines: sorted.map(recordLine) };
}

/** Whether exactly this row is among them. */
export function hasRow({ rows }: SortedRows, row: RecordRow): boolean {
  const there = rows[placeIn(rows, row)];
  return there !== undefined && compareRows(there, row) === 0;
}

const NO_ROWS: SortedRows = { rows: [], lines: [] };

/**
 * Writes a RECORD as pip does: rows sorted by path, hash and size (code points), lines ended by `\r\n`, quoted where needed.
 * @param shared more rows, sorted before
 */
export function renderRecord(rows: readonly RecordRow[], shared: SortedRows = NO_ROWS): string {
  const parts: string[] = [];
  let done = 0;
  for (const row of rows.toSorted(compareRows)) {
    const place = placeIn(shared.rows, row);
    parts.push(shared.lines.slice(done, place).join(""), recordLine(row));
    done = place;
  }
  return [...parts, ...shared.lines.slice(done)].join("");
}

const compareRows = (a: RecordRow, b: RecordRow): number =>
  compareCodePoints(a.path, b.path) || compareCodePoints(a.hash, b.hash) || compareCodePoints(a.size, b.size);

const recordLine = ({ path, hash, size }: RecordRow): string =>
  `${quoteField(path)},${quoteField(hash)},${quoteField(size)}\r\n`;

/** How many of these sorted rows come before this one. */
function placeIn(rows: readonly RecordRow[], row: RecordRow): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareRows(rows[middle]!, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What WHEEL says. */
export interface WheelFile {
  /** "1.0" as numbers. pip refuses a first number above 1 and warns about a newer second one. */
  readonly wheelVersion: readonly number[];
  readonly rootIsPurelib: boolean;
  /** The `Tag` lines, expanded. */
  readonly tags: readonly Tag[];
  readonly build?: string;
  readonly generator?: string;
}

/** Parses the text of a WHEEL file. Throws {@link InvalidText} of kind "wheel-file" with pip's words when Wheel-Version is missing or no version. */
export function parseWheelFile(text: string): WheelFile {
  const { headers } = parseHeaders(text, { redent: false });
  const versionText = headers.get("wheel-version")?.[0];
  if (versionText === undefined) {
    throw new InvalidText("wheel-file", text, "WHEEL is missing Wheel-Version");
  }
  const numbers = stripPythonSpace(versionText).split(".").map(stripPythonSpace);
  if (!numbers.every((number) => /^[+-]?\d+(?:_\d+)*$/.test(number))) {
    throw new InvalidText("wheel-file", text, `invalid Wheel-Version: ${pythonRepr(stripPythonSpace(versionText))}`);
  }
  const build = headers.get("build")?.[0];
  const generator = headers.get("generator")?.[0];
  return {
    wheelVersion: numbers.map((number) => Number(number.replaceAll("_", ""))),
    rootIsPurelib: headers.get("root-is-purelib")?.[0]?.toLowerCase() === "true",
    tags: (headers.get("tag") ?? []).flatMap((tag) => parseTagSet(stripPythonSpace(tag)) ?? []),
    ...(build === undefined ? {} : { build }),
    ...(generator === undefined ? {} : { generator }),
  };
}

function quoteField(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * `csv.reader(lines)`: a quote opens a quoted part only at the start of a field, a doubled quote inside stands for one, and what follows
 * a closing quote is taken as it is. A quoted field may go on in the next line; the line end itself is not part of it, because the lines have none.
 */
function parseCsv(lines: readonly string[]): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (const line of lines) {
    if (!quoted && !line.includes('"')) {
      if (line !== "") {
        rows.push(line.split(","));
      }
      continue;
    }
    let wasQuoted = quoted;
    for (let index = 0; index < line.length; index++) {
      const character = line[index] ?? "";
      if (quoted) {
        if (character !== '"') {
          field += character;
        } else if (line[index + 1] === '"') {
          field += character;
          index++;
        } else {
          quoted = false;
        }
      } else if (character === '"' && field === "" && !wasQuoted) {
        quoted = true;
        wasQuoted = true;
      } else if (character === ",") {
        row.push(field);
        field = "";
        wasQuoted = false;
      } else {
        field += character;
      }
    }
    if (!quoted) {
      rows.push([...row, field]);
      row = [];
      field = "";
    }
  }
  if (quoted) {
    rows.push([...row, field]);
  }
  return rows;
}
