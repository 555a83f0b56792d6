import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32, inflateRawSync } from "node:zlib";
import { normalizeName } from "../standards/name.ts";
import { errnoOf, PipdError } from "../std/errors.ts";

/** Reads bytes of an archive, `end` excluded. */
export type ReadBytes = (start: number, end: number) => Promise<Buffer>;

/** The end of an archive, as far as it has been read. */
export interface ArchiveTail {
  readonly bytes: Buffer;
  /** Of the whole archive. */
  readonly size: number;
}

/** So much of a wheel's end holds its directory and, in most wheels, METADATA: it is among the last files. */
export const TAIL_LENGTH = 64 * 1024;

const END_LENGTH = 22;
const LONGEST_COMMENT = 0xffff;
const LOCAL_HEADER_LENGTH = 30;
/** A METADATA that claims to be longer is an attack. Bytes. */
export const LONGEST_METADATA = 16 * 1024 * 1024;

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly uncompressed: number;
  readonly offset: number;
  /** Length of name and extra field in the directory; the local header has the same name and at times a longer extra field. */
  readonly extra: number;
  readonly encrypted: boolean;
}

/**
 * The text of METADATA in a wheel, of which only the end is known: at most two more pieces are read. `filename` tells which `.dist-info` folder counts.
 * Throws PipdError "invalid-wheel" if this is no wheel.
 */
export async function metadataOfArchive(filename: string, tail: ArchiveTail, read: ReadBytes): Promise<string> {
  const view = async (start: number, end: number): Promise<Buffer> => {
    const known = tail.size - tail.bytes.length;
    return start >= known ? tail.bytes.subarray(start - known, end - known) : read(start, end);
  };
  const directory = directoryOf(filename, tail);
  if (directory.start < 0 || directory.end > tail.size || directory.end < directory.start) {
    throw invalid(filename, "its directory lies outside the file");
  }
  const entry = metadataEntry(filename, entriesOf(filename, await view(directory.start, directory.end)));
  // The local header's extra field may be longer than the directory's; a little more is read at once.
  const guess =
    entry.offset + LOCAL_HEADER_LENGTH + Buffer.byteLength(entry.name) + entry.extra + 64 + entry.compressed;
  const end = Math.min(guess, tail.size);
  const piece = await view(entry.offset, end);
  const start = localDataStart(filename, piece);
  const data =
    start + entry.compressed <= piece.length
      ? piece.subarray(start, start + entry.compressed)
      : await view(entry.offset + start, entry.offset + start + entry.compressed);
  return inflate(filename, entry, data);
}

/** The text of METADATA in the wheel at `path`, whose name is `filename`, without unpacking it. Throws PipdError "invalid-wheel" and "unreadable-file". */
export async function metadataOfFile(path: string, filename: string): Promise<string> {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw new PipdError("unreadable-file", `Could not read ${path}: ${errnoOf(cause) ?? String(cause)}`, { cause });
  }
  try {
    const { size } = fstatSync(descriptor);
    const piece = (start: number, end: number): Buffer => {
      const bytes = Buffer.allocUnsafe(Math.max(0, end - start));
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, start));
    };
    const tail = { bytes: piece(Math.max(0, size - TAIL_LENGTH), size), size };
    return await metadataOfArchive(filename, tail, async (start, end) => piece(start, end));
  } finally {
    closeSync(descriptor);
  }
}

/** Where the central directory lies (zip64 included). */
function directoryOf(filename: string, { bytes, size }: ArchiveTail): { readonly start: number; readonly end: number } {
  const earliest = Math.max(0, bytes.length - END_LENGTH - LONGEST_COMMENT);
  for (let at = bytes.length - END_LENGTH; at >= earliest; at--) {
    if (bytes.readUInt32LE(at) !== 0x06054b50 || at + END_LENGTH + bytes.readUInt16LE(at + 20) !== bytes.length) {
      continue;
    }
    const length = bytes.readUInt32LE(at + 12);
    const start = bytes.readUInt32LE(at + 16);
    if (length !== 0xffffffff && start !== 0xffffffff) {
      return { start, end: start + length };
    }
    const record = at >= 20 ? Number(bytes.readBigUInt64LE(at - 20 + 8)) - (size - bytes.length) : -1;
    if (at >= 20 && bytes.readUInt32LE(at - 20) === 0x07064b50 && record >= 0 && record + 56 <= bytes.length) {
      const start64 = Number(bytes.readBigUInt64LE(record + 48));
      return { start: start64, end: start64 + Number(bytes.readBigUInt64LE(record + 40)) };
    }
    throw invalid(filename, "its zip64 directory is broken");
  }
  throw invalid(filename, "it is no zip archive");
}

function entriesOf(filename: string, directory: Buffer): readonly Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const flags = directory.readUInt16LE(at + 8);
    entries.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      compressed: directory.readUInt32LE(at + 20),
      uncompressed: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      extra: extraLength,
      encrypted: (flags & 1) !== 0,
    });
    at += 46 + nameLength + extraLength + directory.readUInt16LE(at + 32);
  }
  if (entries.length === 0) {
    throw invalid(filename, "its directory is empty or broken");
  }
  return entries;
}

/** The one METADATA at the top of a `.dist-info` folder whose name is the project's. */
function metadataEntry(filename: string, entries: readonly Entry[]): Entry {
  const project = normalizeName(filename.split("-")[0] ?? "");
  const found = entries.filter((entry) => /^[^/]+\.dist-info\/METADATA$/.test(entry.name));
  const own = found.filter((entry) => normalizeName(entry.name.split("-")[0] ?? "") === project);
  const [entry] = own;
  if (entry === undefined) {
    const others = found.map(({ name }) => name.split("/")[0]).join(", ");
    throw invalid(
      filename,
      others === ""
        ? ".dist-info/METADATA is missing"
        : `.dist-info directory '${others}' does not start with '${project}'`,
    );
  }
  if (own.length > 1) {
    throw invalid(
      filename,
      `multiple .dist-info directories found: ${own.map(({ name }) => name.split("/")[0]).join(", ")}`,
    );
  }
  if (
    entry.encrypted ||
    entry.uncompressed > LONGEST_METADATA ||
    entry.compressed > LONGEST_METADATA ||
    entry.offset === 0xffffffff
  ) {
    throw invalid(filename, "METADATA is encrypted or far too long");
  }
  return entry;
}

function localDataStart(filename: string, piece: Buffer): number {
  if (piece.length < LOCAL_HEADER_LENGTH || piece.readUInt32LE(0) !== 0x04034b50) {
    throw invalid(filename, "the header of METADATA is broken");
  }
  return LOCAL_HEADER_LENGTH + piece.readUInt16LE(26) + piece.readUInt16LE(28);
}

function inflate(filename: string, entry: Entry, data: Buffer): string {
  try {
    const bytes =
      entry.method === 0
        ? data
        : entry.method === 8
          ? inflateRawSync(data, { maxOutputLength: LONGEST_METADATA })
          : undefined;
    if (bytes?.length === entry.uncompressed && crc32(bytes) === entry.crc) {
      return bytes.toString("utf8");
    }
  } catch {
    // Told below.
  }
  throw invalid(filename, "METADATA is damaged");
}

function invalid(filename: string, reason: string): PipdError {
  return new PipdError("invalid-wheel", `${filename} is not a valid wheel: ${reason}`);
}
