import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, normalize } from "node:path";

/** What stands under one name of a folder. `dangling` is a symbolic link to nothing. */
export type EntryKind = "file" | "folder" | "folder-link" | "dangling";

/** Folders read once each: one look at the disk for all questions about thousands of paths. Kept for one plan, never longer. */
export interface FolderReader {
  /** The entries of a folder by name; undefined when there is no folder. Symbolic links to files count as files. */
  list(folder: string): ReadonlyMap<string, EntryKind> | undefined;
  /** The real path of a folder, undefined when it does not exist. */
  real(folder: string): string | undefined;
  /** `os.path.exists` of a normal absolute path: a dangling link does not exist. */
  exists(path: string): boolean;
  kind(path: string): EntryKind | undefined;
}

export function createFolderReader(): FolderReader {
  const lists = new Map<string, ReadonlyMap<string, EntryKind> | undefined>();
  const reals = new Map<string, string | undefined>();

  const list = (folder: string): ReadonlyMap<string, EntryKind> | undefined => {
    if (!lists.has(folder)) lists.set(folder, readFolder(folder));
    return lists.get(folder);
  };

  const real = (folder: string): string | undefined => {
    if (!reals.has(folder)) reals.set(folder, resolve(folder));
    return reals.get(folder);
  };

  /** A plain subfolder of a folder that was read already needs no system call. */
  const resolve = (folder: string): string | undefined => {
    const parent = dirname(folder);
    const realParent = folder === normalize(folder) ? reals.get(parent) : undefined;
    if (realParent !== undefined) {
      const name = folder.slice(folder.lastIndexOf("/") + 1);
      const kind = list(realParent)?.get(name);
      if (kind === "folder") return `${realParent === "/" ? "" : realParent}/${name}`;
      if (kind === undefined || kind === "dangling") return undefined;
    }
    try {
      return realpathSync(folder);
    } catch {
      return undefined;
    }
  };

  const kind = (path: string): EntryKind | undefined => {
    const slash = path.lastIndexOf("/");
    return list(slash === 0 ? "/" : path.slice(0, slash))?.get(path.slice(slash + 1));
  };

  return { list, real, kind, exists: (path) => !["dangling", undefined].includes(kind(path)) };
}

function readFolder(folder: string): ReadonlyMap<string, EntryKind> | undefined {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return new Map(
      entries.map((entry) => [
        entry.name,
        entry.isDirectory() ? "folder" : entry.isSymbolicLink() ? kindOfLink(`${folder}/${entry.name}`) : "file",
      ]),
    );
  } catch {
    return undefined;
  }
}

function kindOfLink(path: string): EntryKind {
  try {
    const target = statSync(path, { throwIfNoEntry: false });
    if (target === undefined) return "dangling";
    return target.isDirectory() ? "folder-link" : "file";
  } catch {
    return "dangling";
  }
}
