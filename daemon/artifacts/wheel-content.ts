import { createHash, hash } from "node:crypto";
import { closeSync, fchmodSync, openSync } from "node:fs";
import { crc32, createInflateRaw } from "node:zlib";
import { writeFully, writeNewFile } from "../std/files.ts";
import type { Stop } from "../std/worker-pool.ts";
import { createInflater } from "./inflater.ts";
import {
  invalidWheel,
  LOCAL_HEADER,
  LOCAL_SIGNATURE,
  LONGEST_LOCAL_HEADER,
  localEntry,
  readFully,
  type WheelEntry,
} from "./wheel.ts";

/** Entries up to this size are inflated whole and at once; greater ones in pieces, to bound memory. */
const WHOLE_ENTRY = 16 * 2 ** 20;
/** Archives are read in blocks: one system call for many small entries. */
const BLOCK = 4 * 2 ** 20;
const PIECE = 2 ** 20;
/** Of the archive before, for the next one: a new block for each would have the collector run all the time. */
let freeBlock: Buffer | undefined;

/** Reads the contents of a wheel's entries, best in the order of their place. Belongs to one open archive, and is disposed of with it. */
export interface WheelContent extends Disposable {
  /** The entry whose local header is at `start`, as `localEntry` gives it. */
  entryAt(start: number): WheelEntry | undefined;
  /** The content of an entry, checked against the archive's size and CRC; good until the next one is read. Only for entries that `isWhole`. */
  read(entry: WheelEntry): Buffer;
  /** Writes an entry that `isWhole` as a new file with this mode, and gives its sha256 in urlsafe base64 without padding. */
  write(entry: WheelEntry, path: string, mode: number): string;
  /** The same for an entry of any size, in pieces. */
  writeInPieces(entry: WheelEntry, path: string, mode: number): Promise<string>;
}

export const isWhole = (entry: WheelEntry): boolean =>
  entry.size <= WHOLE_ENTRY && entry.end - entry.start <= WHOLE_ENTRY;

/**
 * @throws from all functions: PipdError "invalid-wheel" when the archive contradicts itself or an entry does not inflate to what it declares; what `stop`
 * throws
 */
export function createWheelContent(descriptor: number, filename: string, stop: Stop): WheelContent {
  let block: Buffer = Buffer.alloc(0);
  let blockStart = 0;
  let spare: Buffer | undefined;

  /** `length` bytes of the archive, or fewer at its end. */
  const bytesAt = (start: number, length: number): Buffer => {
    if (start < blockStart || start + length > blockStart + block.length) {
      const target = length > BLOCK ? Buffer.allocUnsafeSlow(length) : (spare ??= takeBlock());
      block = target.subarray(0, readFully(descriptor, target, start));
      blockStart = start;
    }
    return block.subarray(start - blockStart, start - blockStart + length);
  };

  const read = (entry: WheelEntry): Buffer => {
    stop.throwIfStopped();
    const bytes = bytesAt(entry.start, entry.end - entry.start);
    const at = contentStart(bytes, entry, filename);
    const content = inflate(bytes.subarray(at, at + entry.compressedSize), entry, filename);
    if (crc32(content) !== entry.crc32) throw invalidWheel(filename, "an entry's CRC is wrong", entry.name);
    return content;
  };

  const writeInPieces = async (entry: WheelEntry, path: string, mode: number): Promise<string> => {
    const at = contentStart(bytesAt(entry.start, Math.min(entry.end - entry.start, BLOCK)), entry, filename);
    const target = openSync(path, "wx", mode);
    const sha256 = createHash("sha256");
    let size = 0;
    let crc = 0;
    try {
      for await (const piece of pieces(descriptor, entry, entry.start + at, filename)) {
        stop.throwIfStopped();
        size += piece.length;
        if (size > entry.size) throw invalidWheel(filename, "an entry is longer than it declares", entry.name);
        crc = crc32(piece, crc);
        sha256.update(piece);
        writeFully(target, piece);
      }
      fchmodSync(target, mode);
    } finally {
      closeSync(target);
    }
    if (size !== entry.size || crc !== entry.crc32) {
      throw invalidWheel(filename, "an entry's size or CRC is wrong", entry.name);
    }
    return sha256.digest("base64url");
  };

  return {
    entryAt: (start) => localEntry(bytesAt(start, LONGEST_LOCAL_HEADER), start),
    read,
    write(entry, path, mode) {
      const content = read(entry);
      writeNewFile(path, content, mode);
      return hash("sha256", content, "base64url");
    },
    writeInPieces,
    [Symbol.dispose]() {
      freeBlock ??= spare;
      spare = undefined;
    },
  };
}

function takeBlock(): Buffer {
  const block = freeBlock ?? Buffer.allocUnsafeSlow(BLOCK);
  freeBlock = undefined;
  return block;
}

/** Where the content starts after the local header, which must agree with the central directory in what both say of the name and method. */
function contentStart(bytes: Buffer, entry: WheelEntry, filename: string): number {
  const nameEnd = LOCAL_HEADER + entry.rawName.length;
  const agrees =
    bytes.length >= nameEnd &&
    bytes.readUInt32LE(0) === LOCAL_SIGNATURE &&
    (bytes.readUInt16LE(6) & 1) === 0 &&
    (bytes.readUInt16LE(8) === 8) === entry.deflated &&
    bytes.readUInt16LE(26) === entry.rawName.length &&
    bytes.subarray(LOCAL_HEADER, nameEnd).equals(entry.rawName);
  if (!agrees) throw invalidWheel(filename, "an entry is described in two different ways in the archive", entry.name);
  const start = nameEnd + bytes.readUInt16LE(28);
  if (entry.start + start + entry.compressedSize <= entry.end) return start;
  throw invalidWheel(filename, "an entry overlaps with another or with the end of the archive", entry.name);
}

/** Of this thread. */
const inflater = createInflater();

function inflate(compressed: Buffer, entry: WheelEntry, filename: string): Buffer {
  let content: Buffer;
  try {
    content = entry.deflated ? inflater.inflate(compressed, entry.size) : compressed;
  } catch (error) {
    const tooLong = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const problem = tooLong ? "an entry is longer than it declares" : "an entry's compressed content is damaged";
    throw invalidWheel(filename, problem, entry.name, error);
  }
  if (content.length === entry.size) return content;
  throw invalidWheel(filename, "an entry does not have the size that it declares", entry.name);
}

/** The content of a great entry, piece by piece. */
async function* pieces(
  descriptor: number,
  entry: WheelEntry,
  start: number,
  filename: string,
): AsyncGenerator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(PIECE);
  // Every piece lies in the same buffer: whoever asks for the next one is done with it.
  const raw = function* (): Generator<Buffer, void, undefined> {
    for (let done = 0; done < entry.compressedSize; ) {
      const count = readFully(descriptor, buffer.subarray(0, entry.compressedSize - done), start + done);
      if (count === 0) return;
      done += count;
      yield buffer.subarray(0, count);
    }
  };
  if (!entry.deflated) {
    yield* raw();
    return;
  }
  const inflated = createInflateRaw({ chunkSize: PIECE });
  const source = raw();
  const feed = (): void => {
    if (inflated.destroyed) return;
    try {
      const next = source.next();
      if (next.done === true) inflated.end();
      else inflated.write(next.value, feed);
    } catch (error) {
      inflated.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  feed();
  try {
    for await (const piece of inflated) yield piece as Buffer;
  } catch (error) {
    throw invalidWheel(filename, "an entry's compressed content is damaged", entry.name, error);
  }
}
