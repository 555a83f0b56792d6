import { constants, copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nextTurn } from "../std/next-turn.ts";
import type { WorkerPool } from "../std/worker-pool.ts";
import {
  type FileWrite,
  type LinkGroup,
  type LinkMethod,
  type LinkShard,
  linkShard,
  type ShardFailure,
  type ShardResult,
} from "./link-shard.ts";
import type { LinkMode } from "./target.ts";

/** What appears in one folder, real and absolute. */
export interface FolderWork {
  readonly folder: string;
  /** The folders that have to be made for it, parents first; empty when it is there. */
  readonly missing: readonly string[];
  readonly groups: readonly LinkGroup[];
  readonly writes: readonly FileWrite[];
}

export interface LinkOptions {
  readonly umask: number;
  readonly method: LinkMethod;
  /** Without a pool everything happens on this thread. */
  readonly pool: WorkerPool | undefined;
  readonly signal: AbortSignal;
  /** Called now and then with the number of files in place. */
  readonly progress: (files: number) => void;
}

export interface Linked {
  readonly files: number;
  readonly failures: readonly ShardFailure[];
}

/** Up to so many files the main thread is faster than threads that may have to be started first, which takes as long as ten thousand links. */
const FEW_FILES = 1500;

/** How long the main thread works in a row, in milliseconds: making a file takes 10 microseconds, or half a millisecond where the disk is slow. */
const SLICE_MS = 5;

/** Files between two looks at the clock. */
const PIECE = 16;

/** More parts than workers, so that one slow part does not leave the others idle. */
const SHARDS_PER_WORKER = 3;

/** A new folder costs about as much as this many links. */
const FOLDER_WEIGHT = 3;

/**
 * Makes folders and files. Errors are a value, so that everything that was begun has ended when this returns; after the first one, or an abort
 * of the signal (errno `ABORTED`), no shard begins another file.
 */
export async function placeFiles(work: readonly FolderWork[], options: LinkOptions): Promise<Linked> {
  const stop = new SharedArrayBuffer(4);
  const halt = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
  if (options.signal.aborted) halt();
  const total = work.reduce((sum, folder) => sum + fileCount(folder), 0);
  const { pool } = options;
  options.signal.addEventListener("abort", halt, { once: true });
  let done = 0;
  const failures: ShardFailure[] = [];
  const run = async (
    folders: readonly FolderWork[],
    link: (shard: LinkShard) => ShardResult | Promise<ShardResult>,
  ): Promise<void> => {
    const shard = makeShard(folders, options, stop);
    try {
      const { files, failure } = await link(shard);
      done += files;
      options.progress(done);
      if (failure !== undefined) failures.push(failure);
    } catch (error) {
      failures.push({ errno: "", path: shard.groups[0]?.to ?? "", cause: error });
    }
    if (failures.length > 0) halt();
  };
  if (pool === undefined || total <= FEW_FILES) {
    let since = performance.now();
    for (const piece of work.flatMap(piecesOf)) {
      if (performance.now() - since > SLICE_MS) {
        await nextTurn();
        since = performance.now();
      }
      await run([piece], linkShard);
      if (failures.length > 0) break;
    }
  } else {
    const parts = cut(work, pool.size * SHARDS_PER_WORKER);
    await Promise.all(parts.map((folders) => run(folders, (shard) => pool.run<ShardResult>(shard))));
  }
  options.signal.removeEventListener("abort", halt);
  return { files: done, failures };
}

const fileCount = ({ groups, writes }: FolderWork): number =>
  groups.reduce((sum, { names }) => sum + names.length, writes.length);

/** The work of a folder in pieces that the main thread does in a row. */
function piecesOf({ folder, missing, groups, writes }: FolderWork): readonly FolderWork[] {
  const piece = (part: Partial<FolderWork>): FolderWork => ({ folder, missing: [], groups: [], writes: [], ...part });
  const linked = groups.flatMap((group) =>
    chunksOf(group.names).map((names) => piece({ groups: [{ ...group, names }] })),
  );
  return [
    ...(missing.length > 0 ? [piece({ missing })] : []),
    ...linked,
    ...chunksOf(writes).map((some) => piece({ writes: some })),
  ];
}

const chunksOf = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / PIECE) }, (_, at) => all.slice(at * PIECE, (at + 1) * PIECE));

/** Neighbouring folders stay together, so that two threads seldom write to one folder; every part has about the same weight. */
function cut(work: readonly FolderWork[], parts: number): readonly (readonly FolderWork[])[] {
  const sorted = [...work].sort((a, b) => (a.folder < b.folder ? -1 : 1));
  const weigh = (folder: FolderWork): number => fileCount(folder) + (folder.missing.length > 0 ? FOLDER_WEIGHT : 0);
  const limit = sorted.reduce((sum, folder) => sum + weigh(folder), 0) / parts;
  const cuts: FolderWork[][] = [[]];
  let weight = 0;
  for (const folder of sorted) {
    if (weight >= limit) {
      cuts.push([]);
      weight = 0;
    }
    cuts.at(-1)?.push(folder);
    weight += weigh(folder);
  }
  return cuts.filter((folders) => folders.length > 0);
}

function makeShard(work: readonly FolderWork[], { method, umask }: LinkOptions, stop: SharedArrayBuffer): LinkShard {
  return {
    kind: "link",
    method,
    umask,
    folders: [...new Set(work.flatMap(({ missing }) => missing))].sort(),
    groups: work.flatMap(({ groups }) => groups),
    writes: work.flatMap(({ writes }) => writes),
    stop,
  };
}

/** The modes that stored files have on disk are those of this umask. */
export const STORE_UMASK = 0o022;

/**
 * The best method for a pair of file systems, found by trying it with one stored file. Hard links share their mode with the store, so another
 * umask than 022 needs copies (or reflinks, which would need a chmod each: not worth a case of its own).
 */
export function chooseMethod(
  mode: LinkMode,
  umask: number,
  sample: string | undefined,
  scratchFolder: string,
): LinkMethod {
  if (mode === "copy" || umask !== STORE_UMASK) return "copy";
  if (mode === "hardlink" || sample === undefined) return "hardlink";
  const probe = join(scratchFolder, "probe");
  try {
    copyFileSync(sample, probe, constants.COPYFILE_FICLONE_FORCE);
    return "reflink";
  } catch {
    return "hardlink";
  } finally {
    rmSync(probe, { force: true });
  }
}
