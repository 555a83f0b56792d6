import { renameSync, rmdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Call } from "../std/call.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import type { WorkerPool } from "../std/worker-pool.ts";
import type { SpareTrees } from "../store/spare-trees.ts";
import { type Changes, findChanges } from "./changes.ts";
import { createFolderReader, type FolderReader } from "./folder-reader.ts";
import {
  abandonJournal,
  closeJournal,
  commitJournal,
  createJournalFolder,
  type Expansion,
  isTrashFolder,
  type Journal,
  orphanedJournals,
  readJournal,
  retireCommitted,
  retireJournal,
  trashPath,
  writeExpansion,
  writeJournal,
} from "./journal.ts";
import { chooseMethod, placeFiles } from "./link.ts";
import { makeFolder, type ShardFailure } from "./link-shard.ts";
import { folderMode } from "./modes.ts";
import { checkWritable, unwritable } from "./os-error.ts";
import type { Plan, WheelPlan } from "./plan.ts";
import { expandFolder, moveExpanded, moveFile, rollBack } from "./rollback.ts";
import { useSpares } from "./spare-use.ts";
import type { InstallTarget } from "./target.ts";

export interface ApplyOptions {
  /** For more than about 500 files. */
  readonly pool?: WorkerPool | undefined;
  /** What was read while the removals were planned, if nothing can have changed since. */
  readonly folders?: FolderReader | undefined;
  /** Takes the folder with what was moved away, to delete it later. Without it that happens before the end. */
  readonly trash?: ((folder: string) => void) | undefined;
  /** The same for a change that was put back: takes the folder with what had been placed. */
  readonly undoneTrash?: ((folder: string) => void) | undefined;
  /** Trees that lie ready, for what they have of the plan. */
  readonly spares?: SpareTrees | undefined;
  /** pip's advice to use `--user` where access is denied. */
  readonly adviseUser?: boolean | undefined;
}

export interface Applied {
  /** Linked, copied and written. */
  readonly files: number;
  /** The stamp is that of the RECORD of those whose byte code comes later. */
  readonly wheels: readonly (WheelPlan & { readonly stamp: string })[];
}

/**
 * Makes all changes of a plan or none. The caller holds the environment's lock.
 *
 * Old files are renamed into the journal's folder, new ones are linked in place, and one rename commits. After any failure, and after an abort of
 * the call's signal before the commit, everything is put back as it was. A process that is killed leaves the journal to `recoverTransactions`.
 *
 * @throws PipdError `environment-unwritable` with pip's words for an OSError; the signal's reason; `rollback-failed` when even going back was
 * refused by the system (the journal then stays, and the next command tries again).
 */
export async function applyPlan(
  plan: Plan,
  target: InstallTarget,
  call: Call,
  options: ApplyOptions = {},
): Promise<Applied> {
  call.signal.throwIfAborted();
  const { folder, changes, createdRoots } = begin(plan, target, options);
  const { moves, createdFolders, createdFiles } = changes;
  const journal: Journal = { what: describe(plan), moves, createdFolders, createdFiles, createdRoots };
  const apply = async (foreign: Set<string>): Promise<Applied> => {
    const files = await place(plan, changes, folder, target, call, options, foreign);
    const wheels = plan.wheels.map((wheel) => ({
      ...wheel,
      stamp: wheel.byteCode === "later" ? (recordStamp(wheel.infoFolder) ?? "") : "",
    }));
    return { files, wheels };
  };
  let applied: Applied;
  try {
    applied = await inTransaction(folder, journal, call.signal, apply, options.undoneTrash);
  } catch (error) {
    throw inPipsWords(error, target.root, options);
  }
  if (options.trash === undefined) await discard(folder);
  else options.trash(folder);
  return applied;
}

/**
 * Moves away what the journal says, lets `apply` put what is new in place, and commits; or puts everything back and throws what went wrong. Who calls
 * this deletes the folder after the commit with `discard`.
 *
 * @param folder of `createJournalFolder`
 * @param apply gets a set for announced paths that turn out to be made by somebody else
 * @param undoneTrash as of `ApplyOptions`
 * @throws what `apply` throws; the system's errors; the signal's reason; `rollback-failed`
 */
export async function inTransaction<T>(
  folder: string,
  journal: Journal,
  signal: AbortSignal,
  apply: (foreign: Set<string>) => T | Promise<T>,
  undoneTrash?: (folder: string) => void,
): Promise<T> {
  const foreign = new Set<string>();
  try {
    await writeJournal(folder, journal);
    await moveAway(folder, journal.moves, signal);
    const result = await apply(foreign);
    signal.throwIfAborted();
    commitJournal(folder);
    return result;
  } catch (error) {
    await undo(folder, foreign, error, undoneTrash);
    throw error;
  }
}

interface Begun {
  readonly folder: string;
  readonly changes: Changes;
  readonly createdRoots: readonly string[];
}

/** Everything that can fail before there is a journal; only the root and the journal's folder are made. */
function begin(plan: Plan, target: InstallTarget, options: ApplyOptions): Begun {
  const createdRoots = makeMissingFolders(target.root, target.umask, options);
  try {
    const changes = findChanges(plan, target, options.folders ?? createFolderReader());
    inWords(options, target.root, () => checkWritable(changes));
    return { folder: inWords(options, target.root, () => createJournalFolder(target.root)), changes, createdRoots };
  } catch (error) {
    removeFolders(createdRoots);
    throw error;
  }
}

/**
 * Makes a folder and its missing parents with the modes of this umask; returns what had to be made, the deepest first.
 * @throws PipdError `environment-unwritable`
 */
export function makeMissingFolders(path: string, umask: number, options: ApplyOptions = {}): readonly string[] {
  const missing: string[] = [];
  for (let each = path; statSync(each, { throwIfNoEntry: false }) === undefined; each = dirname(each))
    missing.push(each);
  for (const each of missing.toReversed()) inWords(options, each, () => makeFolder(each, folderMode(umask)));
  return missing;
}

/** "install a 1.0, b 2.0; remove a 0.9" */
function describe({ wheels, removals }: Plan): string {
  const listed = (verb: string, all: readonly { readonly name: string; readonly version: string }[]): string[] =>
    all.length === 0 ? [] : [`${verb} ${all.map(({ name, version }) => `${name} ${version}`).join(", ")}`];
  return [
    ...listed(
      "install",
      wheels.map(({ wheel }) => wheel.manifest),
    ),
    ...listed("remove", removals),
  ].join("; ");
}

const MOVES_AT_ONCE = 200;

/** Renames everything into the trash; lets other work of the daemon in between. */
async function moveAway(folder: string, moves: readonly string[], signal: AbortSignal): Promise<void> {
  for (const [index, path] of moves.entries()) {
    if (index % MOVES_AT_ONCE === MOVES_AT_ONCE - 1) await setImmediate();
    signal.throwIfAborted();
    try {
      renameSync(path, trashPath(folder, index));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT") continue;
      if (errno !== "EXDEV") throw error;
      moveByFile(folder, moves, index);
      return;
    }
  }
}

/** The rest of the moves where folders cannot be renamed: one note of all their files first, then each file on its own. */
function moveByFile(folder: string, moves: readonly string[], start: number): void {
  const folders = createFolderReader();
  const expansions = new Map<number, Expansion>();
  for (let index = start; index < moves.length; index++) {
    const path = moves[index] ?? "";
    if (folders.kind(path) === "folder") expansions.set(index, expandFolder(index, path, folders));
  }
  if (expansions.size > 0) writeExpansion(folder, [...expansions.values()]);
  for (let index = start; index < moves.length; index++) {
    const path = moves[index] ?? "";
    const expansion = expansions.get(index);
    if (expansion !== undefined) moveExpanded(folder, path, expansion);
    else if (folders.kind(path) !== undefined) moveFile(path, trashPath(folder, index));
  }
}

async function place(
  plan: Plan,
  { work, createdFiles }: Changes,
  folder: string,
  target: InstallTarget,
  call: Call,
  options: ApplyOptions,
  foreign: Set<string>,
): Promise<number> {
  const total = work.reduce(
    (sum, { groups, writes }) => groups.reduce((all, { names }) => all + names.length, sum + writes.length),
    0,
  );
  if (total === 0) return 0;
  const [group] = plan.groups;
  const method = chooseMethod(target.linkMode, target.umask, group && `${group.from}/${group.names[0]}`, folder);
  const { files: ready, rest } =
    options.spares === undefined || method !== "hardlink"
      ? { files: 0, rest: work }
      : useSpares(work, plan.wheels, folder, target, options.spares);
  const { files, failures } = await placeFiles(rest, {
    umask: target.umask,
    method,
    pool: options.pool,
    signal: call.signal,
    progress: (placed) => {
      const done = ready + placed;
      call.reporter.progress({ phase: "install", done, total, unit: "items", finished: done === total });
    },
  });
  const announced = new Set(createdFiles);
  for (const { errno, path } of failures) if (errno === "EEXIST" && announced.has(path)) foreign.add(path);
  const failure = failures.find(({ errno }) => errno !== "ABORTED");
  if (failure !== undefined) throw failure.cause ?? shardError(failure, options);
  call.signal.throwIfAborted();
  return ready + files;
}

/** Back to the state before. When that fails too, the journal stays for the next command and the error says so. */
async function undo(
  folder: string,
  foreign: ReadonlySet<string>,
  cause: unknown,
  trash: ((folder: string) => void) | undefined,
): Promise<void> {
  let journal: Journal | undefined;
  try {
    journal = rollBackAndClose(folder, foreign);
  } catch (error) {
    abandonJournal(folder);
    throw new PipdError(
      "rollback-failed",
      `${textOf(cause)}\nWhat was changed until then could not be put back: ${textOf(error)}`,
      { hint: "The next command that changes this environment tries again.", cause: error },
    );
  }
  // A root that was made for this change goes with it, at once.
  if (trash !== undefined && journal?.createdRoots.length === 0) trash(retireJournal(folder));
  else await discard(folder);
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Rolls an open transaction back. Its folder is only good for deletion afterwards. */
function rollBackAndClose(folder: string, foreign: ReadonlySet<string>): Journal | undefined {
  const state = readJournal(folder);
  if (state.kind !== "open") return undefined;
  rollBack(folder, state.journal, state.expansions, foreign);
  closeJournal(folder);
  return state.journal;
}

/** Deletes the folder of a transaction that is over, and the parents of the root that were made for it alone. */
export async function discard(folder: string): Promise<void> {
  try {
    const state = readJournal(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    if (state.kind === "undone") removeFolders(state.createdRoots);
  } catch {
    // Whatever could not be deleted is found and tried again by the next command.
    abandonJournal(folder);
  }
}

/** Removes folders as long as they are empty, in the given order. */
export function removeFolders(folders: readonly string[]): void {
  for (const root of folders) {
    try {
      rmdirSync(root);
    } catch {
      return;
    }
  }
}

/**
 * Repairs what killed processes left in these roots: unfinished transactions are rolled back, finished ones are cleaned up, or at least no
 * longer look like the change that comes. To be called before each change, with the environment's lock held. One readdir for each root when there is nothing to do.
 *
 * @param trash takes the folders of finished transactions; without it they are deleted before the end
 * @returns one line that says what was rolled back, or undefined.
 * @throws PipdError `rollback-failed` when the system refuses.
 */
export async function recoverTransactions(
  roots: readonly string[],
  call: Pick<Call, "signal">,
  trash?: (folder: string) => void,
): Promise<string | undefined> {
  const repaired: string[] = [];
  for (const root of new Set(roots)) {
    for (const folder of orphanedJournals(root, retireCommitted(root))) {
      call.signal.throwIfAborted();
      const journal = repair(folder, root);
      if (journal !== undefined) repaired.push(`${root} (${journal.what})`);
      if (trash !== undefined && isTrashFolder(basename(folder))) trash(folder);
      else await discard(folder);
    }
  }
  if (repaired.length === 0) return undefined;
  return `Repaired what an interrupted command had left: put back the state before in ${repaired.join(", ")}.`;
}

function repair(folder: string, root: string): Journal | undefined {
  try {
    return rollBackAndClose(folder, new Set());
  } catch (error) {
    throw new PipdError(
      "rollback-failed",
      `An interrupted command has left ${root} half changed, and it could not be put back: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: `Make the folder writable and run the command again. The old files are in ${folder}/trash.`,
        cause: error,
      },
    );
  }
}

/** Identifies the RECORD of one installation; undefined when there is none. */
export function recordStamp(infoFolder: string): string | undefined {
  try {
    const stats = statSync(`${infoFolder}/RECORD`, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? undefined : `${stats.dev}:${stats.ino}:${stats.mtimeNs}:${stats.size}`;
  } catch {
    return undefined;
  }
}

function inWords<Value>(options: ApplyOptions, path: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw inPipsWords(error, path, options);
  }
}

function inPipsWords(error: unknown, path: string, { adviseUser }: ApplyOptions): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || error instanceof PipdError) return error;
  const at = (error as NodeJS.ErrnoException).path ?? path;
  // The transaction's own files mean nothing to a person.
  return unwritable(errno, at.includes("/.pipd-transaction-") ? path : at, { adviseUser, cause: error });
}

function shardError({ errno, path }: ShardFailure, { adviseUser }: ApplyOptions): PipdError {
  return unwritable(errno, path, { adviseUser });
}
