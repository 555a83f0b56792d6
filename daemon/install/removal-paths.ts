import type { EntryKind, FolderReader } from "./folder-reader.ts";
import type { FolderEntries } from "./path-set.ts";

/** The fewest paths that contain all of the given ones (pip's `compact`). A path that ends in `/` or in slash and star stands for the folder. */
export function compactPaths(paths: Iterable<string>): string[] {
  const kept: string[] = [];
  const covered = new Set<string>();
  for (const path of [...paths].sort((a, b) => a.length - b.length)) {
    const current = (path.endsWith("/*") ? path.slice(0, -1) : path).replace(/\/+$/, "");
    if (hasAncestor(current, covered)) continue;
    kept.push(path);
    covered.add(current);
  }
  return kept;
}

function hasAncestor(path: string, folders: ReadonlySet<string>): boolean {
  for (let current = path; current !== ""; current = current.slice(0, current.lastIndexOf("/"))) {
    if (folders.has(current)) return true;
  }
  return false;
}

/** What a removal shows before it asks. Each list is sorted as pip prints it; empty ones are not printed. */
export interface RemovalListing {
  /** "Would remove:" */
  readonly wouldRemove: readonly string[];
  /** "Would not remove (might be manually added):" */
  readonly wouldSkip: readonly string[];
  /** "Would not remove (outside of prefix):" */
  readonly outsidePrefix: readonly string[];
  /** "Will actually move:", with `--verbose` only. */
  readonly wouldMove: readonly string[];
}

/** The lists that pip prints for the removal of these paths: one line for each package folder, or every file with `verbose`. */
export function removalListing(
  { paths, refused }: { readonly paths: readonly string[]; readonly refused: readonly string[] },
  verbose: boolean,
  folders: FolderReader,
): RemovalListing {
  const shown = verbose ? { remove: new Set(paths), skip: new Set<string>() } : compressForListing(paths, folders);
  return {
    wouldRemove: compactPaths(shown.remove).sort(),
    wouldSkip: compactPaths(shown.skip).sort(),
    outsidePrefix: compactPaths(refused).sort(),
    wouldMove: verbose ? compactPaths(compressForRename(paths, folders)).sort() : [],
  };
}

/** pip's `compress_for_output_listing`. */
function compressForListing(
  paths: Iterable<string>,
  folders: FolderReader,
): { readonly remove: Set<string>; readonly skip: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  for (const path of paths) {
    if (path.endsWith(".pyc")) continue;
    if (path.endsWith("__init__.py") || path.includes(".dist-info")) packages.add(path.slice(0, path.lastIndexOf("/")));
    files.add(path);
  }
  const skip = new Set<string>();
  const compacted = compactPaths(packages);
  for (const folder of compacted) {
    walk(folder, folders, (path, kind) => {
      if (kind === "file" && !path.endsWith(".pyc") && !files.has(path)) skip.add(path);
    });
  }
  return { remove: new Set([...files, ...compacted.map((folder) => `${folder}/*`)]), skip };
}

/** pip's `compress_for_rename`: whole folders, with a slash at the end, where nothing else is in them. */
function compressForRename(paths: Iterable<string>, folders: FolderReader): Set<string> {
  const remaining = new Set(paths);
  const parents = new Set([...remaining].map((path) => path.slice(0, path.lastIndexOf("/"))));
  const whole: string[] = [];
  for (const root of [...parents].sort((a, b) => a.length - b.length)) {
    if (whole.some((folder) => root.startsWith(folder))) continue;
    const inside: string[] = [];
    let foreign = false;
    walk(root, folders, (path, kind) => {
      if (kind === "folder-link") return;
      inside.push(path);
      foreign ||= !remaining.has(path);
    });
    if (foreign) continue;
    for (const path of inside) remaining.delete(path);
    whole.push(`${root}/`);
  }
  return new Set([...remaining, ...whole]);
}

/** Everything below a folder that is no folder itself. */
function walk(folder: string, folders: FolderReader, visit: (path: string, kind: EntryKind) => void): void {
  for (const [name, kind] of folders.list(folder) ?? []) {
    const path = `${folder}/${name}`;
    if (kind === "folder") walk(path, folders, visit);
    else visit(path, kind);
  }
}

/**
 * The fewest renames that take these existing entries away: a folder is moved whole when nothing else is in it, and a parent that would be left empty goes
 * along (pip leaves some of those behind). Folders of `keep`, and their parents, stay. The result holds no path below another one.
 *
 * As with pip, empty folders and links to folders do not keep a folder that had files of the distribution; they do keep its parents.
 */
export function removalMoves(doomed: FolderEntries, keep: Iterable<string>, folders: FolderReader): readonly string[] {
  const kept = new Set<string>();
  for (const folder of keep) addAncestors(folder, kept);
  const touched = new Set<string>();
  for (const folder of doomed.keys()) addAncestors(folder, touched);
  const isDoomed = (path: string): boolean => {
    const slash = path.lastIndexOf("/");
    return doomed.get(slash === 0 ? "/" : path.slice(0, slash))?.has(path.slice(slash + 1)) === true;
  };
  const decided = new Map<string, boolean>();
  const goesWhole = (folder: string): boolean => {
    const known = decided.get(folder);
    if (known !== undefined) return known;
    const goes = !kept.has(folder) && isAllDoomed(folder);
    decided.set(folder, goes);
    return goes;
  };
  const isAllDoomed = (folder: string): boolean => {
    const entries = folders.list(folder);
    const going = doomed.get(folder);
    if (entries === undefined) return false;
    if (going?.size === entries.size) return true;
    for (const [name, kind] of entries) {
      if (going?.has(name) === true) continue;
      const path = `${folder}/${name}`;
      if (
        kind === "folder"
          ? !(touched.has(path) ? goesWhole(path) : going !== undefined && holdsNoFiles(path, folders))
          : kind !== "folder-link" || going === undefined
      ) {
        return false;
      }
    }
    return true;
  };
  const tops = new Map<string, string | undefined>();
  /** The highest of the folders above and including this one that goes whole; undefined when this one does not go. */
  const goingFolder = (folder: string): string | undefined => {
    if (folder === "" || tops.has(folder)) return tops.get(folder);
    const top = isDoomed(folder) || goesWhole(folder) ? (goingFolder(parentOf(folder)) ?? folder) : undefined;
    tops.set(folder, top);
    return top;
  };
  const moves = new Set<string>();
  for (const [folder, names] of doomed) {
    const top = goingFolder(folder);
    if (top !== undefined) moves.add(top);
    else for (const name of names) moves.add(folder === "/" ? `/${name}` : `${folder}/${name}`);
  }
  return [...moves];
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function addAncestors(folder: string, into: Set<string>): void {
  for (let current = folder; current !== "" && !into.has(current); current = parentOf(current)) into.add(current);
}

function holdsNoFiles(folder: string, folders: FolderReader): boolean {
  let empty = true;
  walk(folder, folders, (_path, kind) => {
    empty &&= kind === "folder-link";
  });
  return empty;
}
