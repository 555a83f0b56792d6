import * as fs from "node:fs";
import { chooseRuntimeFolder, ensurePrivateFolder, UnsafePlace } from "../../protocol/runtime-folder.ts";
import {
  type DaemonPaths,
  daemonPaths,
  type FolderFacts,
  type Namespace,
  type PipdFolders,
  userFolders,
} from "../../protocol/session.ts";
import { PipdError } from "../std/errors.ts";

/** Where a daemon that nobody told it serves: the same place a client with these facts would look for it. Throws PipdError `unsafe-folder`. */
export function chooseFolders(facts: FolderFacts, namespace: Namespace): PipdFolders {
  const user = userFolders(facts);
  return guarded(() => ({
    runtime: chooseRuntimeFolder(fs, facts, (runtime) => daemonPaths({ runtime, ...user }, namespace).folder),
    ...user,
  }));
}

/** Makes the runtime folder and the daemon's own below it, and sees that they are private (R2, R3). Throws PipdError `unsafe-folder`, or the error of the system. */
export function makeRuntimeFolders(folders: PipdFolders, paths: DaemonPaths, { uid, platform }: FolderFacts): void {
  for (const path of [folders.runtime, paths.folder]) {
    if (platform === "win32") fs.mkdirSync(path, { recursive: true });
    else guarded(() => ensurePrivateFolder(fs, path, uid));
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UnsafePlace)) throw error;
    throw new PipdError("unsafe-folder", error.message, {
      hint: "Set PIPD_RUNTIME_DIR to a folder of your own with mode 0700.",
      cause: error,
    });
  }
}

/** Removes what a daemon that was killed while it started has left. To be called by whoever holds the lock. */
export function sweepRuntimeFolder(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (/^(?:\.[sh]\.\d+|http|http-token|\.output-[0-9a-f]+|\.[0-9a-f]+\.tmp|spawning\.\d+)$/.test(name))
      fs.rmSync(`${folder}/${name}`, { force: true });
  }
}
