import { closeSync, constants, fchmodSync, fstatSync, lstatSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { folderFault, longestSocketName, type RuntimeCandidate, socketPathLimit } from "../../protocol/session.ts";
import { errnoOf, PipdError } from "../std/errors.ts";

/**
 * Makes `path` (and its missing parents) as private folders and checks what is there (R2, R3): a real folder, owned by `uid`, closed to everyone else.
 * One that its owner left open is tightened. Throws PipdError `unsafe-folder`, or the error of the system.
 */
export function ensurePrivateFolder(path: string, uid: number): void {
  makeFolder(path);
  const descriptor = openFolder(path, uid);
  try {
    const stat = fstatSync(descriptor);
    const facts = { isDirectory: stat.isDirectory(), isSymbolicLink: false, uid: stat.uid, mode: stat.mode };
    const fault = folderFault(path, facts, uid);
    if (fault === undefined) return;
    if (!fault.tooOpen) throw new PipdError("unsafe-folder", fault.reason);
    fchmodSync(descriptor, 0o700);
  } finally {
    closeSync(descriptor);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return;
    if (errnoOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    makeFolder(dirname(path));
    makeFolder(path);
  }
}

/** A descriptor of the folder itself, never of what a link points to. */
function openFolder(path: string, uid: number): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const stat = lstatSync(path);
    const fault = folderFault(
      path,
      { isDirectory: stat.isDirectory(), isSymbolicLink: stat.isSymbolicLink(), uid: stat.uid, mode: stat.mode },
      uid,
    );
    throw fault === undefined ? error : new PipdError("unsafe-folder", fault.reason, { cause: error });
  }
}

/** Throws `unsafe-folder` when a socket in `folder` would have a longer path than the system takes (R6). */
export function checkSocketLength(folder: string, platform: string): void {
  const name = longestSocketName(folder);
  const limit = socketPathLimit(platform);
  if (Buffer.byteLength(name) > limit)
    throw new PipdError(
      "unsafe-folder",
      `${folder} is too long for a socket (${Buffer.byteLength(name)} bytes, at most ${limit})`,
    );
}

/** The first candidate that is or can be made private and is short enough. Throws `unsafe-folder` with every candidate's reason. */
export function chooseRuntimeFolder(candidates: readonly RuntimeCandidate[], uid: number, platform: string): string {
  const reasons: string[] = [];
  for (const { path, ownParent } of candidates) {
    try {
      if (ownParent && lstatSync(dirname(path)).uid !== uid)
        throw new PipdError("unsafe-folder", `${dirname(path)} belongs to another user`);
      checkSocketLength(`${path}/00000000000000`, platform);
      ensurePrivateFolder(path, uid);
      return path;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new PipdError("unsafe-folder", `no folder for the daemon's socket: ${reasons.join("; ")}`, {
    hint: "Set PIPD_RUNTIME_DIR to a folder of your own with mode 0700.",
  });
}
