import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, PipdError } from "./errors.ts";

/**
 * The bytes of a file, or undefined when there is none at that path (nor a folder on the way to it).
 * @throws PipdError `unreadable-file` when it exists and cannot be read.
 */
export function readFileIfThere(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw new PipdError(
      "unreadable-file",
      `Could not read ${path}: ${errno === "EISDIR" ? "it is a folder" : (errno ?? String(error))}`,
      { cause: error },
    );
  }
}

/** Whether a file is a script, by its first two bytes; false for one that cannot be read. */
export function startsWithShebang(path: string): boolean {
  try {
    const descriptor = openSync(path, "r");
    try {
      const start = Buffer.alloc(2);
      return readSync(descriptor, start) === 2 && start.toString("latin1") === "#!";
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}

/** Names in a folder, with `recursive` the relative paths of all below it; none when it is not there or cannot be read. */
export function namesIn(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" });
  } catch {
    return [];
  }
}

/** What stands at a path: a file, a folder (symbolic links followed), or nothing that can be looked at. */
export function kindOfPath(path: string): "file" | "folder" | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined ? undefined : stat.isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

/** Whether this process may make files in a folder, or in the nearest parent that exists. */
export function isWritableFolder(path: string): boolean {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      accessSync(folder, constants.W_OK);
      return true;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || folder === dirname(folder)) return false;
    }
  }
}
