import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";

/** A piece of text for one descriptor. */
export interface Piece {
  readonly fd: 1 | 2;
  readonly text: string;
}

/** A queue of pieces on disk, for output that the client does not take. Nobody else can see the file: it has no name. */
export interface Spill {
  readonly empty: boolean;
  push(piece: Piece): void;
  shift(): Piece | undefined;
  close(): void;
}

/** What has not been read may take this many bytes; what comes then is dropped. */
const LIMIT = 2 ** 30;

/** @param path a free name on a disk with room; used only while the file is opened. */
export function createSpill(path: string): Spill {
  let descriptor: number | undefined;
  let readAt = 0;
  let writeAt = 0;
  const open = (): number => {
    if (descriptor !== undefined) return descriptor;
    descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return descriptor;
  };
  return {
    get empty() {
      return readAt === writeAt;
    },
    push: ({ fd, text }) => {
      const body = Buffer.from(text);
      if (writeAt - readAt + body.length > LIMIT) return;
      const head = Buffer.alloc(5);
      head.writeUInt8(fd, 0);
      head.writeUInt32LE(body.length, 1);
      const record = Buffer.concat([head, body]);
      for (let done = 0; done < record.length; )
        done += writeSync(open(), record, done, record.length - done, writeAt + done);
      writeAt += record.length;
    },
    shift: () => {
      if (readAt === writeAt || descriptor === undefined) return undefined;
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
