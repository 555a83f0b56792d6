import { mkdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ensurePrivateFolder, writeFileAtomically } from "../std/files.ts";
import { namesIn } from "../std/read-file.ts";
import { removeInTheEnd } from "../std/remove-in-the-end.ts";
import { throwAway } from "./wheel-folder.ts";

/** What is known of a folder of a spare tree: when it was changed last, in ms, and how many files are in it. */
export type SpareFolder = readonly [mtimeMs: number, files: number];

/** The folders of a spare tree by their path in it, parents first. */
export type SpareIndex = ReadonlyMap<string, SpareFolder>;

export interface SpareTree {
  readonly path: string;
  readonly index: SpareIndex;
}

/** How many trees there are, and what they take: their folders, since the files in them are the store's. */
export interface SpareCount {
  readonly trees: number;
  readonly bytes: number;
}

/**
 * Linked trees of stored wheels that lie ready to be renamed into an environment: at most one for each wheel and kind of byte code, in a folder of
 * the store. Everything in here may be deleted at any time.
 */
export interface SpareTrees {
  /** Device of the store's file system: nothing can be taken to another one. */
  readonly device: () => number | undefined;
  readonly has: (key: string) => boolean;
  /** A tree to move folders out of; nobody else in this process gets it until there is a new one. Others may move folders, too: each goes to one alone. */
  readonly take: (key: string) => SpareTree | undefined;
  /** Makes a finished tree the spare of this key, unless there is one; then, or where there is no place, the tree goes. */
  readonly put: (key: string, tree: string, index: SpareIndex) => Promise<void>;
  /** Whether there is place for another: not where the disk is nearly full. Then those that are there go. */
  readonly hasRoom: () => boolean;
  /** Of this moment, without those that have been taken. Reads one folder, and what has come since the last time. */
  readonly count: () => SpareCount;
  /** Deletes the trees of a wheel, or all. They are out of the way at once; resolves when the disk has their place again. */
  readonly drop: (sha256?: string) => Promise<void>;
  /** Forgets what it can read again. */
  readonly forget: () => void;
}

/** Most trees, and most bytes that their folders may take. */
export interface SpareLimits {
  readonly trees: number;
  readonly bytes: number;
}

const DEFAULT_LIMITS: SpareLimits = { trees: 1000, bytes: 200e6 };
/** Of a folder on most file systems. */
const FOLDER_BYTES = 4096;
/** Share of the disk, and of its inodes, that stays free. */
const FREE_SHARE = 0.05;
const INDEX = ".json";

/** @param folder made when needed @param discarded where trees go that are to be deleted, on the same file system */
export function createSpareTrees(folder: string, discarded: string, limits: SpareLimits = DEFAULT_LIMITS): SpareTrees {
  /** Bytes by key, in the order of making. Others take and make trees, too: of those that are not known the index is read. */
  const ledger = (): Map<string, number> => {
    const names = namesIn(folder).filter((name) => !name.endsWith(INDEX));
    const found = names.flatMap((key) => {
      const bytes = known?.get(key) ?? bytesOfIndex(indexes.get(key) ?? readIndex(folder, key));
      return bytes === undefined ? [] : [{ key, bytes, made: madeAt(join(folder, key)) }];
    });
    return new Map(found.sort((a, b) => a.made - b.made).map(({ key, bytes }) => [key, bytes]));
  };
  let known: Map<string, number> | undefined;
  const taken = new Set<string>();
  const indexes = new Map<string, SpareIndex>();
  const dropOne = async (key: string): Promise<void> => {
    known?.delete(key);
    indexes.delete(key);
    // Somebody else may have taken it.
    const gone = throwAway(join(folder, key), discarded).catch(() => {});
    rmSync(join(folder, `${key}${INDEX}`), { force: true });
    await gone;
  };
  const drop: SpareTrees["drop"] = async (sha256 = "") => {
    const keys = new Set(namesIn(folder).map((name) => name.replace(/\.json$/, "")));
    await Promise.all([...keys].filter((key) => key.startsWith(sha256)).map(dropOne));
  };
  const shrink = (): void => {
    known ??= ledger();
    let bytes = bytesOf(known);
    for (const [key, size] of known) {
      if (known.size <= limits.trees && bytes <= limits.bytes) break;
      bytes -= size;
      void dropOne(key);
    }
  };
  return {
    device: () => {
      try {
        return statSync(folder, { throwIfNoEntry: false })?.dev;
      } catch {
        return undefined;
      }
    },
    has: (key) => !taken.has(key) && statSync(join(folder, key), { throwIfNoEntry: false }) !== undefined,
    take(key) {
      const index = taken.has(key) ? undefined : (indexes.get(key) ?? readIndex(folder, key));
      if (index === undefined) return undefined;
      taken.add(key);
      indexes.delete(key);
      return { path: join(folder, key), index };
    },
    async put(key, tree, index) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        writeFileAtomically(join(folder, `${key}${INDEX}`), JSON.stringify([...index]));
        known ??= ledger();
        await rm(join(folder, key), { recursive: true, force: true });
        renameSync(tree, join(folder, key));
        taken.delete(key);
        indexes.set(key, index);
        known.delete(key);
        known.set(key, index.size * FOLDER_BYTES);
        shrink();
      } catch {
        await removeInTheEnd(tree);
      }
    },
    hasRoom() {
      if (isRoomy(folder)) return true;
      void drop();
      return false;
    },
    count() {
      known = ledger();
      const ready = new Map([...known].filter(([key]) => !taken.has(key)));
      return { trees: ready.size, bytes: bytesOf(ready) };
    },
    drop,
    forget: () => indexes.clear(),
  };
}

function readIndex(folder: string, key: string): SpareIndex | undefined {
  try {
    return new Map(JSON.parse(readFileSync(join(folder, `${key}${INDEX}`), "utf8")) as [string, SpareFolder][]);
  } catch {
    return undefined;
  }
}

function isRoomy(folder: string): boolean {
  try {
    ensurePrivateFolder(folder);
    const { bavail, blocks, ffree, files } = statfsSync(folder);
    return bavail > blocks * FREE_SHARE && (files === 0 || ffree > files * FREE_SHARE);
  } catch {
    return false;
  }
}

const bytesOfIndex = (index: SpareIndex | undefined): number | undefined =>
  index === undefined ? undefined : index.size * FOLDER_BYTES;

const bytesOf = (ledger: ReadonlyMap<string, number>): number =>
  [...ledger.values()].reduce((sum, each) => sum + each, 0);

const madeAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0;
