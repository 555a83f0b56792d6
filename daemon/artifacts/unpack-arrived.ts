import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../std/errors.ts";
import type { Stop } from "../std/worker-pool.ts";
import { createTreeWriter } from "./tree-writer.ts";
import { isBomb, type WheelEntry } from "./wheel.ts";
import { createWheelContent, isWhole } from "./wheel-content.ts";
import type { UnpackedFile } from "./wheel-record.ts";

/** What was unpacked of a wheel before its end had come. Nothing of it holds until the central directory and RECORD agree. */
export interface EarlyTree {
  /** In the order of the archive. */
  readonly files: readonly EarlyFile[];
  /** That have been made, by their path in the tree. */
  readonly folders: readonly string[];
}

export const NOTHING_EARLY: EarlyTree = { files: [], folders: [] };

/** A file, and what its local header says of it. */
export type EarlyFile = UnpackedFile & Pick<WheelEntry, "start" | "end" | "compressedSize" | "crc32" | "deflated">;

/** A wheel that is still coming. */
export interface ComingWheel {
  readonly filename: string;
  /** As of `UnpackTask`. */
  readonly stage: string;
  /** Bytes, as the index says. */
  readonly archiveSize: number;
  /** Absolute path at which the archive will be when it is whole. */
  readonly wholeArchive: string;
}

/** Its next piece. Plain values only. */
export interface ArrivedTask extends ComingWheel {
  /** Absolute path of what there is of the archive, until it is whole, and how many bytes of it may be read. */
  readonly archive: string;
  readonly length: number;
  /** What the pieces before have left. */
  readonly from: ArrivedProgress;
}

export interface ArrivedProgress {
  /** Where the next local header begins, bytes. */
  readonly offset: number;
  /** Unpacked bytes. */
  readonly size: number;
  readonly folders: readonly string[];
}

export interface ArrivedPiece extends ArrivedProgress {
  readonly files: readonly EarlyFile[];
  /** Nothing more can be unpacked before the whole archive is there. */
  readonly isOver: boolean;
}

export const NOTHING_UNPACKED: ArrivedProgress = { offset: 0, size: 0, folders: [] };

/**
 * Unpacks the entries that have arrived completely, as their local headers describe them (APPNOTE 4.3.7). Runs in a worker.
 * @throws PipdError "invalid-wheel"; the system's error; what `stop` throws
 */
export async function unpackArrived(task: ArrivedTask, stop: Stop): Promise<ArrivedPiece> {
  const { length, archiveSize, filename, stage, from } = task;
  const descriptor = openArchive(task);
  try {
    using content = createWheelContent(descriptor, filename, stop);
    const tree = createTreeWriter(join(stage, "files"), content, filename, from.folders);
    const files: EarlyFile[] = [];
    let { offset, size } = from;
    const piece = (isOver: boolean): ArrivedPiece => ({ offset, size, folders: [...tree.folders], files, isOver });
    while (offset < length) {
      const entry = content.entryAt(offset);
      // The last header may not have come completely.
      if (entry === undefined) return piece(length - offset > MOST_OF_A_HEADER);
      if (!isWhole(entry) || isBomb(size + entry.size, archiveSize)) return piece(true);
      if (entry.end > length) break;
      if (!entry.name.endsWith("/")) {
        const { start, end, compressedSize, crc32, deflated } = entry;
        files.push({ ...(await tree.write(entry)), start, end, compressedSize, crc32, deflated });
      }
      offset = entry.end;
      size += entry.size;
    }
    return piece(false);
  } finally {
    closeSync(descriptor);
  }
}

function openArchive({ archive, wholeArchive }: ArrivedTask): number {
  try {
    return openSync(archive, "r");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return openSync(wholeArchive, "r");
  }
}

/** Of a header that could not be read because its end is missing, bytes. */
const MOST_OF_A_HEADER = 4096;
