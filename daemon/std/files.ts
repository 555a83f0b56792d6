import { randomBytes } from "node:crypto";
import { closeSync, fchmodSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

/** Makes a folder and its missing parents, all for this user alone (0700) whatever the umask; existing ones stay as they are. */
export function ensurePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/**
 * Writes a file so that a reader sees the old content or the new one, never a part: a neighbour with a random name, then rename.
 * `mode` holds whatever the umask.
 * @throws the system's error (ENOSPC, EROFS, ...); nothing is left behind then.
 */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    writeNewFile(temporary, typeof content === "string" ? Buffer.from(content) : content, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file that must not exist yet (EEXIST), with exactly this mode whatever the umask: open, write, fchmod, close and no more. */
export function writeNewFile(path: string, content: Uint8Array, mode: number): void {
  const descriptor = openSync(path, "wx", mode);
  try {
    writeFully(descriptor, content);
    fchmodSync(descriptor, mode);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes all of `content` at the descriptor's position, however many bytes the system takes at once. */
export function writeFully(descriptor: number, content: Uint8Array): void {
  for (let done = 0; done < content.length; ) done += writeSync(descriptor, content, done);
}
