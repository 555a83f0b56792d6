import { fstatSync, readSync } from "node:fs";
import { PassThrough, type Readable } from "node:stream";
import {
  type Entry,
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  type ZipFile,
} from "yauzl";
import { parseWheelFilename, type WheelFilename } from "../standards/filename.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { normalizeName } from "../standards/name.ts";
import { PipdError } from "../std/errors.ts";

/** A file of a wheel, as the archive's central directory describes it; its name has been checked. */
export interface WheelEntry {
  readonly name: string;
  /** The name's bytes, which the local header must repeat. */
  readonly rawName: Uint8Array;
  readonly deflated: boolean;
  readonly compressedSize: number;
  /** Declared; the content must have exactly this size. */
  readonly size: number;
  readonly crc32: number;
  /** pip's rule: a regular file with any execute bit. */
  readonly executable: boolean;
  /** Where the local header starts, and where the next one does (or the archive ends): the content lies between. */
  readonly start: number;
  readonly end: number;
}

/** The checked table of contents of a wheel. */
export interface WheelDirectory {
  readonly filename: WheelFilename;
  /** Top folder `<name>-<version>.dist-info`; METADATA, WHEEL and RECORD are in it. */
  readonly distInfo: string;
  readonly dataFolder: string | undefined;
  /** Files only, in the order of their place in the archive. */
  readonly entries: readonly WheelEntry[];
  /** Declared unpacked bytes of all files. */
  readonly totalSize: number;
}

/** More than any wheel has (the largest known have 30,000); an archive beyond is an attack on memory. */
const MOST_ENTRIES = 200_000;
/** A whole wheel never reaches a ratio of 50, single files do (zeros: 1,030). Small ones do no harm. */
const BOMB_RATIO = 100;
const HARMLESS_SIZE = 256 * 2 ** 20;
const LARGEST_TOTAL = 64 * 2 ** 30;

const FILE_TYPE = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;
const SYMLINK = 0o120000;
const FLAG_ENCRYPTED = 0x0001 | 0x0040 | 0x2000;
const FLAG_UTF8 = 0x0800;
const FLAG_DEFLATE_LEVEL = 0x0006;
const ZIP64_SIZE = 0xff_ff_ff_ff;
/** Bytes of a local header before the name. */
export const LOCAL_HEADER = 30;
export const LOCAL_SIGNATURE = 0x04034b50;
export const LONGEST_LOCAL_HEADER = LOCAL_HEADER + 2 ** 16;
const STORED = 0;
const DEFLATED = 8;
const SCHEMES: ReadonlySet<string> = new Set(["purelib", "platlib", "headers", "scripts", "data"]);

/** The refusal of a wheel: names the file, the entry it is about and what to do. */
export function invalidWheel(filename: string, problem: string, entry?: string, cause?: unknown): PipdError {
  const where = entry === undefined ? "" : ` (entry ${JSON.stringify(entry)})`;
  return new PipdError("invalid-wheel", `${filename} is not a wheel that can be installed: ${problem}${where}.`, {
    hint: "Nothing of it was installed. Download the file again; if it stays so, choose another version and tell the project.",
    cause,
  });
}

/**
 * Reads and checks the table of contents of an open wheel, without reading any content: safe and distinct names, plain files only,
 * no encryption, known compression, bounded sizes, the folders and the files that PEP 427 asks for.
 * @throws PipdError "invalid-wheel".
 */
export async function readWheelDirectory(descriptor: number, filename: string): Promise<WheelDirectory> {
  const parsed = parseFilename(filename);
  const archiveSize = fstatSync(descriptor).size;
  const found = await readEntries(descriptor, archiveSize, filename);
  const starts = found.map((entry) => entry.relativeOffsetOfLocalHeader).sort((a, b) => a - b);
  const names = new Set<string>();
  const entries: WheelEntry[] = [];
  for (const entry of found) {
    const name = nameOf(entry, filename);
    if (names.has(name)) throw invalidWheel(filename, "two entries have the same name", name);
    names.add(name);
    checkEntry(entry, name, filename);
    if (!name.endsWith("/")) entries.push(toWheelEntry(entry, name, starts, archiveSize, filename));
  }
  checkSizes(entries, archiveSize, filename);
  checkFolders(entries, filename);
  entries.sort((a, b) => a.start - b.start);
  const tops = new Set([...names].map((name) => name.split("/", 1)[0] ?? ""));
  const distInfo = distInfoOf(tops, parsed, filename);
  for (const needed of ["METADATA", "WHEEL", "RECORD"]) {
    if (!names.has(`${distInfo}/${needed}`)) throw invalidWheel(filename, `it has no file ${distInfo}/${needed}`);
  }
  const dataFolder = dataFolderOf(tops, entries, filename);
  return { filename: parsed, distInfo, dataFolder, entries, totalSize: totalSize(entries) };
}

function parseFilename(filename: string): WheelFilename {
  try {
    return parseWheelFilename(filename);
  } catch (error) {
    if (error instanceof InvalidText) throw invalidWheel(filename, error.message, undefined, error);
    throw error;
  }
}

/** The central directory through yauzl, which asks for it in small pieces: served from blocks, synchronously (this is a worker's work). */
class BlockReader extends RandomAccessReader {
  readonly #descriptor: number;
  #block: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(descriptor: number) {
    super();
    this.#descriptor = descriptor;
  }

  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, bytesRead?: number) => void,
  ): void {
    try {
      if (position < this.#start || position + length > this.#start + this.#block.length) {
        const block = Buffer.allocUnsafe(Math.max(length, 2 ** 16));
        this.#block = block.subarray(0, readFully(this.#descriptor, block, position));
        this.#start = position;
      }
      done(null, this.#block.copy(target, offset, position - this.#start, position - this.#start + length));
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Never called: contents are not read through yauzl. */
  override _readStreamForRange(): Readable {
    return new PassThrough().end();
  }

  /** The descriptor belongs to the caller. */
  override close(done: (error: Error | null) => void): void {
    done(null);
  }
}

/** Reads up to the buffer's length; fewer bytes only at the end of the file. */
export function readFully(descriptor: number, buffer: Uint8Array, position: number): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(descriptor, buffer, done, buffer.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

async function readEntries(descriptor: number, size: number, filename: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    const zip: ZipFile = await fromRandomAccessReaderPromise(new BlockReader(descriptor), size, {
      decodeStrings: false,
    });
    if (zip.entryCount > MOST_ENTRIES) throw new Error(`it has ${zip.entryCount} entries`);
    for await (const entry of zip.eachEntry()) entries.push(entry);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw invalidWheel(filename, `the zip archive is damaged or not one (${problem})`, undefined, error);
  }
  return entries;
}

/**
 * What the local header at `start` says of its entry, for an archive of which the end is not there yet. Undefined for whatever only the central directory
 * tells, and for all that could be wrong: that one decides.
 *
 * @param head at least {@link LONGEST_LOCAL_HEADER} bytes from `start` on, or all that there are
 */
export function localEntry(head: Buffer, start: number): WheelEntry | undefined {
  if (head.length < LOCAL_HEADER || head.readUInt32LE(0) !== LOCAL_SIGNATURE) return undefined;
  const flags = head.readUInt16LE(6);
  const method = head.readUInt16LE(8);
  const [compressedSize, size] = [head.readUInt32LE(18), head.readUInt32LE(22)];
  const nameEnd = LOCAL_HEADER + head.readUInt16LE(26);
  if ((flags & ~(FLAG_UTF8 | FLAG_DEFLATE_LEVEL)) !== 0 || (method !== STORED && method !== DEFLATED)) return undefined;
  if (compressedSize === ZIP64_SIZE || size === ZIP64_SIZE || nameEnd > head.length) return undefined;
  const rawName = Buffer.from(head.subarray(LOCAL_HEADER, nameEnd));
  const name = decodedName(rawName, flags);
  if (name === undefined || nameProblem(name) !== undefined || (name.endsWith("/") && size !== 0)) return undefined;
  return {
    name,
    rawName,
    deflated: method === DEFLATED,
    compressedSize,
    size,
    crc32: head.readUInt32LE(14),
    executable: false,
    start,
    end: nameEnd + head.readUInt16LE(28) + compressedSize + start,
  };
}

function nameOf({ fileNameRaw: raw, generalPurposeBitFlag: flags }: Entry, filename: string): string {
  const name = decodedName(raw, flags);
  if (name !== undefined) return name;
  throw invalidWheel(filename, "an entry's name is not UTF-8 although it says so", raw.toString("latin1"));
}

/**
 * UTF-8 where the archive says so, else code page 437, as Python's zipfile does; other name fields of the archive are not looked at. Undefined for what is
 * not UTF-8 although it says so.
 */
function decodedName(raw: Buffer, flags: number): string | undefined {
  if ((flags & FLAG_UTF8) === 0) return getFileNameLowLevel(0, raw, [], true);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    return undefined;
  }
}

function checkEntry(entry: Entry, name: string, filename: string): void {
  const problem = nameProblem(name) ?? kindProblem(entry, name.endsWith("/"));
  if (problem !== undefined) throw invalidWheel(filename, problem, name);
}

function nameProblem(name: string): string | undefined {
  if (/[\0-\x1f\x7f]/.test(name)) return "an entry's name has control characters";
  if (name.includes("\\")) return "an entry's name has a backslash";
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) return "an entry's name is an absolute path";
  const parts = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
  if (parts.includes("..")) return "an entry's name leads out of the wheel";
  if (parts.includes("") || parts.includes(".")) return "an entry's name has an empty part";
  if (parts.some((part) => Buffer.byteLength(part) > 255)) return "an entry's name is too long for a file name";
  return undefined;
}

function kindProblem(entry: Entry, isFolder: boolean): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & FILE_TYPE;
  if (type === SYMLINK) return "it holds a symbolic link, which wheels may not";
  if (type !== 0 && type !== (isFolder ? FOLDER : REGULAR)) return "an entry is neither a file nor a folder";
  if ((entry.generalPurposeBitFlag & FLAG_ENCRYPTED) !== 0) return "an entry is encrypted";
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    return `an entry is compressed by method ${entry.compressionMethod}; only stored and deflated ones can be read`;
  }
  if (isFolder && entry.uncompressedSize !== 0) return "a folder has content";
  return undefined;
}

function toWheelEntry(
  entry: Entry,
  name: string,
  starts: readonly number[],
  archiveSize: number,
  filename: string,
): WheelEntry {
  const mode = entry.externalFileAttributes >>> 16;
  const start = entry.relativeOffsetOfLocalHeader;
  const at = firstAfter(starts, start);
  const end = starts[at] ?? archiveSize;
  const overlaps = starts[at - 2] === start || start + LOCAL_HEADER + entry.fileNameLength + entry.compressedSize > end;
  if (overlaps) throw invalidWheel(filename, "an entry overlaps with another or with the end of the archive", name);
  return {
    name,
    rawName: entry.fileNameRaw,
    deflated: entry.compressionMethod === DEFLATED,
    compressedSize: entry.compressedSize,
    size: entry.uncompressedSize,
    crc32: entry.crc32,
    executable: (mode & FILE_TYPE) === REGULAR && (mode & 0o111) !== 0,
    start,
    end,
  };
}

/** Index of the first of the sorted numbers that is greater. */
function firstAfter(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

const totalSize = (entries: readonly WheelEntry[]): number => entries.reduce((total, entry) => total + entry.size, 0);

/** Bytes of all contents, and of the archive. */
export const isBomb = (total: number, archiveSize: number): boolean =>
  total > LARGEST_TOTAL || (total > HARMLESS_SIZE && total > BOMB_RATIO * archiveSize);

function checkSizes(entries: readonly WheelEntry[], archiveSize: number, filename: string): void {
  const total = totalSize(entries);
  if (isBomb(total, archiveSize)) {
    throw invalidWheel(filename, `its ${archiveSize} bytes would unpack to ${total} bytes, as in a zip bomb`);
  }
}

/** No name may be a file and a folder. */
function checkFolders(entries: readonly WheelEntry[], filename: string): void {
  const files = new Set(entries.map((entry) => entry.name));
  const seen = new Set<string>();
  for (const { name } of entries) {
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const folder = name.slice(0, at);
      if (seen.has(folder)) break;
      seen.add(folder);
      if (files.has(folder)) throw invalidWheel(filename, "an entry is both a file and a folder", folder);
    }
  }
}

/** pip's rule: exactly one, whose normalised name starts with the project's. */
function distInfoOf(tops: ReadonlySet<string>, { key }: WheelFilename, filename: string): string {
  const folders = [...tops].filter((top) => top.endsWith(".dist-info")).sort();
  const [folder, ...others] = folders;
  if (folder === undefined) throw invalidWheel(filename, "it has no .dist-info folder");
  if (others.length > 0) throw invalidWheel(filename, `it has several .dist-info folders: ${folders.join(", ")}`);
  if (normalizeName(folder).startsWith(key)) return folder;
  throw invalidWheel(filename, `its .dist-info folder does not belong to the project ${key}`, folder);
}

/** pip takes every top folder `*.data` for install schemes; more than one is something that no build backend makes. */
function dataFolderOf(tops: ReadonlySet<string>, entries: readonly WheelEntry[], filename: string): string | undefined {
  const [folder, ...others] = [...tops].filter((top) => top.endsWith(".data")).sort();
  if (folder === undefined) return undefined;
  if (others.length > 0) throw invalidWheel(filename, "it has several .data folders", others[0]);
  for (const { name } of entries) {
    const [top, scheme = "", ...rest] = name.split("/");
    if (top === folder && (rest.length === 0 || !SCHEMES.has(scheme))) {
      throw invalidWheel(filename, `a file of the .data folder lies in none of ${[...SCHEMES].join(", ")}`, name);
    }
  }
  return folder;
}
