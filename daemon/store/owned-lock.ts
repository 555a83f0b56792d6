import { closeSync, lstatSync, openSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";
import { type ExclusiveLock, openExclusiveLock } from "./exclusive-lock.ts";

/** What is noted beside a lock for those who wait. */
export interface LockNote {
  /** The process a person sees; 0 when nobody knows. */
  readonly pid: number;
  /** Without credentials. */
  readonly command: string;
  /** Since when, in ms since 1970. */
  readonly since: number;
  /** The mark of the process that has the lock: the daemon for its client's command. */
  readonly process: string;
  /** Folders that were made for the lock to lie in, the deepest first. */
  readonly made: readonly string[];
}

/** A lock that is there only while somebody holds it: `<path>`, and `<path>-owner` with the holder. */
export interface OwnedLock {
  release(): void;
}

const ownerPath = (path: string): string => `${path}-owner`;

/**
 * Takes the lock at `path`; "busy" when another process has it; "unusable" where no file can be made or locked there (read-only, full, no such
 * folder, a file system without locks). Blocks for no time worth mentioning.
 */
export function takeOwnedLock(path: string, holder: Omit<LockNote, "process">): OwnedLock | "busy" | "unusable" {
  // SQLite takes UTF-8 alone.
  if (!path.isWellFormed()) return "unusable";
  let forbidden = 0;
  for (let attempt = 0; attempt < 20; attempt++) {
    const before = makeLockFile(path);
    if (before === undefined) return "unusable";
    const lock = tryLock(path);
    if (lock === "busy") return "busy";
    if (lock === "forbidden") {
      // Left by another user, root for instance: who may delete it may take its place, if its maker has gone. Or there are no locks here at all.
      if (holderOf(path) !== undefined && !isLeftLock(path)) return "busy";
      if (!removed(path) || ++forbidden === 2) return "unusable";
    } else if (before === identityOf(path)) {
      return own(path, lock, holder);
    } else {
      // It was the lock of the one before us, who has just deleted it.
      lock.release();
    }
  }
  return "busy";
}

function own(path: string, lock: ExclusiveLock, holder: Omit<LockNote, "process">): OwnedLock {
  const made = [...holder.made, ...(holderOf(path)?.made ?? [])];
  try {
    const text = JSON.stringify({ ...holder, made, process: processMark() } satisfies LockNote);
    writeFileSync(ownerPath(path), text, { mode: 0o644 });
  } catch {
    // The disk is full: those who wait do not learn for whom.
  }
  return {
    release() {
      removed(ownerPath(path));
      removed(path);
      lock.release();
      for (const folder of made) if (!removedFolder(folder)) break;
    },
  };
}

/** Who has the lock at `path`, as far as is known; undefined also for a moment after it was taken. */
export function holderOf(path: string): LockNote | undefined {
  try {
    const holder = JSON.parse(readFileSync(ownerPath(path), "utf8")) as Partial<LockNote>;
    const { pid, command, since, process, made } = holder;
    const isWhole = typeof pid === "number" && typeof command === "string" && typeof since === "number";
    if (!isWhole || typeof process !== "string" || !Array.isArray(made)) return undefined;
    return { pid, command, since, process, made };
  } catch {
    return undefined;
  }
}

/** Whether there is a lock at `path` whose holder was killed. */
export function isLeftLock(path: string): boolean {
  const holder = holderOf(path);
  if (holder !== undefined) return stateOfProcess(holder.process) === "gone";
  return identityOf(path) !== undefined;
}

/**
 * Sees that there is a file, and gives its identity: what is locked then must still be this one, since who releases a lock deletes it. Undefined
 * where there can be none. The file is made apart from SQLite and closed before anybody can have locked it.
 */
function makeLockFile(path: string): string | undefined {
  for (let attempt = 0; attempt < 20; attempt++) {
    const identity = identityOf(path);
    if (identity !== undefined) return identity;
    try {
      closeSync(openSync(path, "wx", 0o600));
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") return undefined;
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) return undefined;
    }
  }
  return undefined;
}

/** Device, inode and birth: an inode's number is given again to the next file. */
function identityOf(path: string): string | undefined {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats?.isFile() === true ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : undefined;
  } catch {
    return undefined;
  }
}

function tryLock(path: string): ExclusiveLock | "busy" | "forbidden" {
  try {
    return openExclusiveLock(path, 0);
  } catch {
    return "forbidden";
  }
}

function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}

function removedFolder(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
