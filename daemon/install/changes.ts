import { readFileSync, statSync } from "node:fs";
import { realPathAsFarAsItExists } from "../std/real-path.ts";
import type { FolderReader } from "./folder-reader.ts";
import type { Journal } from "./journal.ts";
import type { FolderWork } from "./link.ts";
import type { FileWrite, LinkGroup } from "./link-shard.ts";
import { unwritable } from "./os-error.ts";
import type { FolderEntries } from "./path-set.ts";
import type { Plan } from "./plan.ts";
import { removalMoves } from "./removal-paths.ts";
import type { InstallTarget } from "./target.ts";
import type { PthEdit } from "./uninstall.ts";

/** A plan laid over what is on the disk now: what has to go, and what has to be made. */
export interface Changes extends Pick<Journal, "moves" | "createdFolders" | "createdFiles"> {
  readonly work: readonly FolderWork[];
}

/**
 * Compares a plan with the disk and changes nothing.
 *
 * @throws PipdError `environment-unwritable` when a folder stands where a file must go, or something else where a folder must go. What a removal
 * of the same plan takes away is not in the way.
 */
export function findChanges(plan: Plan, target: InstallTarget, folders: FolderReader): Changes {
  const edits = mergeEdits(plan.removals.flatMap(({ edits }) => edits)).flatMap(editedFile);
  const keep = [...keptFolders(target), ...plan.removals.flatMap(({ keep }) => keep)];
  const doomed = doomedEntries(plan);
  const moves = new Set([...removalMoves(doomed, keep, folders), ...edits.map(({ path }) => path)]);
  const places = createPlaces(target, moves, folders);
  const createdFiles: string[] = [];
  const createdFolders = new Set<string>();
  const work = [...byFolder(plan, edits, places)].map(([place, { groups, writes }]): FolderWork => {
    if (place.missing.length === 0) {
      const names = [...groups.flatMap((group) => group.names), ...writes.map(({ path }) => nameOf(path))];
      clearWay(place.folder, names, moves, folders);
      for (const name of names) createdFiles.push(`${place.folder}/${name}`);
    } else {
      createdFolders.add(place.missing[0] ?? place.folder);
    }
    return { folder: place.folder, missing: place.missing, groups, writes };
  });
  return { moves: [...moves], createdFolders: [...createdFolders], createdFiles, work };
}

function doomedEntries({ removals, replaced }: Plan): FolderEntries {
  const doomed = new Map<string, ReadonlySet<string>>();
  const add = (folder: string, names: ReadonlySet<string>): void => {
    const known = doomed.get(folder);
    doomed.set(folder, known === undefined ? names : known.union(names));
  };
  for (const { entries } of removals) for (const [folder, names] of entries) add(folder, names);
  for (const path of replaced) add(folderOf(path), new Set([nameOf(path)]));
  return doomed;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** Folders of the scheme stay when a removal leaves them empty; headers' parents come and go with the headers. */
function keptFolders({ root, scheme }: InstallTarget): readonly string[] {
  return [root, scheme.purelib, scheme.platlib, scheme.scripts, scheme.data, `${root}/include`].map(
    realPathAsFarAsItExists,
  );
}

/** A folder to put files in: its real path, and the folders that have to be made first, parents first. */
interface Place {
  readonly folder: string;
  readonly missing: readonly string[];
}

type Places = (folder: string) => Place;

/** Finds the real place of folders as it is once everything of `moves` is gone. */
function createPlaces(target: InstallTarget, moves: ReadonlySet<string>, folders: FolderReader): Places {
  const known = new Map<string, Place>();
  const bases = new Set<string>();
  for (const folder of [target.root, ...Object.values(target.scheme)]) {
    for (let current = folder; current !== ""; current = folderOf(current)) bases.add(current);
  }
  const find: Places = (folder) => {
    const seen = known.get(folder);
    if (seen !== undefined) return seen;
    const place = bases.has(folder) || folder === "" ? findBase(folder) : findBelow(folder);
    known.set(folder, place);
    return place;
  };
  const findBase: Places = (folder) => {
    const real = folder === "" ? "/" : folders.real(folder);
    return real === undefined || moves.has(real) ? findBelow(folder) : { folder: real, missing: [] };
  };
  const findBelow: Places = (folder) => {
    const parent = find(folderOf(folder));
    const path = `${parent.folder === "/" ? "" : parent.folder}/${nameOf(folder)}`;
    if (parent.missing.length > 0 || moves.has(path)) return { folder: path, missing: [...parent.missing, path] };
    const kind = folders.kind(path);
    if (kind === undefined) return { folder: path, missing: [path] };
    if (kind === "folder") return { folder: path, missing: [] };
    const real = kind === "folder-link" ? folders.real(path) : undefined;
    if (real === undefined) throw unwritable("EEXIST", path);
    return { folder: real, missing: [] };
  };
  return find;
}

interface FolderContent {
  readonly groups: LinkGroup[];
  readonly writes: FileWrite[];
}

/** Groups and writes by their real folder. Two spellings of one folder (`lib` and `lib64`) come together here. */
function byFolder(plan: Plan, edits: readonly FileWrite[], places: Places): ReadonlyMap<Place, FolderContent> {
  const byPath = new Map<string, readonly [Place, FolderContent]>();
  const contentOf = (folder: string): readonly [Place, FolderContent] => {
    const place = places(folder);
    const known = byPath.get(place.folder);
    if (known !== undefined) return known;
    const made: readonly [Place, FolderContent] = [place, { groups: [], writes: [] }];
    byPath.set(place.folder, made);
    return made;
  };
  for (const group of plan.groups) {
    const [{ folder }, content] = contentOf(group.to);
    content.groups.push(folder === group.to ? group : { ...group, to: folder });
  }
  for (const write of [...plan.writes, ...edits]) {
    const [{ folder }, content] = contentOf(folderOf(write.path));
    const path = `${folder}/${nameOf(write.path)}`;
    content.writes.push(path === write.path ? write : { ...write, path });
  }
  return new Map(byPath.values());
}

/** Adds what stands where new files go to `moves`, with the byte code of replaced sources, which could be taken for that of the new ones. */
function clearWay(folder: string, names: readonly string[], moves: Set<string>, folders: FolderReader): void {
  const entries = folders.list(folder);
  const sources = new Set<string>();
  for (const name of names) {
    if (name.endsWith(".py")) sources.add(name.slice(0, -3));
    const path = `${folder}/${name}`;
    const kind = entries?.get(name);
    if (kind === undefined || moves.has(path)) continue;
    if (kind === "folder" || kind === "folder-link") throw unwritable("EISDIR", path);
    moves.add(path);
  }
  const cache = `${folder}/__pycache__`;
  if (sources.size === 0 || entries?.get("__pycache__") !== "folder" || moves.has(cache)) return;
  for (const name of folders.list(cache)?.keys() ?? []) {
    const source = /^(.+?)\.[^.]+(?:\.opt-[^.]+)?\.pyc$/.exec(name)?.[1];
    if (source !== undefined && sources.has(source)) moves.add(`${cache}/${name}`);
  }
}

function mergeEdits(edits: readonly PthEdit[]): readonly PthEdit[] {
  return [...Map.groupBy(edits, ({ file }) => file)].map(([file, same]) => ({
    file,
    entries: same.flatMap(({ entries }) => entries),
  }));
}

/** An `easy-install.pth` without the entries, as pip leaves it; nothing when there is no such file. */
function editedFile({ file, entries }: PthEdit): readonly FileWrite[] {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return [];
  const text = readFileSync(file, "latin1");
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/(?<=\n)/);
  const last = lines.at(-1);
  if (last !== undefined && last !== "" && !last.endsWith(lineEnd)) lines[lines.length - 1] = last + lineEnd;
  for (const entry of new Set(entries)) {
    const index = lines.indexOf(Buffer.from(entry + lineEnd).toString("latin1"));
    if (index !== -1) lines.splice(index, 1);
  }
  return [{ path: file, content: Buffer.from(lines.join(""), "latin1"), mode: stats.mode & 0o7777 }];
}
