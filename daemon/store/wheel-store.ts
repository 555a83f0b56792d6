import { createHash, randomBytes } from "node:crypto";
import { type BigIntStats, readdirSync, readFileSync, renameSync, statSync, utimesSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { ensurePrivateFolder, writeFileAtomically, writeNewFile } from "../std/files.ts";
import { parseManifest, renderManifest, type WheelManifest } from "./wheel-manifest.ts";

/** A wheel in the store: verified, unpacked, read-only. */
export interface StoredWheel {
  /** Of the archive, 64 lower-case hex digits. */
  readonly sha256: string;
  /** The wheel's own folder: `files/`, `manifest.json` and byte code (see `bytecodeFolder`). */
  readonly folder: string;
  /** The unpacked tree, `<folder>/files`. */
  readonly tree: string;
  readonly manifest: WheelManifest;
}

/** A stored wheel as `cache list` and the size limit see it. */
export interface StoredWheelSummary {
  readonly sha256: string;
  readonly folder: string;
  readonly filename: string;
  readonly name: string;
  readonly version: string;
  /** Unpacked files and byte code. */
  readonly bytes: number;
  /** Milliseconds since the epoch, exact to about ten minutes. */
  readonly lastUsed: number;
}

export interface RemovedWheels {
  readonly wheels: number;
  readonly bytes: number;
}

/**
 * Unpacked wheels by the hash of their archive, shared by all daemons and `--no-daemon` processes of a user. A wheel is there
 * completely or not at all: it is made in a stage folder and renamed into place. Everything in here may be deleted at any time.
 * Not synced to disk: after a power failure a wheel of the last seconds may be damaged, as with pip's and uv's caches.
 */
export interface WheelStore {
  /** `<folder given>/wheels-v1`. */
  readonly folder: string;
  /** The wheel of this hash, or undefined when it is not there or damaged. Marks it as used. One stat when the manifest is in memory. */
  find(sha256: string): StoredWheel | undefined;
  /**
   * A new private folder on the store's file system, to be filled (`files/`) and given to `add` or `discard`.
   * @throws PipdError "store-unwritable" (read-only, full, forbidden).
   */
  createStage(): string;
  /**
   * Publishes a filled stage. If another process was faster, its wheel is taken and the stage removed.
   * @throws PipdError "store-unwritable".
   */
  add(stage: string, manifest: WheelManifest): Promise<StoredWheel>;
  discard(stage: string): Promise<void>;
  /** Keeps a wheel from removal by this process until the result is disposed of. */
  hold(sha256: string): Disposable;
  /** All wheels, by name, version and file name. Reads every manifest: for commands, not for the fast path. */
  list(): readonly StoredWheelSummary[];
  totals(): RemovedWheels;
  /** Removes one wheel; nothing happens (0 wheels) when it is not there or held. */
  remove(sha256: string): Promise<RemovedWheels>;
  /** Removes all wheels that are not held, and what is remembered of local files. */
  purge(): Promise<RemovedWheels>;
  /** Removes the least recently used wheels until at most `maxBytes` are left. Held wheels and those used in the last half hour stay. */
  shrink(maxBytes: number): Promise<RemovedWheels>;
  /** Removes what killed processes left: stages, trash, and records of local files nobody asked for in 30 days. */
  sweep(): Promise<void>;
  /** The archive hash remembered for a local wheel file that has not changed since, or undefined. */
  localHash(file: BigIntStats, path: string): string | undefined;
  /** Remembers the hash of a local file. `file` is its stat from before it was read; a file changed in the last 100 ms is not trusted. */
  rememberLocalHash(file: BigIntStats, path: string, sha256: string): void;
}

export interface WheelStoreOptions {
  /** Made when missing, private (0700). */
  readonly folder: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** How many files the manifests kept in memory may have together. */
  readonly maxFilesInMemory?: number;
}

const LAYOUT = "wheels-v1";
const MANIFEST = "manifest.json";
const STAGE = ".stage";
const TRASH = ".trash";
const LOCAL = ".local";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TOUCH_INTERVAL = 10 * MINUTE;
const IN_USE_FOR = 30 * MINUTE;
const SHA256 = /^[0-9a-f]{64}$/;

/** Where byte code of a stored wheel for one Python lies, e.g. `cpython-311`; `.pyc` files in the layout of the tree. */
export const bytecodeFolder = (wheel: StoredWheel, cacheTag: string): string => join(wheel.folder, `pyc-${cacheTag}`);

interface Remembered {
  readonly wheel: StoredWheel;
  readonly stamp: string;
  touched: number;
}

export function createWheelStore({ folder, clock, maxFilesInMemory = 50_000 }: WheelStoreOptions): WheelStore {
  const root = join(folder, LAYOUT);
  const remembered = new Map<string, Remembered>();
  const holds = new Map<string, number>();
  let filesInMemory = 0;

  const folderOf = (sha256: string): string => join(root, sha256.slice(0, 2), sha256);

  const forget = (sha256: string): void => {
    filesInMemory -= remembered.get(sha256)?.wheel.manifest.files.length ?? 0;
    remembered.delete(sha256);
  };

  /** Puts an entry at the young end; drops old ones, never the one just put. */
  const keep = (entry: Remembered): void => {
    forget(entry.wheel.sha256);
    remembered.set(entry.wheel.sha256, entry);
    filesInMemory += entry.wheel.manifest.files.length;
    for (const sha256 of remembered.keys()) {
      if (filesInMemory <= maxFilesInMemory || sha256 === entry.wheel.sha256) break;
      forget(sha256);
    }
  };

  const find = (sha256: string): StoredWheel | undefined => {
    if (!SHA256.test(sha256)) return undefined;
    const stamp = stampOf(join(folderOf(sha256), MANIFEST));
    let entry = remembered.get(sha256);
    if (entry?.stamp !== stamp) {
      forget(sha256);
      const wheel = stamp === undefined ? undefined : loadWheel(folderOf(sha256), sha256);
      entry = wheel === undefined || stamp === undefined ? undefined : { wheel, stamp, touched: 0 };
    }
    if (entry === undefined) return undefined;
    if (clock() - entry.touched >= TOUCH_INTERVAL) {
      entry.touched = clock();
      touch(entry.wheel.folder, entry.touched);
    }
    keep(entry);
    return entry.wheel;
  };

  /** Out of sight at once, deleted afterwards. False when it was not there. */
  const throwAway = async (path: string): Promise<boolean> => {
    const trash = join(root, TRASH, randomBytes(8).toString("hex"));
    ensurePrivateFolder(dirname(trash));
    try {
      renameSync(path, trash);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
    await rm(trash, { recursive: true, force: true });
    return true;
  };

  const removeWheels = async (wheels: readonly StoredWheelSummary[]): Promise<RemovedWheels> => {
    const removed = wheels.map(async (wheel): Promise<number | undefined> => {
      if (holds.has(wheel.sha256)) return undefined;
      forget(wheel.sha256);
      return (await throwAway(wheel.folder)) ? wheel.bytes : undefined;
    });
    const sizes = (await Promise.all(removed)).filter((bytes) => bytes !== undefined);
    return { wheels: sizes.length, bytes: sum(sizes) };
  };

  const list = (): readonly StoredWheelSummary[] =>
    entriesOf(root)
      .filter((prefix) => prefix.length === 2)
      .flatMap((prefix) => entriesOf(join(root, prefix)))
      .filter((sha256) => SHA256.test(sha256))
      .map((sha256) => summaryOf(folderOf(sha256), sha256))
      .filter((summary) => summary !== undefined)
      .sort((a, b) => compareText(sortKey(a), sortKey(b)));

  const localRecord = (file: BigIntStats, path: string): string =>
    join(root, LOCAL, createHash("sha256").update(`${path}\0${file.mtimeNs}\0${file.size}\0${file.ino}`).digest("hex"));

  return {
    folder: root,
    find,
    createStage() {
      const stage = join(root, STAGE, `${process.pid}-${randomBytes(8).toString("hex")}`);
      return orUnwritable(root, () => {
        ensurePrivateFolder(stage);
        return stage;
      });
    },
    async add(stage, manifest) {
      const target = folderOf(manifest.sha256);
      orUnwritable(root, () => {
        ensurePrivateFolder(dirname(target));
        writeNewFile(join(stage, MANIFEST), Buffer.from(renderManifest(manifest)), 0o600);
      });
      for (let attempt = 0; ; attempt++) {
        try {
          renameSync(stage, target);
        } catch (error) {
          const taken = ["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(errnoOf(error) ?? "");
          if (!taken || attempt === 9) throw unwritable(root, error);
          // Somebody else's wheel stands there: a complete one is as good as ours, a damaged one makes room.
          if (find(manifest.sha256) === undefined) {
            await throwAway(target);
            continue;
          }
          await rm(stage, { recursive: true, force: true });
        }
        const wheel = find(manifest.sha256);
        if (wheel !== undefined) return wheel;
        throw unwritable(root, new Error("the wheel was removed as soon as it was there"));
      }
    },
    discard: (stage) => rm(stage, { recursive: true, force: true }),
    hold(sha256) {
      holds.set(sha256, (holds.get(sha256) ?? 0) + 1);
      let held = true;
      return {
        [Symbol.dispose]() {
          const left = (holds.get(sha256) ?? 0) - (held ? 1 : 0);
          held = false;
          if (left > 0) holds.set(sha256, left);
          else holds.delete(sha256);
        },
      };
    },
    list,
    totals() {
      const wheels = list();
      return { wheels: wheels.length, bytes: sum(wheels.map((wheel) => wheel.bytes)) };
    },
    remove: (sha256) => {
      const summary = SHA256.test(sha256) ? summaryOf(folderOf(sha256), sha256) : undefined;
      return removeWheels(summary === undefined ? [] : [summary]);
    },
    async purge() {
      const removed = await removeWheels(list());
      await throwAway(join(root, LOCAL));
      return removed;
    },
    async shrink(maxBytes) {
      const wheels = list().toSorted((a, b) => a.lastUsed - b.lastUsed);
      let bytes = sum(wheels.map((wheel) => wheel.bytes));
      const victims: StoredWheelSummary[] = [];
      for (const wheel of wheels) {
        if (bytes <= maxBytes || clock() - wheel.lastUsed < IN_USE_FOR) break;
        if (holds.has(wheel.sha256)) continue;
        victims.push(wheel);
        bytes -= wheel.bytes;
      }
      return removeWheels(victims);
    },
    async sweep() {
      const now = clock();
      const leftovers = entriesOf(join(root, STAGE))
        .filter((name) => isAbandoned(Number.parseInt(name, 10), now - modifiedAt(join(root, STAGE, name))))
        .map((name) => join(root, STAGE, name));
      const trash = entriesOf(join(root, TRASH)).map((name) => join(root, TRASH, name));
      const records = entriesOf(join(root, LOCAL))
        .map((name) => join(root, LOCAL, name))
        .filter((path) => now - modifiedAt(path) > 30 * DAY);
      await Promise.all([...leftovers, ...trash, ...records].map((path) => rm(path, { recursive: true, force: true })));
    },
    localHash(file, path) {
      const record = localRecord(file, path);
      const sha256 = readOrUndefined(record);
      if (sha256 === undefined || !SHA256.test(sha256)) return undefined;
      if (clock() - modifiedAt(record) > DAY) touch(record, clock());
      return sha256;
    },
    rememberLocalHash(file, path, sha256) {
      if (clock() - Number(file.mtimeNs / 1_000_000n) < 100) return;
      const record = localRecord(file, path);
      try {
        ensurePrivateFolder(dirname(record));
        writeFileAtomically(record, sha256);
      } catch {
        // Only a memory: a store that cannot be written costs one more hashing next time.
      }
    },
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const sortKey = (wheel: StoredWheelSummary): string =>
  `${wheel.name.toLowerCase()}\n${wheel.version}\n${wheel.filename}`;

function loadWheel(folder: string, sha256: string): StoredWheel | undefined {
  const text = readOrUndefined(join(folder, MANIFEST));
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (manifest?.sha256 !== sha256) return undefined;
  return { sha256, folder, tree: join(folder, "files"), manifest };
}

function summaryOf(folder: string, sha256: string): StoredWheelSummary | undefined {
  const manifest = loadWheel(folder, sha256)?.manifest;
  if (manifest === undefined) return undefined;
  const { filename, name, version, totalSize } = manifest;
  const bytecode = entriesOf(folder).filter((entry) => entry.startsWith("pyc-"));
  const bytes = totalSize + sum(bytecode.map((entry) => treeSize(join(folder, entry))));
  return { sha256, folder, filename, name, version, bytes, lastUsed: modifiedAt(folder) };
}

function treeSize(folder: string): number {
  const entries = entriesOf(folder, true).map((entry) => statSync(join(folder, entry), { throwIfNoEntry: false }));
  return sum(entries.map((entry) => (entry?.isFile() === true ? entry.size : 0)));
}

/** A stage belongs to nobody when its process is gone (ten minutes' grace for other PID namespaces), or after a day. */
function isAbandoned(pid: number, age: number): boolean {
  if (age > DAY) return true;
  if (age < 10 * MINUTE) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) !== "EPERM";
  }
}

/** Names in a folder; none when it is not there. */
function entriesOf(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" });
  } catch {
    return [];
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Changes when the file is replaced; undefined when it is not there. */
function stampOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats === undefined ? undefined : `${stats.ino}:${stats.mtimeMs}:${stats.size}`;
  } catch {
    return undefined;
  }
}

/** Milliseconds since the epoch; 0 when it is not there. */
const modifiedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function touch(path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000);
  } catch {
    // A read-only store still serves; its wheels only look less used than they are.
  }
}

function orUnwritable<T>(root: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unwritable(root, error);
  }
}

const unwritable = (root: string, cause: unknown): PipdError =>
  new PipdError(
    "store-unwritable",
    `pipd's wheel store ${root} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}.`,
    { hint: "Free some space or mend the folder's permissions, or use --no-cache-dir.", cause },
  );
