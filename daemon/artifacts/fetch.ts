import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { ProjectFile } from "../index/project-files.ts";
import type { Downloaded } from "../index/reception.ts";
import type { Arrived } from "../index/transfers.ts";
import type { Call, ProgressEvent, Reporter } from "../std/call.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { createHitCounter, type HitCounter } from "../std/hit-counter.ts";
import { nextTurn } from "../std/next-turn.ts";
import { osHint } from "../std/os-hint.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import type { WorkerPool, WorkerTask } from "../std/worker-pool.ts";
import { type StoredWheel, storeUnwritable } from "../store/wheel-folder.ts";
import type { WheelStore } from "../store/wheel-store.ts";
import { checkHashes, demandOf, type HashDemand } from "./archive-hash.ts";
import { createEarlyUnpacking } from "./early-unpacking.ts";
import type { UnpackTask } from "./unpack-worker.ts";

/** A wheel to be had: a file of an index or find-links source (or of a direct URL, in the same shape), or the absolute path of a local file. */
export type WheelSource = ProjectFile | string;

export interface FetchOptions {
  /** What the user demands (`--hash`, a URL's fragment), besides what the index says. */
  readonly demands?: readonly HashDemand[];
  /** What a message says of which file has another hash; the file name by default. */
  readonly subject?: string;
  /** Instead of the fetcher's own store: a temporary one for `--no-cache-dir`. */
  readonly store?: WheelStore;
}

/** Brings wheels into the store. Lives as long as the daemon. */
export interface WheelFetcher {
  /**
   * The wheel in the store: from there at once, else read or downloaded, verified and unpacked by a worker. Callers that want the same wheel
   * at the same time share the work; each leaves alone when its call is aborted.
   * Whoever keeps the wheel over time (to link from it) asks the store to `hold` it.
   * @throws PipdError "hash-mismatch", "invalid-wheel", "unreadable-file", "store-unwritable", "worker-crashed"; what `download` throws;
   * the reason of the call's signal.
   */
  fetchWheel(source: WheelSource, call: Call, options?: FetchOptions): Promise<StoredWheel>;
  /** How often a wheel that was asked for was in the store. */
  readonly counts: HitCounter["counts"];
}

export interface WheelFetcherPorts {
  readonly store: WheelStore;
  /** Where wheels go when the store cannot be written, asked for once at most. Without it that is an error. */
  readonly fallbackStore?: () => WheelStore;
  readonly pool: WorkerPool;
  /** Bytes an archive must have at least to be unpacked while it is coming. */
  readonly smallestEarly?: number;
  /** Downloads a file to a path that does not exist yet, and hashes it on the way. */
  readonly download: (file: ProjectFile, destination: string, call: Call, arrived?: Arrived) => Promise<Downloaded>;
}

/** What says that the store, or the download on its way there, could not be written. */
const NO_ROOM: ReadonlySet<string> = new Set(["store-unwritable", "download-not-saved"]);

/** One wheel on its way: what is known of it, and how to get it. */
interface Order {
  /** What it is besides its demands, for sharing. */
  readonly identity: string;
  readonly filename: string;
  readonly demands: readonly HashDemand[];
  readonly subject?: string | undefined;
  /** The archive's hash, hex, as known before anything is read. */
  readonly sha256: string | undefined;
  readonly store: WheelStore;
  readonly isRemote: boolean;
  /** Bytes of an archive that comes over the network, where the index tells. */
  readonly archiveSize?: number | undefined;
  /** Brings the archive. `destination` is where a download goes, in the stage. */
  bring(destination: string, call: Call, arrived: Arrived | undefined): Promise<Brought>;
  /** Called with the hash once the wheel is in the store. */
  done(sha256: string): Promise<void>;
}

interface Brought {
  /** Absolute path. */
  readonly archive: string;
  /** Bytes. */
  readonly size: number;
  /** If it was computed on the way. */
  readonly sha256: string | undefined;
}

export function createWheelFetcher(ports: WheelFetcherPorts): WheelFetcher {
  const flights = createSingleFlight<string, StoredWheel>();
  const audience = new Map<string, Set<Reporter>>();
  const warned = new WeakSet<Reporter>();
  const counter = createHitCounter();
  let fallback: WheelStore | undefined;

  const deliver = async (order: Order, call: Call): Promise<StoredWheel> => {
    const stored = storedWheel(order);
    if (stored !== undefined) {
      counter.hit();
      return stored;
    }
    counter.miss();
    const key = JSON.stringify([order.store.folder, order.identity, order.demands]);
    const listeners = audience.get(key) ?? new Set();
    audience.set(key, listeners.add(call.reporter));
    try {
      return await flights.run(key, call.signal, (signal) =>
        bringOrder(order, ports, { ...call, signal, reporter: reporterFor(listeners) }),
      );
    } finally {
      listeners.delete(call.reporter);
      if (listeners.size === 0 && audience.get(key) === listeners) audience.delete(key);
    }
  };

  return {
    get counts() {
      return counter.counts;
    },
    async fetchWheel(source, call, { demands = [], subject, store = ports.store } = {}) {
      call.signal.throwIfAborted();
      const make = async (place: WheelStore): Promise<Order> => ({
        ...(await orderOf(source, demands, place, ports.download)),
        subject,
      });
      try {
        return await deliver(await make(store), call);
      } catch (error) {
        const isFull = error instanceof PipdError && NO_ROOM.has(error.code);
        if (!isFull || store !== ports.store || ports.fallbackStore === undefined) throw error;
        if (!warned.has(call.reporter)) call.reporter.message("warning", `${error.message} Going on without it.`);
        warned.add(call.reporter);
        fallback ??= ports.fallbackStore();
        return deliver(await make(fallback), call);
      }
    },
  };
}

/** @throws PipdError "hash-mismatch" when the known hash does not meet the demands, before anything is downloaded. */
function storedWheel({ filename, subject = filename, demands, sha256, store }: Order): StoredWheel | undefined {
  if (sha256 === undefined || !checkHashes(subject, demands, new Map([["sha256", sha256]]))) return undefined;
  return store.find(sha256);
}

/** What comes over the network is brought by one process alone. */
async function bringOrder(order: Order, ports: WheelFetcherPorts, call: Call): Promise<StoredWheel> {
  const { sha256, store } = order;
  if (sha256 === undefined || !order.isRemote) return unpackOrder(order, ports, call);
  using _claim = await store.claim(sha256, call.signal);
  // Whoever had the claim before may have brought it.
  return storedWheel(order) ?? (await unpackOrder(order, ports, call));
}

async function unpackOrder(order: Order, { pool, smallestEarly }: WheelFetcherPorts, call: Call): Promise<StoredWheel> {
  const { store, filename, demands, subject = filename } = order;
  await nextTurn();
  call.signal.throwIfAborted();
  const stage = store.createStage();
  const download = join(stage, "archive");
  const coming = { filename, stage, archiveSize: order.archiveSize ?? 0, wholeArchive: download };
  const early = createEarlyUnpacking(coming, pool, call.signal, smallestEarly);
  try {
    const { archive, size, sha256 } = await order.bring(download, call, early?.arrived);
    const task: UnpackTask & WorkerTask = {
      kind: "unpack",
      archive,
      filename,
      isDownload: order.isRemote,
      stage,
      sha256,
      demands,
      subject,
      weight: size,
      early: await early?.end(),
    };
    const wheel = await store.add(stage, await pool.run<string>(task, [], call.signal));
    await order.done(wheel.sha256);
    return wheel;
  } catch (error) {
    await early?.end();
    await store.discard(stage);
    if (isReadFailure(error))
      throw new PipdError("unreadable-file", `Could not read ${filename}: ${String(error)}`, {
        hint: osHint("EIO") ?? "",
        cause: error,
      });
    throw isStoreFailure(error, stage) ? storeUnwritable(store.folder, error) : error;
  }
}

/** A failed write names no path and can only have been one of the stage; other failures are of the archive unless they name the stage. */
function isStoreFailure(error: unknown, stage: string): boolean {
  const errno = errnoOf(error) ?? "";
  if (["ENOSPC", "EDQUOT", "EROFS", "EFBIG"].includes(errno)) return true;
  const { path, syscall } = error as NodeJS.ErrnoException;
  if (errno === "EIO") return syscall !== "read";
  return ["EACCES", "EPERM", "ENOENT"].includes(errno) && path?.startsWith(stage) === true;
}

/** The archive cannot be read any more: its disk has a fault. */
function isReadFailure(error: unknown): boolean {
  return errnoOf(error) === "EIO" && (error as NodeJS.ErrnoException).syscall === "read";
}

async function orderOf(
  source: WheelSource,
  extra: readonly HashDemand[],
  store: WheelStore,
  download: WheelFetcherPorts["download"],
): Promise<Order> {
  if (typeof source === "string") return localOrder(source, basename(source), extra, undefined, store);
  const demands = [demandOf(source.hashes), ...extra];
  const declared = source.hashes["sha256"]?.toLowerCase();
  const path = pathOfFileUrl(source.url);
  if (path !== undefined) return localOrder(path, source.filename, demands, declared, store);
  return {
    identity: declared ?? source.url,
    filename: source.filename,
    demands,
    sha256: declared,
    store,
    isRemote: true,
    archiveSize: source.size,
    bring: async (archive, call, arrived) => ({ archive, ...(await download(source, archive, call, arrived)) }),
    done: async () => {},
  };
}

/**
 * A file of this machine is read where it lies. `declared` is the hash an index gives: enough to find the wheel in the store, but what is
 * unpacked is always hashed, and only that hash is remembered.
 */
async function localOrder(
  path: string,
  filename: string,
  demands: readonly HashDemand[],
  declared: string | undefined,
  store: WheelStore,
): Promise<Order> {
  const before = await statFile(path);
  return {
    identity: [path, before.mtimeNs, before.size, before.ino].join("\0"),
    filename,
    demands,
    sha256: declared ?? store.localHash(before, path),
    store,
    isRemote: false,
    bring: async () => ({ archive: path, size: Number(before.size), sha256: undefined }),
    done: async (sha256) => {
      const after = await statFile(path).catch(() => undefined);
      const isSame = after?.mtimeNs === before.mtimeNs && after.size === before.size && after.ino === before.ino;
      if (isSame) store.rememberLocalHash(before, path, sha256);
    },
  };
}

async function statFile(path: string): Promise<BigIntStats> {
  try {
    const stats = await stat(path, { bigint: true });
    if (stats.isFile()) return stats;
  } catch (error) {
    throw new PipdError("unreadable-file", `Could not read ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  }
  throw new PipdError("unreadable-file", `Could not read ${path}: it is not a file`);
}

/** Tells everybody who waits for the same wheel. */
const reporterFor = (listeners: ReadonlySet<Reporter>): Reporter => ({
  message: (level, text) => {
    for (const listener of listeners) listener.message(level, text);
  },
  progress: (event: ProgressEvent) => {
    for (const listener of listeners) listener.progress(event);
  },
});
