import { chmodSync, constants, copyFileSync, linkSync, mkdirSync, statSync, utimesSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";
import { writeNewFile } from "../std/files.ts";
import { executableMode, folderMode, plainMode } from "./modes.ts";

/** Files of one folder that are to appear in another one under the same names. Both folders absolute. */
export interface LinkGroup {
  readonly from: string;
  readonly to: string;
  readonly names: readonly string[];
}

/** A file that is written rather than linked. */
export interface FileWrite {
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

export type LinkMethod = "reflink" | "hardlink" | "copy";

/** A part of a transaction's work that one thread does on its own. Plain values only, so that it can be posted to a worker. */
export interface LinkShard {
  /** The task's kind for the worker pool. */
  readonly kind: "link";
  readonly method: LinkMethod;
  readonly umask: number;
  /** Folders to make, parents first. One that is there already is left as it is. */
  readonly folders: readonly string[];
  readonly groups: readonly LinkGroup[];
  readonly writes: readonly FileWrite[];
  /** One Int32 of shared memory; the shard stops before the next file once it is not 0. */
  readonly stop: SharedArrayBuffer;
}

/** Why a shard stopped early. `errno` is Node's name (`EEXIST`, `ENOSPC`, ...), or `ABORTED` for `stop`. */
export interface ShardFailure {
  readonly errno: string;
  readonly path: string;
  /** The worker ended without a result. Never part of a result. */
  readonly cause?: unknown;
}

/** Errors come back as a value: their properties do not survive the way out of a worker. */
export interface ShardResult {
  /** Linked, copied and written. */
  readonly files: number;
  readonly failure: ShardFailure | undefined;
}

/** The method does not work between these two folders; the next one is tried for this file and all others. */
const METHOD_UNUSABLE = new Set(["EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "ENOTTY", "EACCES"]);

/**
 * Makes the folders and places the files of one shard, without waiting for anything. Runs in a worker or on the main thread.
 *
 * No file is ever overwritten: the transaction has moved what was there away, so EEXIST is a failure. Copies (and reflinks) keep the source's
 * modification time, which byte code of the store depends on; copies get the mode that `umask` asks for. A source that has used up its
 * links (EMLINK) is copied.
 */
export function linkShard(shard: LinkShard): ShardResult {
  const stop = new Int32Array(shard.stop);
  let files = 0;
  let path = "";
  try {
    for (path of shard.folders) makeFolder(path, folderMode(shard.umask));
    let method = shard.method;
    for (const { from, to, names } of shard.groups) {
      for (const name of names) {
        path = `${to}/${name}`;
        if (Atomics.load(stop, 0) !== 0) return { files, failure: { errno: "ABORTED", path } };
        method = placeFile(`${from}/${name}`, path, method, shard.umask);
        files += 1;
      }
    }
    for (const write of shard.writes) {
      path = write.path;
      writeNewFile(path, write.content, write.mode);
      files += 1;
    }
    return { files, failure: undefined };
  } catch (error) {
    return { files, failure: { errno: errnoOf(error) ?? String(error), path } };
  }
}

/** Makes one folder with exactly this mode (the process has its own umask); the parent's setgid bit stays inherited. */
export function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && statSync(path).isDirectory()) return;
    throw error;
  }
  const made = statSync(path).mode & 0o7777;
  const wanted = (made & 0o7000) | mode;
  if (made !== wanted) chmodSync(path, wanted);
}

/** Places one file under a name that must be free; returns the method to use for the next one. @throws the system's error. */
export function placeFile(from: string, to: string, method: LinkMethod, umask: number): LinkMethod {
  try {
    if (method === "hardlink") linkSync(from, to);
    else if (method === "reflink") cloneFile(from, to);
    else copyWithMode(from, to, umask);
    return method;
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (method === "copy" || !(errno === "EMLINK" || METHOD_UNUSABLE.has(errno))) throw error;
    const used = placeFile(from, to, method === "reflink" ? "hardlink" : "copy", umask);
    return errno === "EMLINK" ? method : used;
  }
}

function cloneFile(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
  const seconds = Math.floor(statSync(from).mtimeMs / 1000);
  utimesSync(to, seconds, seconds);
}

function copyWithMode(from: string, to: string, umask: number): void {
  const source = statSync(from);
  copyFileSync(from, to, constants.COPYFILE_EXCL);
  chmodSync(to, (source.mode & 0o111) !== 0 ? executableMode(umask) : plainMode(umask));
  const seconds = Math.floor(source.mtimeMs / 1000);
  utimesSync(to, seconds, seconds);
}
