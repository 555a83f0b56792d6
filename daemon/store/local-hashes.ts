import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { dirname, join } from "node:path";
import { ensurePrivateFolder, writeFileAtomically } from "../std/files.ts";
import { modifiedAt, readTextIfThere, touch } from "./wheel-folder.ts";

const SHA256 = /^[0-9a-f]{64}$/;
const DAY = 24 * 60 * 60_000;
/** A file changed so short a time ago may change once more within the same tick of its file system's clock. */
const TOO_FRESH = 100;

/** The archive hash remembered for a local file that has not changed since (path, time, size, inode), or undefined. */
export function findLocalHash(records: string, file: BigIntStats, path: string, now: number): string | undefined {
  const record = recordOf(records, file, path);
  const sha256 = readTextIfThere(record);
  if (sha256 === undefined || !SHA256.test(sha256)) return undefined;
  if (now - modifiedAt(record) > DAY) touch(record, now);
  return sha256;
}

/** Remembers the hash of a local file in the folder `records`. `file` is its stat from before it was read. Failing to do so costs nothing but time. */
export function rememberLocalHash(records: string, file: BigIntStats, path: string, now: number, sha256: string): void {
  if (now - Number(file.mtimeNs / 1_000_000n) < TOO_FRESH) return;
  const record = recordOf(records, file, path);
  try {
    ensurePrivateFolder(dirname(record));
    writeFileAtomically(record, sha256);
  } catch {
    // A store that cannot be written hashes again next time.
  }
}

function recordOf(records: string, { mtimeNs, size, ino }: BigIntStats, path: string): string {
  return join(records, createHash("sha256").update(`${path}\0${mtimeNs}\0${size}\0${ino}`).digest("hex"));
}
