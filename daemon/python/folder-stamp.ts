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

/** Bounds a map that stands for a cache: what was set longest ago goes. */
export function forgetOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) {
      return;
    }
    map.delete(key);
  }
}
