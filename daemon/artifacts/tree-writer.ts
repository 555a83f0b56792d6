import { mkdirSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";
import { invalidWheel, type WheelEntry } from "./wheel.ts";
import { isWhole, type WheelContent } from "./wheel-content.ts";
import type { UnpackedFile } from "./wheel-record.ts";

/** Writes the entries of a wheel as files of one tree. */
export interface TreeWriter {
  /** The folders there are, by their path in the tree; "" is the tree itself. */
  readonly folders: ReadonlySet<string>;
  /** @throws PipdError "invalid-wheel"; the system's error. */
  write(entry: WheelEntry): Promise<UnpackedFile>;
}

/** The file modes of the store: what umask 022 gives, with pip's rule for executables. */
export const storeMode = (entry: WheelEntry): number => (entry.executable ? 0o755 : 0o644);

/** `tree` is an absolute path; of its folders `there` have been made, and no others. */
export function createTreeWriter(
  tree: string,
  content: WheelContent,
  filename: string,
  there: Iterable<string> = [],
): TreeWriter {
  const folders = new Set(there);
  const makeFolder = (folder: string): void => {
    if (folders.has(folder)) return;
    if (folder !== "") makeFolder(folder.slice(0, Math.max(folder.lastIndexOf("/"), 0)));
    mkdirSync(folder === "" ? tree : `${tree}/${folder}`, 0o700);
    folders.add(folder);
  };
  return {
    folders,
    async write(entry) {
      const { name: path, size } = entry;
      makeFolder(path.slice(0, Math.max(path.lastIndexOf("/"), 0)));
      try {
        const target = `${tree}/${path}`;
        const mode = storeMode(entry);
        const sha256 = isWhole(entry)
          ? content.write(entry, target, mode)
          : await content.writeInPieces(entry, target, mode);
        return { path, size, sha256 };
      } catch (error) {
        if (errnoOf(error) !== "EEXIST") throw error;
        throw invalidWheel(filename, "two entries have the same name on this file system", path, error);
      }
    },
  };
}
