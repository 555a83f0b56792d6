import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

const BLOCK = 4 * 1024 * 1024;

/** The sha256 of a file's content, 64 lower-case hex digits. @throws the system's error */
export function sha256OfFile(path: string): string {
  const hash = createHash("sha256");
  const block = Buffer.allocUnsafe(BLOCK);
  const descriptor = openSync(path, "r");
  try {
    for (let size = readSync(descriptor, block); size > 0; size = readSync(descriptor, block))
      hash.update(block.subarray(0, size));
  } finally {
    closeSync(descriptor);
  }
  return hash.digest("hex");
}
