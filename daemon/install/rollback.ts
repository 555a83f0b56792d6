import { randomBytes } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { errnoOf } from "../std/errors.ts";
import type { FolderReader } from "./folder-reader.ts";
import { type Expansion, type Journal, trashPath } from "./journal.ts";

/** Moves a file or link, by copy where no rename can: whole or not at all at the new place. */
export function moveFile(from: string, to: string): void {
  try {
    renameSync(from, to);
    return;
  } catch (error) {
    if (errnoOf(error) !== "EXDEV") throw error;
  }
  const part = `${to}.pipd-part`;
  rmSync(part, { force: true });
  const stats = lstatSync(from);
  if (stats.isSymbolicLink()) {
    symlinkSync(readlinkSync(from), part);
  } else {
    copyFileSync(from, part, constants.COPYFILE_FICLONE);
    keepOwner(part, stats);
    chmodSync(part, stats.mode & 0o7777);
    utimesSync(part, stats.atimeMs / 1000, stats.mtimeMs / 1000);
  }
  renameSync(part, to);
  try {
    rmSync(from);
  } catch (error) {
    rmSync(to, { force: true });
    throw error;
  }
}

function keepOwner(path: string, { uid, gid }: Stats): void {
  try {
    lchownSync(path, uid, gid);
  } catch {
    // Only root may give files away, and only root has others' files to move.
  }
}

/**
 * Puts back what was there before a transaction, from any point where it was stopped; may itself be stopped and repeated. What has been done is
 * told from the disk:
 * - Something in the trash was moved away, so what stands at its old place is the transaction's: it goes, and the old comes back.
 * - Something not in the trash is at its old place still, or again: it stays.
 * - A file or folder that the journal announces, and that nothing stood in for before, is the transaction's. A folder goes with everything in
 *   it: it did not exist before, and what Python wrote there since (`__pycache__`) has no source any more.
 *
 * @param foreign paths that turned out to be made by somebody else in the meantime
 */
export function rollBack(
  folder: string,
  journal: Journal,
  expansions: readonly Expansion[],
  foreign: ReadonlySet<string> = new Set(),
): void {
  const moved = new Set(journal.moves);
  for (const path of [...journal.createdFiles, ...journal.createdFolders]) {
    if (!moved.has(path) && !foreign.has(path)) takeAway(folder, path);
  }
  const expanded = new Map(expansions.map((expansion) => [expansion.index, expansion]));
  for (const [index, path] of journal.moves.entries()) {
    const expansion = expanded.get(index);
    if (expansion !== undefined) {
      restoreExpanded(folder, path, expansion);
    } else if (isThere(trashPath(folder, index))) {
      takeAway(folder, path);
      moveFile(trashPath(folder, index), path);
    }
  }
}

/** Removes what stands at a path; a folder goes to the transaction's own, since deleting thousands of files would block this thread. */
function takeAway(folder: string, path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) {
    try {
      renameSync(path, `${folder}/away-${randomBytes(6).toString("hex")}`);
      return;
    } catch (error) {
      if (errnoOf(error) !== "EXDEV") throw error;
    }
  }
  rmSync(path, { recursive: true, force: true });
}

/** New files come into a folder only after all its old ones have gone, so that one old file in its place means there are no new ones. */
function restoreExpanded(folder: string, path: string, { index, folders, files }: Expansion): void {
  const trash = trashPath(folder, index);
  const away = files.filter((file) => isThere(`${trash}/${file}`));
  if (away.length === files.length) takeAway(folder, path);
  for (const [each, mode] of folders) {
    if (isThere(each)) continue;
    mkdirSync(each);
    chmodSync(each, mode);
  }
  for (const file of away) moveFile(`${trash}/${file}`, `${path}/${file}`);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** What a folder holds, for moving it file by file. */
export function expandFolder(index: number, path: string, reader: FolderReader): Expansion {
  const folders: [string, number][] = [];
  const files: string[] = [];
  const visit = (folder: string): void => {
    folders.push([folder, statSync(folder).mode & 0o7777]);
    for (const [name, kind] of reader.list(folder) ?? []) {
      const child = `${folder}/${name}`;
      if (kind === "folder") visit(child);
      else files.push(child.slice(path.length + 1));
    }
  };
  visit(path);
  return { index, folders, files };
}

/** Moves the files of an expansion to the trash, then its folders, the deepest first. */
export function moveExpanded(folder: string, path: string, { index, folders, files }: Expansion): void {
  const trash = trashPath(folder, index);
  for (const [each] of folders) mkdirSync(trash + each.slice(path.length), { recursive: true });
  for (const file of files) moveFile(`${path}/${file}`, `${trash}/${file}`);
  for (const [each] of folders.toReversed()) rmdirSync(each);
}
