import { readdirSync, realpathSync, statSync } from "node:fs";
import { normalize } from "node:path";

/** What stands under one name of a folder. `dangling` is a symbolic link to nothing. */
export type EntryKind = "file" | "folder" | "folder-link" | "dangling";

/** Folders read once each: one look at the disk for all questions about thousands of paths. Kept for one plan, never longer. */
export interface FolderReader {
  /** The entries of a folder by name; undefined when there is no folder. Symbolic links to files count as files. */
  list(folder: string): ReadonlyMap<string, EntryKind> | undefined;
  /** The same without dangling links: the names for which `os.path.exists` is true. */
  present(folder: string): ReadonlyMap<string, EntryKind> | undefined;
  /** The real path of a folder, undefined when it does not exist. */
  real(folder: string): string | undefined;
  /** The real path of a file or folder; the normal form of what is not there. */
  readonly realOrSame: (path: string) => string;
  kind(path: string): EntryKind | undefined;
}

export function createFolderReader(): FolderReader {
  const lists = new Map<string, ReadonlyMap<string, EntryKind> | undefined>();
  const reals = new Map<string, string | undefined>();
  const others = new Map<string, string>();

  const list = (folder: string): ReadonlyMap<string, EntryKind> | undefined => {
    if (!lists.has(folder)) lists.set(folder, readFolder(folder));
    return lists.get(folder);
  };

  const present = (folder: string): ReadonlyMap<string, EntryKind> | undefined => {
    const all = list(folder);
    if (all === undefined || !dangling.has(all)) return all;
    return new Map([...all].filter(([, kind]) => kind !== "dangling"));
  };

  const real = (folder: string): string | undefined => {
    if (!reals.has(folder)) reals.set(folder, resolve(folder));
    return reals.get(folder);
  };

  /** A plain subfolder of a folder whose real path is known needs no further look than at its listing. */
  const resolve = (folder: string): string | undefined => {
    const slash = folder.lastIndexOf("/");
    const realParent = isNormal(folder) ? realBelowKnown(folder.slice(0, slash)) : undefined;
    const entries = realParent === undefined ? undefined : list(realParent);
    if (entries !== undefined) {
      const name = folder.slice(slash + 1);
      const kind = entries.get(name);
      if (kind === "folder") return `${realParent === "/" ? "" : realParent}/${name}`;
      if (kind === undefined || kind === "dangling") return undefined;
    }
    try {
      return realpathSync(folder);
    } catch {
      return undefined;
    }
  };

  /** The real path of a folder if that of one of its parents is known. */
  const realBelowKnown = (folder: string): string | undefined => {
    for (let current = folder; current !== ""; current = current.slice(0, current.lastIndexOf("/"))) {
      if (reals.has(current)) return real(folder);
    }
    return undefined;
  };

  const realOrSame = (path: string): string => {
    const known = others.get(path) ?? real(path) ?? normalize(path);
    others.set(path, known);
    return known;
  };

  const kind = (path: string): EntryKind | undefined => {
    const slash = path.lastIndexOf("/");
    return list(slash === 0 ? "/" : path.slice(0, slash))?.get(path.slice(slash + 1));
  };

  return { list, present, real, realOrSame, kind };
}

const isNormal = (path: string): boolean => path.startsWith("/") && !/\/(?:\.{0,2}(?:\/|$))/.test(path);

/** The listings with dangling links in them, which are rare. */
const dangling = new WeakSet<ReadonlyMap<string, EntryKind>>();

function readFolder(folder: string): ReadonlyMap<string, EntryKind> | undefined {
  try {
    const kinds = new Map<string, EntryKind>();
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const { name } = entry;
      const kind = entry.isFile()
        ? "file"
        : entry.isDirectory()
          ? "folder"
          : entry.isSymbolicLink()
            ? kindOfLink(`${folder}/${name}`)
            : "file";
      kinds.set(name, kind);
      if (kind === "dangling") dangling.add(kinds);
    }
    return kinds;
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
