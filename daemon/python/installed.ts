/**
 * The installed distributions of an environment, in memory: found as pip 26.3 finds them with importlib.metadata, and compared with the disk
 * by `stat` before every answer, so that a second answer about a hundred of them costs a third of a millisecond.
 */
import { opendirSync, realpathSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { isValidName, type NormalizedName } from "../standards/name.ts";
import { readFileIfThere } from "../std/read-file.ts";
import type { Environment } from "./environment.ts";
import { forgetOldest, isStill, SETTLING_TIME, stampAt, stampOf } from "./folder-stamp.ts";
import { nameAndVersion, stampPathOf } from "./info-folder.ts";
import { createInstalled, type Installed, type InstalledKind } from "./installed-distribution.ts";
import { isVirtualEnvironment } from "./interpreter-facts.ts";
import { decodeFolder, type Entry, encodeFolder } from "./kept-folder.ts";

export type { Installed } from "./installed-distribution.ts";

/** What is wrong with an entry that was passed over. `text` is pip's warning, without its prefix. */
export interface ScanWarning {
  readonly kind: "leftover" | "invalid-name" | "no-name";
  readonly path: string;
  readonly text: string;
}

/** The distributions on a search path. The same object as long as nothing has changed. */
export interface InstalledSet {
  /** In scan order: folders in the order of the search path, entries as the folder lists them. Of one name only the first. */
  readonly distributions: readonly Installed[];
  readonly byKey: ReadonlyMap<NormalizedName, Installed>;
  /** In scan order. pip prints them each time it looks. */
  readonly warnings: readonly ScanWarning[];
}

/** What a scan compares with the disk: METADATA alone, or the info folders too. */
export type ScanDepth = "metadata" | "all";

export interface InstalledModel {
  /**
   * What is installed in these folders, in this order (an environment's `searchPath`, or the folders of `--path`). Missing folders are empty.
   * METADATA of all is compared with the disk. With `depth` "all" the info folders are, too: then the set is another one also when INSTALLER,
   * REQUESTED, direct_url.json or WHEEL has come, gone or been replaced, so that whatever was made of a set holds as long as there is the same one.
   * With `since` (milliseconds of `performance.now()`) the answer of a scan that began then or later will do: fifty who ask at once are
   * answered by one or two.
   */
  scan(folders: readonly string[], depth?: ScanDepth, since?: number): InstalledSet;
  /** What an environment sees: {@link InstalledModel.scan} of its search path. */
  installed(environment: Pick<Environment, "searchPath">, depth?: ScanDepth): InstalledSet;
  /** Forgets everything; the next scan reads anew. */
  clear(): void;
}

/** One folder of a search path as it was last seen. */
interface Folder {
  readonly stamp: string;
  /** False when it was read so soon after a change that a further one might have left the time as it is. */
  readonly settled: boolean;
  readonly entries: readonly Entry[];
  readonly eggLinks: readonly EggLink[];
}

interface EggLink {
  readonly path: string;
  readonly stamp: string;
  readonly target: string | undefined;
}

const MAX_FOLDERS = 500;
const MAX_SETS = 100;

/** Keeps texts over restarts, by keys. */
export interface ModelStore {
  get(key: string): string | undefined;
  set(key: string, text: string): void;
}

/** Milliseconds from the first reading to the writing of what was read, and of all that was read meanwhile. */
const SAVE_AFTER = 1000;
/** A folder with fewer entries is read as fast as its text. */
const WORTH_KEEPING = 5;

/** `clock` gives milliseconds since 1970. With a store, what was read of large folders is known again after a restart. */
export function createInstalledModel(clock: () => number, store?: ModelStore): InstalledModel {
  const folders = new Map<string, Folder>();
  const sets = new Map<string, { readonly folders: readonly Folder[]; readonly set: InstalledSet }>();
  /** The last look at each search path. */
  const sweeps = new Map<string, { readonly at: number; readonly depth: ScanDepth; readonly set: InstalledSet }>();
  let generation = 0;
  const currentGeneration = (): number => generation;

  /** Folders of which more has been read than the store knows. */
  const unsaved = new Set<string>();
  const save = (): void => {
    for (const path of unsaved) {
      const folder = folders.get(path);
      const isPlain = folder?.eggLinks.length === 0 && folder.entries.length >= WORTH_KEEPING;
      const text = isPlain ? encodeFolder(folder.entries) : undefined;
      if (text !== undefined) store?.set(path, text);
    }
    unsaved.clear();
  };
  const loadedIn = (path: string) => (): void => {
    if (store === undefined) return;
    if (unsaved.size === 0) setTimeout(save, SAVE_AFTER).unref();
    unsaved.add(path);
  };
  const recall = (path: string): Folder | undefined => {
    const text = store?.get(path);
    const entries =
      text === undefined
        ? undefined
        : decodeFolder(text, { location: path, generation: currentGeneration, loaded: loadedIn(path) });
    // Not settled: which entries there are is looked up, and each is then compared.
    return entries && { stamp: "", settled: false, entries, eggLinks: [] };
  };

  /** The folder as the disk has it now: the object of last time when nothing has changed. */
  const look = (path: string, installedIn: string, eggLink: string | undefined, depth: ScanDepth): Folder => {
    const key = eggLink === undefined ? path : `${path}\0${eggLink}`;
    const known = folders.get(key) ?? (eggLink === undefined ? recall(path) : undefined);
    const place = { path, installedIn, eggLink, generation: currentGeneration, loaded: loadedIn(path) };
    const folder = refresh(place, known, clock(), depth);
    if (folder !== folders.get(key)) {
      folders.delete(key);
      folders.set(key, folder);
      forgetOldest(folders, MAX_FOLDERS);
    }
    return folder;
  };

  const scan: InstalledModel["scan"] = (paths, depth = "metadata", since) => {
    const key = paths.join("\0");
    const last = sweeps.get(key);
    if (since !== undefined && last !== undefined && last.at >= since && (last.depth === "all" || depth !== "all"))
      return last.set;
    const at = performance.now();
    const set = sweep(paths, depth);
    sweeps.delete(key);
    sweeps.set(key, { at, depth, set });
    forgetOldest(sweeps, MAX_SETS);
    return set;
  };
  const sweep = (paths: readonly string[], depth: ScanDepth): InstalledSet => {
    generation += 1;
    const seen: Folder[] = [];
    for (const path of paths) {
      const folder = look(path, path, undefined, depth);
      seen.push(folder);
      for (const link of folder.eggLinks) {
        if (link.target !== undefined) {
          seen.push(look(link.target, path, link.path, depth));
        }
      }
    }
    const key = paths.join("\0");
    const known = sets.get(key);
    if (
      known !== undefined &&
      known.folders.length === seen.length &&
      known.folders.every((old, at) => old === seen[at])
    ) {
      return known.set;
    }
    const set = compose(seen);
    sets.delete(key);
    sets.set(key, { folders: seen, set });
    forgetOldest(sets, MAX_SETS);
    return set;
  };
  const clear = (): void => {
    folders.clear();
    sets.clear();
    sweeps.clear();
  };
  return { scan, installed: (environment, depth) => scan(environment.searchPath, depth), clear };
}

/** Where a folder stands: on the search path, or at the end of an `.egg-link` file. */
interface Place {
  readonly path: string;
  readonly installedIn: string;
  readonly eggLink: string | undefined;
  readonly generation: () => number;
  /** Told that something in it has been read. */
  readonly loaded: () => void;
}

function refresh(place: Place, known: Folder | undefined, now: number, depth: ScanDepth): Folder {
  const stat = statSync(place.path, { throwIfNoEntry: false });
  const stamp = stat?.isDirectory() ? `${stat.mtimeMs} ${stat.ino}` : "";
  if (known === undefined || known.stamp !== stamp || !known.settled) {
    const settled = stamp === "" || now - (stat?.mtimeMs ?? 0) > SETTLING_TIME;
    return unlessSame(known, readFolder(place, known, stamp, settled));
  }
  const isSame = depth === "all" ? isWhollyUnchanged : hasSameMetadata;
  if (known.entries.every(isSame) && known.eggLinks.every(isUnchanged)) {
    return known;
  }
  return readFolder(place, known, stamp, known.settled);
}

function hasSameMetadata({ stampPath, stamp }: Entry): boolean {
  return isStill(stampPath, stamp);
}

function isWhollyUnchanged(entry: Entry): boolean {
  return hasSameMetadata(entry) && (entry.infoFolder === entry.stampPath || isStill(entry.infoFolder, entry.infoStamp));
}

/** Rereading a young folder mostly finds what was there: then the sets made of it stay. */
function unlessSame(known: Folder | undefined, read: Folder): Folder {
  const isSame =
    known !== undefined &&
    known.settled === read.settled &&
    known.stamp === read.stamp &&
    known.entries.length === read.entries.length &&
    known.entries.every((entry, at) => entry === read.entries[at]) &&
    known.eggLinks.length === read.eggLinks.length &&
    known.eggLinks.every(
      (link, at) => link.path === read.eggLinks[at]?.path && link.stamp === read.eggLinks[at]?.stamp,
    );
  return isSame ? known : read;
}

function isUnchanged(link: EggLink): boolean {
  return stampOf(link.path) === link.stamp;
}

function readFolder(place: Place, known: Folder | undefined, stamp: string, settled: boolean): Folder {
  const names = stamp === "" ? [] : listFolder(place.path);
  const before = new Map(known?.entries.map((entry) => [entry.name, entry]));
  const installedIn = names.length === 0 ? place.installedIn : realPath(place.installedIn);
  const isEgg = basename(place.path).toLowerCase().endsWith(".egg");
  const entries = names
    .filter((name) => isInfoName(name, isEgg))
    .map((name) => readEntry({ ...place, installedIn }, name, before.get(name)));
  const links = place.eggLink === undefined ? names.filter((name) => name.endsWith(".egg-link")) : [];
  return { stamp, settled, entries, eggLinks: links.map((name) => readEggLink(place.path, name)) };
}

/** The names in a folder in the order of the file system: `readdir` would sort them, `pip check` and `inspect` do not. */
function listFolder(path: string): readonly string[] {
  const names: string[] = [];
  try {
    const folder = opendirSync(path, { bufferSize: 1024 });
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
        names.push(entry.name);
      }
    } finally {
      folder.closeSync();
    }
  } catch {
    return [];
  }
  return names;
}

function isInfoName(name: string, isEgg: boolean): boolean {
  const lower = name.toLowerCase();
  return lower.endsWith(".dist-info") || lower.endsWith(".egg-info") || (isEgg && lower === "egg-info");
}

function readEntry(place: Place, name: string, before: Entry | undefined): Entry {
  const infoFolder = join(place.path, name);
  const kind = kindOf(infoFolder, name);
  const stampPath = stampPathOf(infoFolder, kind);
  if (before !== undefined && before.stampPath === stampPath && isWhollyUnchanged(before)) {
    return before;
  }
  const [stamp, infoStamp] = [stampAt(stampPath), stampAt(infoFolder)];
  const installed = createInstalled({
    kind,
    infoFolder,
    location: place.path,
    installedIn: place.installedIn,
    eggLink: place.eggLink,
    generation: place.generation,
    loaded: place.loaded,
    ...nameAndVersion(name),
  });
  return { name, stampPath, stamp, infoFolder, infoStamp, installed };
}

function kindOf(infoFolder: string, name: string): InstalledKind {
  const lower = name.toLowerCase();
  if (lower === "egg-info") {
    return "egg";
  }
  if (lower.endsWith(".dist-info")) {
    return "dist-info";
  }
  return statSync(infoFolder, { throwIfNoEntry: false })?.isDirectory() ? "egg-info" : "egg-info-file";
}

/** The first line that is not empty is the folder of the project, relative to the link. */
function readEggLink(folder: string, name: string): EggLink {
  const path = join(folder, name);
  const stamp = stampOf(path);
  const text = stamp === "" ? "" : Buffer.from(readFileIfThere(path) ?? []).toString("utf8");
  const line = text
    .split(/\r\n|\r|\n/)
    .map((part) => part.trim())
    .find((part) => part !== "");
  return { path, stamp, target: line === undefined ? undefined : resolve(folder, line) };
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function compose(folders: readonly Folder[]): InstalledSet {
  const byKey = new Map<NormalizedName, Installed>();
  const found = new Set<NormalizedName>();
  const warnings: ScanWarning[] = [];
  for (const { name, stampPath, installed } of folders.flatMap((folder) => folder.entries)) {
    if (installed === undefined) {
      const path = stampPath.endsWith(name) ? stampPath : resolve(stampPath, "..");
      warnings.push({ kind: "no-name", path, text: `Skipping ${path} due to invalid metadata entry 'name'` });
    } else if (!found.has(installed.key)) {
      found.add(installed.key);
      if (isValidName(installed.key)) {
        byKey.set(installed.key, installed);
      } else {
        warnings.push(invalidName(installed, name));
      }
    }
  }
  return { distributions: [...byKey.values()], byKey, warnings };
}

/** `~` begins the name of what pip was removing when it was interrupted. */
function invalidName(installed: Installed, folderName: string): ScanWarning {
  const path = installed.infoFolder;
  return folderName.startsWith("~")
    ? {
        kind: "leftover",
        path,
        text: `Ignoring incompletely removed distribution ${folderName} (${installed.location}); '~'-prefixed leftover directories are the result of a previous incomplete installation, and can be deleted`,
      }
    : { kind: "invalid-name", path, text: `Ignoring invalid distribution ${installed.key} (${installed.location})` };
}

/** What `--local` keeps: everything outside virtual environments, in one what lies below its own prefix. */
export function isLocal(installed: Installed, environment: Pick<Environment, "facts" | "root">): boolean {
  return !isVirtualEnvironment(environment.facts) || installed.installedIn.startsWith(environment.root);
}

/** What `--user` keeps. */
export function isInUserSite(installed: Installed, environment: Pick<Environment, "facts">): boolean {
  const { userSite } = environment.facts;
  return userSite !== null && installed.installedIn.startsWith(realPath(userSite));
}
