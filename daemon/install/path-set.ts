import { basename, join } from "node:path";
import type { EntryKind, FolderReader } from "./folder-reader.ts";

/** Names in folders, by the folder's real path: thousands of paths as a few hundred sets. */
export type FolderEntries = ReadonlyMap<string, ReadonlySet<string>>;

/** What pip's `UninstallPathSet` collects: what exists of the paths that a distribution names, inside the environment and outside. */
export interface PathSet {
  /** Existing entries inside. */
  readonly entries: FolderEntries;
  readonly refused: FolderEntries;
  /** Lines to take out of `.pth` files. */
  readonly edits: ReadonlyMap<string, ReadonlySet<string>>;
  /** One path, with the byte code of a source. */
  add(path: string): void;
  /** Names in a folder, with the byte code of sources. `withOld`: also `x.pyc` and `x.pyo` beside a source that may be missing. */
  addNames(folder: string, names: ReadonlySet<string>, withOld: boolean): void;
  addEntry(pthFile: string, entry: string): void;
}

export interface PathLimits {
  /** Nothing outside these folders is taken. */
  readonly roots: readonly string[];
  readonly cacheTag: string | undefined;
}

export function createPathSet({ roots, cacheTag }: PathLimits, folders: FolderReader): PathSet {
  const bases = roots.map((root) => folders.real(root)).filter((root) => root !== undefined);
  const isInside = (folder: string): boolean =>
    bases.some((root) => root === "/" || folder === root || folder.startsWith(`${root}/`));
  const entries = new Map<string, ReadonlySet<string>>();
  const refused = new Map<string, ReadonlySet<string>>();
  const edits = new Map<string, Set<string>>();

  const take = (real: string, found: ReadonlySet<string>): void => {
    if (found.size === 0) return;
    const into = isInside(real) ? entries : refused;
    const known = into.get(real);
    into.set(real, known === undefined ? found : known.union(found));
  };

  /** The byte code in `__pycache__` of the sources among these existing names. */
  const takeByteCode = (real: string, found: ReadonlySet<string>): void => {
    if (cacheTag === undefined || !folders.list(real)?.has("__pycache__")) return;
    const cache = folders.real(`${real}/__pycache__`);
    const there = cache === undefined ? undefined : folders.present(cache);
    if (cache === undefined || there === undefined || entries.get(cache)?.size === there.size) return;
    const end = `.${cacheTag}.pyc`;
    const compiled = new Set<string>();
    for (const name of there.keys()) {
      if (name.endsWith(end) && found.has(`${name.slice(0, -end.length)}.py`)) compiled.add(name);
    }
    take(cache, compiled);
  };

  const addNames: PathSet["addNames"] = (folder, names, withOld) => {
    const real = folders.real(folder);
    const there = real === undefined ? undefined : folders.present(real);
    if (real === undefined || there === undefined) return;
    const found = names.intersection(there);
    if (withOld && found.size < there.size) addOld(names, there, found);
    take(real, found);
    takeByteCode(real, found);
  };

  return {
    entries,
    refused,
    edits,
    addNames,
    add(path) {
      const slash = path.lastIndexOf("/");
      addNames(slash === 0 ? "/" : path.slice(0, slash), new Set([path.slice(slash + 1)]), false);
    },
    addEntry(pthFile, entry) {
      const folder = folders.real(pthFile.slice(0, pthFile.lastIndexOf("/")));
      if (folder === undefined) return;
      const file = join(folder, basename(pthFile));
      if (isInside(folder)) edits.set(file, (edits.get(file) ?? new Set()).add(entry));
      else take(folder, new Set([basename(pthFile)]));
    },
  };
}

/** Adds byte code beside its source, as Python 2 and zipped eggs have it. */
function addOld(names: ReadonlySet<string>, there: ReadonlyMap<string, EntryKind>, found: Set<string>): void {
  for (const name of there.keys()) {
    if ((name.endsWith(".pyc") || name.endsWith(".pyo")) && names.has(`${name.slice(0, -4)}.py`)) found.add(name);
  }
}

/** All paths of these entries, sorted. */
export function pathsOf(entries: FolderEntries): string[] {
  const paths: string[] = [];
  for (const [folder, names] of entries) {
    const prefix = folder === "/" ? "/" : `${folder}/`;
    for (const name of names) paths.push(prefix + name);
  }
  return paths.sort();
}
