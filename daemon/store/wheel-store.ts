import { randomBytes } from "node:crypto";
import { type BigIntStats, mkdtempSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../std/errors.ts";
import { ensurePrivateFolder } from "../std/files.ts";
import { nextTurn } from "../std/next-turn.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";
import { namesIn } from "../std/read-file.ts";
import { removeInTheEnd } from "../std/remove-in-the-end.ts";
import { findLocalHash, rememberLocalHash } from "./local-hashes.ts";
import { createManifestMemory, type ManifestMemory } from "./manifest-memory.ts";
import { createSpareTrees, type SpareTrees } from "./spare-trees.ts";
import { CLAIM, createWheelClaims, type WheelClaims } from "./wheel-claims.ts";
import {
  loadWheel,
  modifiedAt,
  STAGES,
  type StoredWheel,
  type StoredWheelSummary,
  stampOfWheel,
  storeUnwritable,
  summarizeWheel,
  throwAway,
  touch,
} from "./wheel-folder.ts";

export { bytecodeFolder, type StoredWheel, type StoredWheelSummary } from "./wheel-folder.ts";

export interface WheelCount {
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
  /** Linked trees that lie ready. Those of a wheel go with it. */
  readonly spares: SpareTrees;
  /** The wheel of this hash, or undefined when it is not there or damaged. Marks it as used. One stat when the manifest is in memory. */
  find(sha256: string): StoredWheel | undefined;
  /**
   * A new private folder on the store's file system, to be filled (`files/`, then `writeManifest`) and given to `add` or `discard`.
   * @throws PipdError "store-unwritable" (read-only, full, forbidden).
   */
  createStage(): string;
  /**
   * Publishes a filled stage as the wheel with that hash. If another process was faster, its wheel is taken and the stage removed.
   * @throws PipdError "store-unwritable".
   */
  add(stage: string, sha256: string): Promise<StoredWheel>;
  discard(stage: string): Promise<void>;
  /** Claims a wheel among all processes, so that one alone downloads it; waits while another has it. @throws the signal's reason */
  claim(sha256: string, signal: AbortSignal): Promise<Disposable>;
  /** Keeps a wheel from removal by this process until the result is disposed of. */
  hold(sha256: string): Disposable;
  /** All wheels, by name, version and file name. Reads every manifest: for commands, not for the fast path. */
  list(): readonly StoredWheelSummary[];
  /** How many wheels there are, and their bytes. */
  totals(): WheelCount;
  /** The same, in slices of one wheel, so that nobody waits for it. */
  count(): Promise<WheelCount>;
  /** Removes one wheel and says what went; nothing (0 wheels) when it is not there or held. */
  remove(sha256: string): Promise<WheelCount>;
  /** Removes all wheels that are not held, all linked trees, and what is remembered of local files. */
  purge(): Promise<WheelCount>;
  /** Removes the least recently used wheels until at most `maxBytes` are left. Held wheels and those used in the last half hour stay. */
  shrink(maxBytes: number): Promise<WheelCount>;
  /** Removes what killed processes left, stages and trash, and records of local files nobody asked for in 30 days. */
  sweep(): Promise<void>;
  /** Removes what killed processes left, and reads three folders for it. */
  recover(): Promise<void>;
  /** Forgets the manifests in memory. */
  forget(): void;
  /** The archive hash remembered for a local wheel file that has not changed since, or undefined. `path` is absolute. */
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
const TEMPORARY = "pipd-wheels-";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TOUCH_INTERVAL = 10 * MINUTE;
const IN_USE_FOR = 30 * MINUTE;
const SHA256 = /^[0-9a-f]{64}$/;

/** What the functions of one store share. */
interface Place {
  readonly root: string;
  readonly stages: string;
  readonly trash: string;
  readonly records: string;
  readonly spares: SpareTrees;
  readonly claims: WheelClaims;
  readonly clock: () => number;
  readonly memory: ManifestMemory;
  /** Number of holds by hash. */
  readonly holds: Map<string, number>;
}

export function createWheelStore({ folder, clock, maxFilesInMemory = 50_000 }: WheelStoreOptions): WheelStore {
  const root = join(folder, LAYOUT);
  const place: Place = {
    root,
    stages: join(root, STAGES),
    trash: join(root, ".trash"),
    records: join(root, ".local"),
    spares: createSpareTrees(join(root, ".spare"), join(root, ".trash")),
    claims: createWheelClaims(join(root, STAGES), clock),
    clock,
    memory: createManifestMemory(maxFilesInMemory),
    holds: new Map(),
  };
  return {
    folder: root,
    spares: place.spares,
    find: (sha256) => findWheel(place, sha256),
    createStage: () => createStage(place),
    add: (stage, sha256) => addWheel(place, stage, sha256),
    discard: (stage) => removeInTheEnd(stage),
    claim: (sha256, signal) => place.claims.claim(sha256, signal),
    hold: (sha256) => holdWheel(place, sha256),
    list: () => listWheels(place),
    totals: () => countOf(listWheels(place).map((wheel) => wheel.bytes)),
    count: () => countWheels(place),
    async remove(sha256) {
      const wheel = SHA256.test(sha256) ? summarizeWheel(folderOf(place, sha256), sha256) : undefined;
      return removeWheels(place, wheel === undefined ? [] : [wheel]);
    },
    async purge() {
      const removed = await removeWheels(place, listWheels(place));
      await Promise.all([place.spares.drop(), throwAway(place.records, place.trash)]);
      return removed;
    },
    shrink: async (maxBytes) => await removeWheels(place, await victimsOf(place, maxBytes)),
    sweep: () => sweepStore(place),
    recover: () => recoverStore(place),
    forget() {
      place.memory.clear();
      place.spares.forget();
    },
    localHash: (file, path) => findLocalHash(place.records, file, path, clock()),
    rememberLocalHash: (file, path, sha256) => rememberLocalHash(place.records, file, path, clock(), sha256),
  };
}

/** A store for one run (`--no-cache-dir`, or a store that cannot be written): a new folder below `parent`, gone when it is disposed of. */
export function createTemporaryWheelStore(
  parent: string,
  clock: () => number,
): { readonly store: WheelStore } & AsyncDisposable {
  const folder = mkdtempSync(join(parent, `${TEMPORARY}${processMark()}-`));
  return {
    store: createWheelStore({ folder, clock }),
    // A download that was given up may still be making its last folder.
    [Symbol.asyncDispose]: () => removeInTheEnd(folder, true),
  };
}

const folderOf = ({ root }: Place, sha256: string): string => join(root, sha256.slice(0, 2), sha256);

function findWheel(place: Place, sha256: string): StoredWheel | undefined {
  if (!SHA256.test(sha256)) return undefined;
  const folder = folderOf(place, sha256);
  const stamp = stampOfWheel(folder);
  let entry = place.memory.get(sha256);
  if (stamp === undefined || entry?.stamp !== stamp) {
    place.memory.delete(sha256);
    const wheel = stamp === undefined ? undefined : loadWheel(folder, sha256);
    if (wheel === undefined || stamp === undefined) return undefined;
    entry = { wheel, stamp, touched: 0 };
    place.memory.set(entry);
  }
  const now = place.clock();
  if (now - entry.touched >= TOUCH_INTERVAL) {
    entry.touched = now;
    touch(folder, now);
  }
  return entry.wheel;
}

function createStage({ root, stages }: Place): string {
  const stage = join(stages, `${processMark()}-${randomBytes(8).toString("hex")}`);
  try {
    ensurePrivateFolder(stage);
    return stage;
  } catch (error) {
    throw storeUnwritable(root, error);
  }
}

async function addWheel(place: Place, stage: string, sha256: string): Promise<StoredWheel> {
  const target = folderOf(place, sha256);
  try {
    // Off the event loop: a hundred wheels may come at once, and a busy disk takes its time for each (R57).
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeUnwritable(place.root, error);
  }
  for (let attempt = 1; ; attempt++) {
    const taken = await moveWheel(place, stage, target);
    const wheel = findWheel(place, sha256);
    if (wheel !== undefined) {
      if (taken) await removeInTheEnd(stage);
      return wheel;
    }
    // A damaged wheel stands there: it makes room.
    if (!taken || attempt === 10) throw storeUnwritable(place.root, new Error(`${target} is removed again and again`));
    await throwAway(target, place.trash);
  }
}

/** True when something stood there already. */
async function moveWheel({ root }: Place, stage: string, target: string): Promise<boolean> {
  try {
    await rename(stage, target);
    return false;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(errnoOf(error) ?? "")) return true;
    throw storeUnwritable(root, error);
  }
}

function holdWheel({ holds }: Place, sha256: string): Disposable {
  holds.set(sha256, (holds.get(sha256) ?? 0) + 1);
  let held = true;
  return {
    [Symbol.dispose]() {
      if (!held) return;
      held = false;
      const left = (holds.get(sha256) ?? 0) - 1;
      if (left > 0) holds.set(sha256, left);
      else holds.delete(sha256);
    },
  };
}

const storedHashes = ({ root }: Place): readonly string[] =>
  namesIn(root)
    .filter((prefix) => prefix.length === 2)
    .flatMap((prefix) => namesIn(join(root, prefix)))
    .filter((sha256) => SHA256.test(sha256));

/** A large wheel takes milliseconds, and a store may have thousands: nobody waits for this. */
async function* summariesInTurns(place: Place): AsyncGenerator<StoredWheelSummary> {
  for (const sha256 of storedHashes(place)) {
    await nextTurn();
    const summary = summarizeWheel(folderOf(place, sha256), sha256);
    if (summary !== undefined) yield summary;
  }
}

async function countWheels(place: Place): Promise<WheelCount> {
  const sizes: number[] = [];
  for await (const { bytes } of summariesInTurns(place)) sizes.push(bytes);
  return countOf(sizes);
}

function listWheels(place: Place): readonly StoredWheelSummary[] {
  const sortKey = (wheel: StoredWheelSummary): string =>
    `${wheel.name.toLowerCase()}\n${wheel.version}\n${wheel.filename}`;
  return storedHashes(place)
    .map((sha256) => summarizeWheel(folderOf(place, sha256), sha256))
    .filter((summary) => summary !== undefined)
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

const countOf = (sizes: readonly number[]): WheelCount => ({
  wheels: sizes.length,
  bytes: sizes.reduce((sum, size) => sum + size, 0),
});

async function removeWheels(place: Place, wheels: readonly StoredWheelSummary[]): Promise<WheelCount> {
  const removed = wheels.map(async ({ sha256, folder, bytes }) => {
    if (place.holds.has(sha256)) return undefined;
    place.memory.delete(sha256);
    await place.spares.drop(sha256);
    return (await throwAway(folder, place.trash)) ? bytes : undefined;
  });
  return countOf((await Promise.all(removed)).filter((bytes) => bytes !== undefined));
}

/** The wheels to remove, least recently used first, so that at most `maxBytes` are left. */
async function victimsOf(place: Place, maxBytes: number): Promise<readonly StoredWheelSummary[]> {
  const wheels: StoredWheelSummary[] = [];
  for await (const wheel of summariesInTurns(place)) wheels.push(wheel);
  wheels.sort((a, b) => a.lastUsed - b.lastUsed);
  const victims: StoredWheelSummary[] = [];
  let { bytes } = countOf(wheels.map((wheel) => wheel.bytes));
  for (const wheel of wheels) {
    if (bytes <= maxBytes || place.clock() - wheel.lastUsed < IN_USE_FOR) break;
    if (place.holds.has(wheel.sha256)) continue;
    victims.push(wheel);
    bytes -= wheel.bytes;
  }
  return victims;
}

async function sweepStore(place: Place): Promise<void> {
  const now = place.clock();
  const old = pathsIn(place.records).filter((path) => now - modifiedAt(path) > 30 * DAY);
  await Promise.all([recoverStore(place), ...old.map((path) => rm(path, { recursive: true, force: true }))]);
}

/** Stages and trash in the store, the unfinished files of its records, and stores of one run beside it. */
async function recoverStore({ root, stages, trash, records, clock }: Place): Promise<void> {
  const now = clock();
  const isLeft = (path: string, prefix = ""): boolean =>
    basename(path).startsWith(prefix) && isAbandoned(basename(path).slice(prefix.length), now - modifiedAt(path));
  const isClaimed = (path: string): boolean => basename(path).startsWith(CLAIM) && now - modifiedAt(path) < MINUTE; // Touched every few seconds.
  const leftovers = [
    ...pathsIn(stages).filter((path) => isLeft(path) && !isClaimed(path)),
    ...pathsIn(dirname(root)).filter((path) => isLeft(path, TEMPORARY)),
    ...pathsIn(records).filter((path) => basename(path).startsWith(".") && now - modifiedAt(path) > MINUTE),
  ];
  await Promise.all([...leftovers, ...pathsIn(trash)].map((path) => rm(path, { recursive: true, force: true })));
}

const pathsIn = (folder: string): string[] => namesIn(folder).map((name) => join(folder, name));

/** What bears the mark of a process that has gone belongs to nobody; of one in another container nobody knows, so that its work has a day. */
function isAbandoned(mark: string, age: number): boolean {
  return age > DAY || stateOfProcess(mark) === "gone";
}
