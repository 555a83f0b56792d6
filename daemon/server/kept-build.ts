import { copyFileSync, linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../std/errors.ts";
import { makePrivateFolder } from "../std/make-folder.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";

/** A build that nobody has kept anew for this long is not in use any more. */
const FORGOTTEN_MS = 30 * 24 * 3600 * 1000;
/** In the name of a folder that is being filled, before the mark of its process. */
const STAGE = ".stage-";

/**
 * Keeps the files that a daemon reads while it works (worker threads, what Python and shells run) where no upgrade takes them away: what runs when another
 * build is put in place still finishes with its own (R34). Hard links where that is possible, copies elsewhere; made once for each build.
 * @param keptFolder the folder of all kept builds.
 * @param id the build's.
 * @returns the folder to read from; `buildFolder` itself where nothing can be written.
 */
export function keepBuild(buildFolder: string, keptFolder: string, id: string, now: number): string {
  const kept = join(keptFolder, id.replaceAll(/[^\w.+-]/g, "_"));
  try {
    makePrivateFolder(keptFolder);
    forgetOthers(keptFolder, kept, now);
    if (statSync(kept, { throwIfNoEntry: false }) !== undefined) return kept;
    const stage = `${kept}${STAGE}${processMark()}`;
    rmSync(stage, { recursive: true, force: true });
    for (const name of filesToKeep(buildFolder)) {
      mkdirSync(dirname(join(stage, name)), { recursive: true, mode: 0o700 });
      linkOrCopy(join(buildFolder, name), join(stage, name));
    }
    publish(stage, kept);
    return kept;
  } catch {
    return buildFolder;
  }
}

/** `worker.js`, the chunks that it shares with others, and `assets/`. What only the daemon loads, it has loaded or loads at once. */
function filesToKeep(buildFolder: string): readonly string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(buildFolder, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(buildFolder.length + 1));
  return ["worker.js", ...below("assets"), ...below("chunks").filter((name) => name.startsWith("chunks/chunk-"))];
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") throw error;
    copyFileSync(from, to);
  }
}

/** Another daemon of the same build may have been faster. */
function publish(stage: string, kept: string): void {
  try {
    renameSync(stage, kept);
  } catch (error) {
    rmSync(stage, { recursive: true, force: true });
    if (statSync(kept, { throwIfNoEntry: false }) === undefined) throw error;
  }
}

function forgetOthers(keptFolder: string, kept: string, now: number): void {
  for (const name of readdirSync(keptFolder)) {
    const path = join(keptFolder, name);
    const mark = name.split(STAGE)[1];
    if (mark !== undefined && stateOfProcess(mark) === "gone") rmSync(path, { recursive: true, force: true });
    else if (path !== kept && now - statSync(path).ctimeMs > FORGOTTEN_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
