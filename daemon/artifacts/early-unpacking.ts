import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Arrived } from "../index/transfers.ts";
import type { WorkerPool, WorkerTask } from "../std/worker-pool.ts";
import {
  type ArrivedPiece,
  type ArrivedProgress,
  type ArrivedTask,
  type ComingWheel,
  type EarlyFile,
  type EarlyTree,
  NOTHING_EARLY,
  NOTHING_UNPACKED,
} from "./unpack-arrived.ts";

/** Unpacks a large wheel while it is still coming. It may give up at any moment: then everything is unpacked later, as if it had never begun. */
export interface EarlyUnpacking {
  readonly arrived: Arrived;
  /** Begins nothing more, and gives what is unpacked once no worker is at it; nothing is left if it gave up. */
  end(): Promise<EarlyTree>;
}

/** Of an archive: a smaller one is unpacked faster than it could be begun. Bytes. */
const SMALLEST_ARCHIVE = 2e6;

/** Undefined for a wheel of less than `smallest` bytes. A piece has at least half of that: less is not worth a task. */
export function createEarlyUnpacking(
  wheel: ComingWheel,
  pool: WorkerPool,
  signal: AbortSignal,
  smallest = SMALLEST_ARCHIVE,
): EarlyUnpacking | undefined {
  if (wheel.archiveSize < smallest) return undefined;
  const files: EarlyFile[] = [];
  let progress: ArrivedProgress = NOTHING_UNPACKED;
  let there = { path: "", length: 0 };
  let state: "open" | "over" | "failed" = "open";
  /** How much was there when it was last looked at. */
  let looked = 0;
  let running: Promise<void> | undefined;

  /** An entry may be larger than what has come since: it is looked for again with each further piece. */
  const isDue = (): boolean => state === "open" && there.length - Math.max(looked, progress.offset) >= smallest / 2;
  const unpack = async (): Promise<void> => {
    while (isDue()) {
      looked = there.length;
      const task: ArrivedTask & WorkerTask = {
        kind: "unpack-arrived",
        weight: wheel.archiveSize,
        ...wheel,
        archive: there.path,
        length: there.length,
        from: progress,
      };
      const { files: more, isOver, ...further } = await pool.run<ArrivedPiece>(task, [], signal);
      files.push(...more);
      if (isOver) state = "over";
      progress = further;
    }
  };
  const begin = async (): Promise<void> => {
    try {
      await unpack();
    } catch {
      // Whatever it was: it comes again when all is there, or the call was aborted.
      state = "failed";
    }
    running = undefined;
  };

  return {
    arrived: (path, length) => {
      there = { path, length };
      if (running === undefined && isDue()) running = begin();
    },
    async end() {
      if (state === "open") state = "over";
      await running;
      if (state !== "failed") return { files, folders: progress.folders };
      await rm(join(wheel.stage, "files"), { recursive: true, force: true });
      return NOTHING_EARLY;
    },
  };
}
