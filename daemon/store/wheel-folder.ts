import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, type Stats, statSync, utimesSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { ensurePrivateFolder } from "../std/files.ts";
import { processMark } from "../std/process-mark.ts";
import { namesIn } from "../std/read-file.ts";
import { parseManifest, renderManifest, type WheelManifest } from "./wheel-manifest.ts";

/** A wheel in the store: verified, unpacked, read-only. */
export interface StoredWheel {
  /** Of the archive, 64 lower-case hex digits. */
  readonly sha256: string;
  /** The wheel's own folder: `files/`, `manifest.json` and byte code (see `bytecodeFolder`). */
  readonly folder: string;
  /** The unpacked tree, `<folder>/files`. */
  readonly tree: string;
  readonly manifest: WheelManifest;
}

/** A stored wheel as `cache list` and the size limit see it. */
export interface StoredWheelSummary {
  readonly sha256: string;
  readonly folder: string;
  readonly filename: string;
  readonly name: string;
  readonly version: string;
  /** Unpacked files and byte code. */
  readonly bytes: number;
  /** Milliseconds since the epoch, exact to about ten minutes. */
  readonly lastUsed: number;
}

/** Written last; a folder without it is no wheel. */
const MANIFEST_NAME = "manifest.json";

/** In a store: folders that are being filled, each named by the mark of its process. */
export const STAGES = ".stage";

/** A new path on the file system of a stored wheel for what is to be renamed into its folder. What is left there by a killed process goes with the stages. */
export function stageBeside({ folder }: StoredWheel): string {
  return join(dirname(dirname(folder)), STAGES, `${processMark()}-${randomBytes(8).toString("hex")}`);
}

/** Where byte code of a stored wheel for one Python lies, e.g. for `cpython-311`; `.pyc` files in the layout of the tree. */
export const bytecodeFolder = (wheel: StoredWheel, cacheTag: string): string => join(wheel.folder, `pyc-${cacheTag}`);

/** Completes a stage that has the files of a wheel. To be called in a worker. @throws the system's error, as for a stage that has a manifest */
export function writeManifest(stage: string, manifest: WheelManifest): void {
  writeFileSync(join(stage, MANIFEST_NAME), renderManifest(manifest), { flag: "wx", mode: 0o600 });
}

/** The wheel of a folder, or undefined when there is none, or a damaged one. */
export function loadWheel(folder: string, sha256: string): StoredWheel | undefined {
  const text = readTextIfThere(join(folder, MANIFEST_NAME));
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (manifest?.sha256 !== sha256) return undefined;
  return { sha256, folder, tree: join(folder, "files"), manifest };
}

/** What changes when a folder's wheel is replaced; undefined when there is none. One stat. */
export function stampOfWheel(folder: string): string | undefined {
  const stats = statIfThere(join(folder, MANIFEST_NAME));
  return stats === undefined ? undefined : `${stats.ino}:${stats.mtimeMs}:${stats.size}`;
}

export function summarizeWheel(folder: string, sha256: string): StoredWheelSummary | undefined {
  const manifest = loadWheel(folder, sha256)?.manifest;
  if (manifest === undefined) return undefined;
  const { filename, name, version, totalSize } = manifest;
  const bytecode = namesIn(folder).filter((entry) => entry.startsWith("pyc-"));
  const bytes = bytecode.reduce((sum, entry) => sum + treeSize(join(folder, entry)), totalSize);
  return { sha256, folder, filename, name, version, bytes, lastUsed: modifiedAt(folder) };
}

function treeSize(folder: string): number {
  const entries = namesIn(folder, true).map((entry) => statIfThere(join(folder, entry)));
  return entries.reduce((sum, entry) => sum + (entry?.isFile() === true ? entry.size : 0), 0);
}

/** Takes a file or folder out of sight at once by renaming it into `trash`, then deletes it. False when it was not there. */
export async function throwAway(path: string, trash: string): Promise<boolean> {
  if (statIfThere(path) === undefined) return false;
  const target = join(trash, randomBytes(8).toString("hex"));
  try {
    ensurePrivateFolder(trash);
    renameSync(path, target);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw storeUnwritable(dirname(trash), error);
  }
  await rm(target, { recursive: true, force: true });
  return true;
}

export function readTextIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Milliseconds since the epoch; 0 when it is not there. */
export const modifiedAt = (path: string): number => statIfThere(path)?.mtimeMs ?? 0;

/** Sets the time of last use. A read-only store still serves; its wheels only look less used than they are. */
export function touch(path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000);
  } catch {
    // See above.
  }
}

/** The error of everything that wanted to write in the store and could not. */
export function storeUnwritable(root: string, cause: unknown): PipdError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PipdError("store-unwritable", `pipd's wheel store ${root} cannot be written: ${reason}.`, {
    hint: "Free some space or mend the folder's permissions, or use --no-cache-dir.",
    cause,
  });
}
