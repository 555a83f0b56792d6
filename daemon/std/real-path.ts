import { realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The path with symbolic links resolved in the part of it that exists (Python's `os.path.realpath`). */
export function realPathAsFarAsItExists(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(realPathAsFarAsItExists(parent), absolute.slice(parent.length));
  }
}
