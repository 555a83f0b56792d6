import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Chores, Turn } from "../std/chores.ts";
import { errnoOf } from "../std/errors.ts";
import { ensurePrivateFolder } from "../std/files.ts";
import { namesIn } from "../std/read-file.ts";
import { isJournalFolder, nameAsTrash, ownerOfJournal, readJournal, retireJournal } from "./journal.ts";
import { discard } from "./transaction.ts";

/** What transactions have moved away, until it is deleted. */
export interface Trash {
  /** Deletes the folder of a transaction that is over, slowly and when there is nothing else to do; a later daemon goes on where this one ends. */
  readonly put: (folder: string) => void;
  /** Goes on with what earlier daemons have left. */
  resume(): void;
}

export interface TrashOptions {
  readonly chores: Chores;
  /** Where the folders in the trash are noted, one file for each; made when needed. */
  readonly register: string;
}

export function createTrash({ chores, register }: TrashOptions): Trash {
  const noted = new Set<string>();
  const begin = (folder: string, note: string | undefined): void => {
    const key = nameAsTrash(folder);
    noted.add(key);
    chores.add(`trash ${key}`, async (turn) => {
      if (isOver(folder)) await emptySlowly(retireJournal(folder), turn);
      if (note !== undefined) rmSync(note, { force: true });
      noted.delete(key);
    });
  };
  return {
    put(folder) {
      if (!noted.has(nameAsTrash(folder))) begin(folder, writeNote(register, folder));
    },
    resume() {
      for (const name of namesIn(register)) {
        const note = join(register, name);
        const folder = readFileSync(note, "utf8");
        if (isJournalFolder(basename(folder)) && ownerOfJournal(folder) !== "running") begin(folder, note);
      }
    },
  };
}

/** A note that cannot be written only means that the next change of the environment deletes what this daemon does not. */
function writeNote(register: string, folder: string): string | undefined {
  const note = join(register, randomBytes(8).toString("hex"));
  try {
    ensurePrivateFolder(register);
    writeFileSync(note, folder, { mode: 0o600, flag: "wx" });
    return note;
  } catch {
    return undefined;
  }
}

/** Committed, put back, half deleted or gone: of roots that were made for what was put back the next change makes an end. */
function isOver(folder: string): boolean {
  try {
    const state = readJournal(folder);
    return state.kind === "undone" ? state.createdRoots.length === 0 : state.kind !== "open";
  } catch (error) {
    return errnoOf(error) === "ENOENT";
  }
}

/** About a millisecond's work. */
const DELETIONS_AT_ONCE = 50;

/** Files first, then folders from below; what resists is left to whoever changes the environment next. */
async function emptySlowly(root: string, turn: Turn): Promise<void> {
  const folders = entriesOf(root).flatMap((entry) => (entry.isDirectory() ? [`${root}/${entry.name}`] : []));
  let deletions = 0;
  const remove = async (call: (path: string) => void, path: string): Promise<void> => {
    try {
      call(path);
    } catch {
      // See above.
    }
    if (++deletions % DELETIONS_AT_ONCE === 0) await turn();
  };
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) folders.push(path);
      else await remove(unlinkSync, path);
    }
  }
  for (const folder of folders.toReversed()) await remove(rmdirSync, folder);
  await discard(root);
}

function entriesOf(folder: string): readonly { readonly name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
