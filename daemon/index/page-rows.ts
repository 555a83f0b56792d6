import type { IndexFile } from "../standards/index-page.ts";
import type { FileSink } from "../standards/index-page-scan.ts";
import type { NormalizedName } from "../standards/name.ts";
import { cellOf, type Packed, pack } from "./packed-column.ts";
import { createVersionNames } from "./version-names.ts";

/** What is kept of an index page: the fields of IndexFile by column, without what repeats. A quarter of the JSON page, and ten times as fast to read. */
export interface PageRows {
  readonly count: number;
  /** Which rows belong together, where that is known: for the page of one project. */
  readonly versions: RowVersions | undefined;
  nameOf(row: number): string;
  urlOf(row: number): string;
  hashesOf(row: number): Readonly<Record<string, string>>;
  requiresPythonOf(row: number): string | undefined;
  sizeOf(row: number): number | undefined;
  uploadTimeOf(row: number): string | undefined;
  yankedOf(row: number): false | string;
  coreMetadataOf(row: number): boolean | string;
}

/** The versions of the files of one project, as file names spell them. */
export interface RowVersions {
  readonly key: NormalizedName;
  /** Each spelling once. */
  readonly texts: readonly string[];
  /** Pairs that make up all rows in their order: index of a text (-1: no file of the project), number of rows. */
  readonly runs: readonly number[];
}

interface Columns {
  readonly count: number;
  /** What all URLs begin with that end in a file's name. */
  readonly prefix: string;
  readonly names: Packed;
  /** What lies between the prefix and the file name; `!` and all of the URL where that does not end in the file name. */
  readonly paths: Packed;
  /** Hex; "" if there is none. */
  readonly sha256: Packed;
  /** All hashes of the rows that have others. */
  readonly hashes: Readonly<Record<number, Readonly<Record<string, string>>>>;
  /** The texts that occur, and which of them a row has; "" none. */
  readonly pythons: readonly string[];
  readonly python: Packed;
  /** "" unknown. */
  readonly sizes: Packed;
  /** "" unknown. */
  readonly times: Packed;
  /** Reasons of the rows that are yanked. */
  readonly yanked: Readonly<Record<number, string>>;
  /** "" none, "1" without a hash, else its sha256. */
  readonly metadata: Packed;
  readonly versions?: RowVersions | undefined;
}

/** Takes files one after the other, and makes of them the text that {@link decodeRows} reads. */
export interface RowsEncoder extends FileSink {
  encode(): string;
}

/** `key` is the project whose page it is, if it is one's. */
export function createRowsEncoder(key: NormalizedName | undefined): RowsEncoder {
  const names: string[] = [];
  /** `!` and the whole URL where it does not end in the name. */
  const folders: string[] = [];
  const sha256s: string[] = [];
  const sizes: string[] = [];
  const times: string[] = [];
  const metadata: string[] = [];
  const python: string[] = [];
  const hashes: Record<number, Readonly<Record<string, string>>> = {};
  const yanked: Record<number, string> = {};
  const pythons = new Map([["", ""]]);
  const versions = key === undefined ? undefined : createVersionNames(key);

  const add: FileSink["add"] = (filename, folder, sha256, requiresPython, size, uploadTime, coreMetadata) => {
    names.push(filename);
    folders.push(folder);
    sha256s.push(sha256);
    sizes.push(size);
    times.push(uploadTime);
    metadata.push(coreMetadata);
    let known = pythons.get(requiresPython);
    if (known === undefined) {
      known = String(pythons.size - 1);
      pythons.set(requiresPython, known);
    }
    python.push(known);
    versions?.add(filename);
  };

  return {
    add,
    addFile(file) {
      const row = names.length;
      const { filename, url, size, requiresPython = "", uploadTime = "", coreMetadata } = file;
      const { sha256 = "" } = file.hashes;
      const isPlain = url.endsWith(`/${filename}`);
      const folder = isPlain ? url.slice(0, url.length - filename.length) : `!${url}`;
      const kept = typeof coreMetadata === "string" ? coreMetadata : coreMetadata ? "1" : "";
      add(filename, folder, sha256, requiresPython, size === undefined ? "" : String(size), uploadTime, kept);
      if (Object.keys(file.hashes).length > (file.hashes.sha256 === undefined ? 0 : 1)) hashes[row] = file.hashes;
      if (file.yanked !== false) yanked[row] = file.yanked;
    },
    encode() {
      const prefix = commonPrefix(folders);
      const columns: Columns = {
        count: names.length,
        prefix,
        names: pack(names),
        paths: pack(folders.map((folder) => (folder.startsWith("!") ? folder : folder.slice(prefix.length)))),
        sha256: pack(sha256s),
        hashes,
        pythons: [...pythons.keys()].slice(1),
        python: pack(python),
        sizes: pack(sizes),
        times: pack(times),
        yanked,
        metadata: pack(metadata),
        versions: versions?.finish(),
      };
      return JSON.stringify(columns);
    },
  };
}

/** The rows in a text of a {@link RowsEncoder}. Nothing is built per row: a field is put together when it is asked for. */
export function decodeRows(text: string): PageRows {
  const columns = JSON.parse(text) as Columns;
  const { count, prefix, hashes, pythons, yanked, versions } = columns;
  const cell = (column: Packed) => (row: number) => cellOf(column, row, count);
  const nameOf = cell(columns.names);
  const pathOfRow = cell(columns.paths);
  const sha256Of = cell(columns.sha256);
  const pythonOf = cell(columns.python);
  const sizeOf = cell(columns.sizes);
  const timeOf = cell(columns.times);
  const metadataOf = cell(columns.metadata);
  return {
    count,
    versions,
    nameOf,
    urlOf(row) {
      const path = pathOfRow(row);
      return path.startsWith("!") ? path.slice(1) : `${prefix}${path}${nameOf(row)}`;
    },
    hashesOf(row) {
      const sha256 = sha256Of(row);
      return hashes[row] ?? (sha256 === "" ? {} : { sha256 });
    },
    requiresPythonOf(row) {
      const at = pythonOf(row);
      return at === "" ? undefined : pythons[Number(at)];
    },
    sizeOf(row) {
      const size = sizeOf(row);
      return size === "" ? undefined : Number(size);
    },
    uploadTimeOf: (row) => timeOf(row) || undefined,
    yankedOf: (row) => yanked[row] ?? false,
    coreMetadataOf(row) {
      const kept = metadataOf(row);
      return kept === "1" ? true : kept || false;
    },
  };
}

/** The rows of files that were not on a page of an index, such as a folder's. */
export function rowsOf(files: readonly IndexFile[]): PageRows {
  const at = (row: number) => files[row] as IndexFile;
  return {
    count: files.length,
    versions: undefined,
    nameOf: (row) => at(row).filename,
    urlOf: (row) => at(row).url,
    hashesOf: (row) => at(row).hashes,
    requiresPythonOf: (row) => at(row).requiresPython,
    sizeOf: (row) => at(row).size,
    uploadTimeOf: (row) => at(row).uploadTime,
    yankedOf: (row) => at(row).yanked,
    coreMetadataOf: (row) => at(row).coreMetadata,
  };
}

function commonPrefix(folders: readonly string[]): string {
  let prefix: string | undefined;
  for (const folder of folders) {
    if (folder === prefix || folder.startsWith("!")) continue;
    prefix ??= folder;
    while (!folder.startsWith(prefix)) prefix = prefix.slice(0, prefix.lastIndexOf("/", prefix.length - 2) + 1);
  }
  return prefix ?? "";
}
