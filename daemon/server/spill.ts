import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";

/** A piece of text for one descriptor. */
export interface Piece {
  readonly fd: 1 | 2;
  readonly text: string;
}

/**
 * A queue of pieces on disk, for output that the client does not take. Nobody else can see the file: it has no name.
 * What the disk does not take is lost, and the piece that comes in its place says so.
 */
export interface Spill {
  readonly empty: boolean;
  push(piece: Piece): void;
  shift(): Piece | undefined;
  close(): void;
}

/** What has not been read may take this many bytes. */
const LIMIT = 2 ** 30;

/** @param folder on a disk with room; the file has a name in it only while it is opened. */
export function createSpill(folder: string): Spill {
  let descriptor: number | undefined;
  let readAt = 0;
  let writeAt = 0;
  let lost: { bytes: number; readonly reason: string } | undefined;
  const open = (): number => {
    if (descriptor !== undefined) return descriptor;
    const path = `${folder}/.output-${randomBytes(8).toString("hex")}`;
    // The folder is a cache, which may be deleted at any time.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return descriptor;
  };
  const notice = (): Piece | undefined => {
    if (lost === undefined) return undefined;
    const text = `\npipd: ${lost.bytes} bytes of output are missing here: nobody read them, and they could not be kept (${lost.reason})\n`;
    lost = undefined;
    return { fd: 2, text };
  };
  const write = ({ fd, text }: Piece): void => {
    const body = Buffer.from(text);
    const head = Buffer.alloc(5);
    head.writeUInt8(fd, 0);
    head.writeUInt32LE(body.length, 1);
    const record = Buffer.concat([head, body]);
    for (let done = 0; done < record.length; )
      done += writeSync(open(), record, done, record.length - done, writeAt + done);
    writeAt += record.length;
  };
  return {
    get empty() {
      return readAt === writeAt && lost === undefined;
    },
    push: (piece) => {
      const bytes = Buffer.byteLength(piece.text);
      // Once something is lost all that follows is, until the rest has been read: there is one gap, and it is named.
      if (lost !== undefined) lost.bytes += bytes;
      else if (writeAt - readAt + bytes > LIMIT) lost = { bytes, reason: `over ${LIMIT / 2 ** 30} GiB` };
      else {
        try {
          write(piece);
        } catch (error) {
          lost = { bytes, reason: `${folder}: ${errnoOf(error) ?? String(error)}` };
        }
      }
    },
    shift: () => {
      if (readAt === writeAt || descriptor === undefined) return notice();
      const head = Buffer.alloc(5);
      readSync(descriptor, head, 0, 5, readAt);
      const body = Buffer.alloc(head.readUInt32LE(1));
      readSync(descriptor, body, 0, body.length, readAt + 5);
      readAt += 5 + body.length;
      if (readAt === writeAt) {
        ftruncateSync(descriptor, 0);
        readAt = writeAt = 0;
      }
      return { fd: head.readUInt8(0) === 2 ? 2 : 1, text: body.toString() };
    },
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
      readAt = writeAt = 0;
    },
  };
}
