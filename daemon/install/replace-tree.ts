import { cpSync, lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync } from "node:fs";
import type { ReplaceTree } from "../python/venv.ts";
import { errnoOf } from "../std/errors.ts";
import { isOwnEntry } from "../store/environment-lock.ts";
import { createJournalFolder, type Journal } from "./journal.ts";
import { checkWritable } from "./os-error.ts";
import { moveFile } from "./rollback.ts";
import { discard, inTransaction } from "./transaction.ts";

/** What has to go from a folder, and what comes into it, so that it holds a prepared tree. Paths relative to it. */
interface Difference {
  readonly moves: string[];
  readonly folders: string[];
  readonly files: string[];
}

/**
 * Puts a tree that `fill` makes into a folder that exists, all of it or nothing, as applyPlan does: a process that is killed leaves the journal to
 * `recoverTransactions`. What is the same stays untouched; with `clear` everything else goes. The caller holds the environment's lock.
 */
export const replaceTree: ReplaceTree = async (root, { what, clear }, fill, call) => {
  const folder = createJournalFolder(root);
  const fresh = `${folder}/fresh`;
  const inRoot = (path: string): string => `${root}/${path}`;
  let difference: Difference;
  let journal: Journal;
  try {
    fill(fresh);
    difference = clear ? wholly(root, fresh) : differenceOf(root, fresh);
    journal = {
      what,
      moves: difference.moves.map(inRoot),
      createdFolders: difference.folders.map(inRoot),
      createdFiles: difference.files.map(inRoot),
      createdRoots: [],
    };
    checkWritable(journal);
  } catch (error) {
    await discard(folder);
    throw error;
  }
  await inTransaction(folder, journal, call.signal, () => {
    for (const path of difference.folders) moveFolder(`${fresh}/${path}`, inRoot(path));
    for (const path of difference.files) moveFile(`${fresh}/${path}`, inRoot(path));
  });
  await discard(folder);
};

/** Everything that is there, and everything that comes. */
function wholly(root: string, fresh: string): Difference {
  const names = readdirSync(fresh);
  const folders = names.filter((name) => lstatSync(`${fresh}/${name}`).isDirectory());
  return {
    moves: readdirSync(root).filter((name) => !isOwnEntry(name)),
    folders,
    files: names.filter((name) => !folders.includes(name)),
  };
}

function differenceOf(root: string, fresh: string): Difference {
  const found: Difference = { moves: [], folders: [], files: [] };
  const visit = (folder: string): void => {
    for (const name of readdirSync(`${fresh}/${folder}`)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const [is, wanted] = [`${root}/${path}`, `${fresh}/${path}`];
      const there = lstatSync(is, { throwIfNoEntry: false });
      if (lstatSync(wanted).isDirectory()) {
        if (there === undefined) found.folders.push(path);
        else if (statSync(is).isDirectory()) visit(path);
        else throw Object.assign(new Error(`EEXIST: a file is in the way of a folder, '${is}'`), { code: "EEXIST" });
      } else if (there === undefined) {
        found.files.push(path);
      } else if (!isSame(is, wanted)) {
        found.moves.push(path);
        found.files.push(path);
      }
    }
  };
  visit("");
  return found;
}

/** The same kind, mode and content. A folder where a link or file would come is as good: `lib64`. */
function isSame(is: string, wanted: string): boolean {
  const [a, b] = [lstatSync(is), lstatSync(wanted)];
  if (a.isDirectory()) return true;
  if (a.isSymbolicLink() || b.isSymbolicLink())
    return a.isSymbolicLink() && b.isSymbolicLink() && readlinkSync(is) === readlinkSync(wanted);
  return a.mode === b.mode && a.size === b.size && readFileSync(is).equals(readFileSync(wanted));
}

function moveFolder(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
    cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }
}
