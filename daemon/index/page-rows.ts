import type { IndexFile } from "../standards/index-page.ts";

/** What is kept of an index page: the fields of IndexFile by column, without what repeats. A quarter of the JSON page, and three times as fast to read. */
export interface PageRows {
  readonly names: readonly string[];
  urlOf(row: number): string;
  hashesOf(row: number): Readonly<Record<string, string>>;
  requiresPythonOf(row: number): string | undefined;
  sizeOf(row: number): number | undefined;
  uploadTimeOf(row: number): string | undefined;
  yankedOf(row: number): false | string;
  coreMetadataOf(row: number): boolean | string;
}

/** Texts joined with `|`, or as they are if one of them has that character. */
type Packed = string | readonly string[];

interface Columns {
  /** What all URLs begin with. */
  readonly prefix: string;
  readonly names: Packed;
  /** What lies between the prefix and the file name; `!` and all the rest where the URL does not end in the file name. */
  readonly paths: Packed;
  /** Hex; "" if there is none. */
  readonly sha256: Packed;
  /** All hashes of the rows that have others. */
  readonly hashes: Readonly<Record<number, Readonly<Record<string, string>>>>;
  /** The texts that occur, and which of them a row has; -1: none. */
  readonly pythons: readonly string[];
  readonly python: readonly number[];
  /** -1: unknown. */
  readonly sizes: readonly number[];
  /** "" unknown. */
  readonly times: Packed;
  /** Reasons of the rows that are yanked. */
  readonly yanked: Readonly<Record<number, string>>;
  /** "" none, "1" without a hash, else its sha256. */
  readonly metadata: Packed;
}

/** The text that {@link decodeRows} reads. */
export function encodeRows(files: readonly IndexFile[]): string {
  const prefix = commonPrefix(files);
  const texts = { names: [""], paths: [""], sha256: [""], times: [""], metadata: [""] };
  const hashes: Record<number, Readonly<Record<string, string>>> = {};
  const yanked: Record<number, string> = {};
  const pythons = new Map<string, number>();
  const python: number[] = [];
  const sizes: number[] = [];
  for (const [row, file] of files.entries()) {
    texts.names[row] = file.filename;
    texts.paths[row] = pathOf(file, prefix);
    texts.sha256[row] = file.hashes.sha256 ?? "";
    texts.times[row] = file.uploadTime ?? "";
    texts.metadata[row] = typeof file.coreMetadata === "string" ? file.coreMetadata : file.coreMetadata ? "1" : "";
    if (Object.keys(file.hashes).length > (file.hashes.sha256 === undefined ? 0 : 1)) {
      hashes[row] = file.hashes;
    }
    if (file.yanked !== false) {
      yanked[row] = file.yanked;
    }
    const text = file.requiresPython;
    const known = text === undefined ? -1 : (pythons.get(text) ?? pythons.size);
    if (text !== undefined) {
      pythons.set(text, known);
    }
    python.push(known);
    sizes.push(file.size ?? -1);
  }
  const columns: Columns = {
    prefix,
    names: pack(texts.names, files.length),
    paths: pack(texts.paths, files.length),
    sha256: pack(texts.sha256, files.length),
    hashes,
    pythons: [...pythons.keys()],
    python,
    sizes,
    times: pack(texts.times, files.length),
    yanked,
    metadata: pack(texts.metadata, files.length),
  };
  return JSON.stringify(columns);
}

/** The rows in a text of {@link encodeRows}. Nothing is built per row: a field is put together when it is asked for. */
export function decodeRows(text: string): PageRows {
  const columns = JSON.parse(text) as Columns;
  const { prefix, hashes, pythons, python, sizes, yanked } = columns;
  const names = unpack(columns.names);
  const pathOf = columnOf(columns.paths);
  const sha256Of = columnOf(columns.sha256);
  const timeOf = columnOf(columns.times);
  const metadataOf = columnOf(columns.metadata);
  return {
    names,
    urlOf(row) {
      const path = pathOf(row);
      return path.startsWith("!") ? `${prefix}${path.slice(1)}` : `${prefix}${path}${names[row] ?? ""}`;
    },
    hashesOf(row) {
      const sha256 = sha256Of(row);
      return hashes[row] ?? (sha256 === "" ? {} : { sha256 });
    },
    requiresPythonOf: (row) => pythons[python[row] ?? -1],
    sizeOf: (row) => (sizes[row] === -1 ? undefined : sizes[row]),
    uploadTimeOf: (row) => timeOf(row) || undefined,
    yankedOf: (row) => yanked[row] ?? false,
    coreMetadataOf: (row) => {
      const metadata = metadataOf(row);
      return metadata === "1" ? true : metadata || false;
    },
  };
}

/** Few rows of a page are ever looked at closely: a column is only split when many of its cells are asked for. */
function columnOf(packed: Packed): (row: number) => string {
  let cells = typeof packed === "string" ? undefined : packed;
  let asked = 0;
  return (row) => {
    if (cells === undefined && ++asked > MOST_SCANS) cells = unpack(packed);
    return cells === undefined ? cellOf(packed as string, row) : (cells[row] ?? "");
  };
}

/** As many scans of a column cost about as much as splitting it. */
const MOST_SCANS = 16;

function cellOf(packed: string, row: number): string {
  let start = 0;
  for (let passed = 0; passed < row; passed++) {
    start = packed.indexOf("|", start) + 1;
    if (start === 0) return "";
  }
  const end = packed.indexOf("|", start);
  return packed.slice(start, end === -1 ? undefined : end);
}

/** The rows of files that were not on a page of an index, such as a folder's. */
export function rowsOf(files: readonly IndexFile[]): PageRows {
  const at = (row: number) => files[row] as IndexFile;
  return {
    names: files.map((file) => file.filename),
    urlOf: (row) => at(row).url,
    hashesOf: (row) => at(row).hashes,
    requiresPythonOf: (row) => at(row).requiresPython,
    sizeOf: (row) => at(row).size,
    uploadTimeOf: (row) => at(row).uploadTime,
    yankedOf: (row) => at(row).yanked,
    coreMetadataOf: (row) => at(row).coreMetadata,
  };
}

function pathOf({ url, filename }: IndexFile, prefix: string): string {
  const rest = url.slice(prefix.length);
  return rest.endsWith(filename) && !rest.startsWith("!") ? rest.slice(0, rest.length - filename.length) : `!${rest}`;
}

function commonPrefix(files: readonly IndexFile[]): string {
  let prefix = files[0]?.url ?? "";
  prefix = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  for (const { url } of files) {
    while (!url.startsWith(prefix)) {
      prefix = prefix.slice(0, prefix.lastIndexOf("/", prefix.length - 2) + 1);
    }
  }
  return prefix;
}

function pack(texts: readonly string[], rows: number): Packed {
  return rows === 0 ? [] : texts.some((text) => text.includes("|")) ? texts : texts.join("|");
}

function unpack(packed: Packed): readonly string[] {
  return typeof packed === "string" ? packed.split("|") : packed;
}
