/** Telling by `stat` whether what was read is still true. */
import { statSync } from "node:fs";

/**
 * Milliseconds. A folder read within this time of its last change may change once more without a new time: file systems stamp with
 * the tick of the kernel's clock, old ones with whole seconds. Such a folder is read again at the next look.
 */
export const SETTLING_TIME = 2000;

/** Time, size and identity of a file or folder, "" when it is not there. */
export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}

/** Time, size and identity of a file or folder; what is not there has none of them. */
export interface Stamp {
  readonly mtimeMs: number;
  readonly size: number;
  readonly ino: number;
}

const ABSENT: Stamp = { mtimeMs: -1, size: -1, ino: -1 };
const QUIET = { throwIfNoEntry: false } as const;

/** As {@link stampOf}, as numbers: to be compared a thousand times in two milliseconds. */
export function stampAt(path: string): Stamp {
  const stat = statSync(path, QUIET);
  return stat === undefined ? ABSENT : { mtimeMs: stat.mtimeMs, size: stat.size, ino: stat.ino };
}

/** Whether what is at the path is what the stamp was taken of. One `stat`. */
export function isStill(path: string, stamp: Stamp): boolean {
  const { mtimeMs, size, ino } = statSync(path, QUIET) ?? ABSENT;
  return mtimeMs === stamp.mtimeMs && size === stamp.size && ino === stamp.ino;
}

/** Bounds a map that stands for a cache: what was set longest ago goes. */
export function forgetOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) {
      return;
    }
    map.delete(key);
  }
}
