import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../std/errors.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";

/**
 * The memory of a transaction, in `<root>/.pipd-transaction-<mark of the process>-<random>/`:
 * `journal` (written and synced before the first change), `trash/<number>` (what the transaction moves away), and `expansion-<number>` (folders
 * that had to be moved file by file). Renaming `journal` to `committed` is the commit; to `undone`, the end of a rollback.
 * It says what would be changed, not what has been: what a killed process did is told from the disk (see rollback.ts).
 * A committed folder that is left to be deleted later becomes `<root>/.pipd-trash-...`: it says nothing of the changes after it.
 */
export interface Journal {
  /** What the transaction is, for the line that tells of its repair: "install a 1.0, b 2.0". */
  readonly what: string;
  /** Existing paths that go to `trash/<index>`. None lies below another one. */
  readonly moves: readonly string[];
  /** The topmost of the folders that did not exist and get made. */
  readonly createdFolders: readonly string[];
  /** Files that get made in folders that exist. */
  readonly createdFiles: readonly string[];
  /** Parents of the root that had to be made for the journal itself, the deepest first. */
  readonly createdRoots: readonly string[];
}

/** Folders of `moves` that no rename can move (EXDEV: the lower layers of overlayfs): moved file by file. */
export interface Expansion {
  readonly index: number;
  /** Every folder in it, itself first, with its mode. */
  readonly folders: readonly (readonly [path: string, mode: number])[];
  /** Every file, relative to it. */
  readonly files: readonly string[];
}

const PREFIX = ".pipd-transaction-";
const TRASH_PREFIX = ".pipd-trash-";
const JOURNAL = "journal";
const COMMITTED = "committed";
const UNDONE = "undone";
const ABANDONED = "abandoned";
const EXPANSION = "expansion-";

export const trashPath = (folder: string, index: number): string => `${folder}/trash/${index}`;

/** Makes the folder of a new transaction of this process, private (0700). */
export function createJournalFolder(root: string): string {
  const name = `${PREFIX}${processMark()}-${randomBytes(6).toString("hex")}`;
  const folder = join(root, name);
  mkdirSync(folder, { mode: 0o700 });
  try {
    mkdirSync(join(folder, "trash"), { mode: 0o700 });
  } catch (error) {
    try {
      rmdirSync(folder);
    } catch {
      // The disk that takes no second folder may not give up the first one either.
      abandonJournal(folder);
    }
    throw error;
  }
  return folder;
}

/** Writes the journal and waits until it is on the disk; it has its name only when it is whole. Before this returns nothing may be changed. */
export async function writeJournal(folder: string, journal: Journal): Promise<void> {
  const unfinished = join(folder, `${JOURNAL}.new`);
  const file = await open(unfinished, "wx", 0o600);
  try {
    await file.writeFile(JSON.stringify(journal));
    await file.sync();
  } finally {
    await file.close();
  }
  renameSync(unfinished, join(folder, JOURNAL));
}

/** Notes, on the disk, folders that are about to be moved file by file. */
export function writeExpansion(folder: string, expansions: readonly Expansion[]): void {
  const descriptor = openSync(join(folder, `${EXPANSION}${expansions[0]?.index ?? 0}`), "wx", 0o600);
  try {
    writeSync(descriptor, JSON.stringify(expansions));
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** What a transaction's folder says. `blank`: nothing was changed yet (no journal, or half of one). */
export type JournalState =
  | { readonly kind: "blank" | "committed" }
  | { readonly kind: "undone"; readonly createdRoots: readonly string[] }
  | { readonly kind: "open"; readonly journal: Journal; readonly expansions: readonly Expansion[] };

export function readJournal(folder: string): JournalState {
  const names = new Set(readdirSync(folder));
  if (names.has(COMMITTED)) return { kind: "committed" };
  if (names.has(UNDONE)) {
    return { kind: "undone", createdRoots: (parse(join(folder, UNDONE)) as Journal | undefined)?.createdRoots ?? [] };
  }
  const journal = names.has(JOURNAL) ? (parse(join(folder, JOURNAL)) as Journal | undefined) : undefined;
  if (journal === undefined) return { kind: "blank" };
  const expansions = [...names]
    .filter((name) => name.startsWith(EXPANSION))
    .flatMap((name) => (parse(join(folder, name)) as readonly Expansion[] | undefined) ?? []);
  return { kind: "open", journal, expansions };
}

/** A file whose writer was killed is cut short and parses to nothing; what it announced has then not begun. */
function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** From here on the transaction has happened. */
export function commitJournal(folder: string): void {
  renameSync(join(folder, JOURNAL), join(folder, COMMITTED));
}

/** From here on the transaction has not happened; its folder only waits to be deleted. */
export function closeJournal(folder: string): void {
  renameSync(join(folder, JOURNAL), join(folder, UNDONE));
}

/** Leaves a transaction that its own process could not roll back to whoever comes next, though the process lives. */
export function abandonJournal(folder: string): void {
  abandoned.add(folder);
  try {
    writeFileSync(join(folder, ABANDONED), "");
  } catch {
    // The disk is full: other processes learn of it when this one has ended.
  }
}

/** By this process. */
const abandoned = new Set<string>();

/**
 * The folders of transactions in a root, and their trash, whose process is gone or has given them up.
 * @param names what is in the root, if that is known
 */
export function orphanedJournals(root: string, names = entriesOf(root)): readonly string[] {
  return names
    .filter(isJournalFolder)
    .map((name) => join(root, name))
    .filter((folder) => !isOwned(folder));
}

/**
 * Gives every committed transaction in a root the name of trash, whoever made it, so that whoever looks at the root after a sudden end sees the
 * change that comes now and no earlier one. To be called with the environment's lock held.
 * @returns the names in the root afterwards
 */
export function retireCommitted(root: string): readonly string[] {
  return entriesOf(root).map((name) =>
    isTransactionFolder(name) && existsSync(join(root, name, COMMITTED))
      ? basename(retireJournal(join(root, name)))
      : name,
  );
}

/**
 * Gives the folder of a transaction that is over the name of trash, unless it has it.
 * @returns where it lies now
 */
export function retireJournal(folder: string): string {
  const retired = nameAsTrash(folder);
  if (retired === folder) return folder;
  try {
    renameSync(folder, retired);
  } catch (error) {
    // Somebody else has been faster, or nothing can be renamed here: then it goes as it is.
    return errnoOf(error) === "ENOENT" ? retired : folder;
  }
  if (abandoned.delete(folder)) abandoned.add(retired);
  return retired;
}

/** The path of a transaction's folder when it is trash. */
export function nameAsTrash(folder: string): string {
  return isTransactionFolder(basename(folder))
    ? join(dirname(folder), TRASH_PREFIX + basename(folder).slice(PREFIX.length))
    : folder;
}

/** Whether a transaction in this root has begun and is neither committed nor undone, whoever has it: what the disk shows may be half of it. */
export function hasOpenJournal(root: string): boolean {
  return entriesOf(root).some((name) => name.startsWith(PREFIX) && existsSync(join(root, name, JOURNAL)));
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EACCES") return [];
    throw error;
  }
}

/** Whether a folder of this name is that of a transaction. */
const isTransactionFolder = (name: string): boolean => name.startsWith(PREFIX);

/** Whether a folder of this name is what a transaction has moved away. */
export const isTrashFolder = (name: string): boolean => name.startsWith(TRASH_PREFIX);

/** Whether a folder of this name is one of these. */
export const isJournalFolder = (name: string): boolean => isTransactionFolder(name) || isTrashFolder(name);

/** What has become of the process that made the folder of a transaction. */
export const ownerOfJournal = (folder: string): ReturnType<typeof stateOfProcess> =>
  stateOfProcess(basename(nameAsTrash(folder)).slice(TRASH_PREFIX.length));

/** Of a process in another container nothing is known; but it would hold the lock that whoever asks has. */
function isOwned(folder: string): boolean {
  if (abandoned.has(folder) || entriesOf(folder).includes(ABANDONED)) return false;
  return ownerOfJournal(folder) === "running";
}
