import { statSync } from "node:fs";
import { createLruMap } from "./lru-map.ts";
import { readFileIfThere } from "./read-file.ts";

/** Milliseconds. A file read so soon after its last change may change once more without a new time. */
const SETTLING_TIME = 2000;
const MOST = 200;

interface Kept<T> {
  /** Undefined: not there. */
  readonly stamp: string | undefined;
  readonly value: T;
}

/**
 * What files say, kept as long as `stat` finds them unchanged: `make` is given the bytes, or undefined for a file that is not there. What it throws
 * is not kept. `clock` gives milliseconds since 1970. Throws PipdError `unreadable-file`.
 */
export function createKeptFiles<T>(
  clock: () => number,
  make: (bytes: Uint8Array | undefined, path: string) => T,
): (path: string) => T {
  const kept = createLruMap<Kept<T>>(MOST);
  return (path) => {
    const stat = statSync(path, { throwIfNoEntry: false });
    // The time of the last change of any kind cannot be set back, unlike that of the content.
    const stamp = stat && `${stat.mtimeMs} ${stat.ctimeMs} ${stat.size} ${stat.ino} ${stat.dev}`;
    const known = kept.get(path);
    if (known !== undefined && known.stamp === stamp) return known.value;
    const value = make(stat === undefined ? undefined : readFileIfThere(path), path);
    kept.delete(path);
    if (stat === undefined || clock() - stat.ctimeMs > SETTLING_TIME) kept.set(path, { stamp, value });
    return value;
  };
}
