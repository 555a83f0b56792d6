import { orphanedJournals } from "../install/journal.ts";
import { makeMissingFolders, recoverTransactions, removeFolders } from "../install/transaction.ts";
import { namedFolder } from "../python/environment.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { nextTurn } from "../std/next-turn.ts";
import type { LockOwner } from "../store/environment-lock.ts";
import type { Environment, EnvironmentRequest, Parts } from "./parts.ts";

export type { LockOwner } from "../store/environment-lock.ts";

/** How one command changes an environment, as far as others are concerned. */
export interface Change {
  /** Who those who wait are told of. */
  readonly owner: LockOwner;
  /** Fail with `environment-locked` instead of waiting. */
  readonly noWait: boolean;
  /** Told the root when the environment is ours, before anything in it changes: whoever started the command can then see what became of it. */
  readonly begins: (root: string) => void;
}

/**
 * Does `work` while nobody else changes the environment at `root`, after repairing what killed commands have left there and in `others`. A root
 * that is not there is made; if nothing comes into it, it goes again.
 * @throws PipdError `environment-locked`, `environment-unwritable`, `rollback-failed`; what `work` throws
 */
export async function changeEnvironment<T>(
  parts: Parts,
  change: Change,
  { root, others = [] }: { readonly root: string; readonly others?: readonly string[] },
  call: Call,
  work: () => Promise<T>,
): Promise<T> {
  const made = makeMissingFolders(root, call.umask);
  const repairAndWork = async (): Promise<T> => {
    for (const each of new Set([root, ...others])) await parts.background.stop(each);
    await repair(parts, [root, ...others], call);
    change.begins(root);
    await nextTurn();
    return await work();
  };
  const options = { noWait: change.noWait, made };
  try {
    return await parts.locks.withEnvironment(root, change.owner, call, repairAndWork, options);
  } catch (error) {
    removeFolders(made);
    throw error;
  }
}

/**
 * The environment that a command is about, after the repair of what a killed command has left in it, so that what the command then sees is the old
 * state or the new one.
 */
export async function findWholeEnvironment(
  parts: Parts,
  request: EnvironmentRequest,
  owner: LockOwner,
  call: Call,
): Promise<Environment> {
  const named = namedFolder(request, call);
  if (named !== undefined) await repairIfFree(parts, named, owner, call);
  const environment = await parts.findEnvironment(request, call);
  if (environment.root !== named) await repairIfFree(parts, environment.root, owner, call);
  return environment;
}

/**
 * For commands that wait for nobody: repairs what a killed command has left in an environment, if nobody is changing it. What cannot be repaired
 * is said, and the command goes on.
 */
async function repairIfFree(parts: Parts, root: string, owner: LockOwner, call: Call): Promise<void> {
  if (orphanedJournals(root).length === 0 && !parts.locks.isLeft(root)) return;
  try {
    await parts.locks.withEnvironment(root, owner, call, () => repair(parts, [root], call), { noWait: true });
  } catch (error) {
    if (!(error instanceof PipdError)) throw error;
    if (error.code !== "environment-locked") call.reporter.message("warning", error.message);
  }
}

async function repair({ background, trash, installed }: Parts, roots: readonly string[], call: Call): Promise<void> {
  const repaired = await recoverTransactions(roots, call, background.allowed ? trash.put : undefined);
  if (repaired === undefined) return;
  // What others have seen since this command was asked for is over.
  installed.clear();
  call.reporter.message("warning", repaired);
}
