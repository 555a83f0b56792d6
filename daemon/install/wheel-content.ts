import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { bytecodeFolder, type StoredWheel } from "../store/wheel-store.ts";
import type { WheelContent } from "./plan.ts";

/** The list of the sources that have byte code, in the store's byte code folder; written before the folder gets its name. */
export const COMPILED_SOURCES = "sources";

/**
 * Reads what of a stored wheel the plan depends on.
 * @throws PipdError `store-damaged` when a file that the manifest names is not there.
 */
export function loadWheelContent(wheel: StoredWheel, cacheTag: string | undefined): WheelContent {
  const scripts = new Map<string, Uint8Array>();
  for (const { path, pythonScript } of wheel.manifest.files)
    if (pythonScript) scripts.set(path, readStored(wheel, path));
  return { scripts, byteCode: cacheTag === undefined ? undefined : compiledSources(wheel, cacheTag) };
}

/** Archive paths of the sources of a wheel that have byte code in the store; undefined when it has not been compiled for this Python. */
export function compiledSources(wheel: StoredWheel, cacheTag: string): ReadonlySet<string> | undefined {
  try {
    const text = readFileSync(join(bytecodeFolder(wheel, cacheTag), COMPILED_SOURCES), "utf8");
    return new Set(text.split("\n").filter((line) => line !== ""));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function readStored(wheel: StoredWheel, path: string): Uint8Array {
  try {
    return readFileSync(join(wheel.tree, path));
  } catch (error) {
    throw new PipdError(
      "store-damaged",
      `${wheel.manifest.filename} is damaged in pipd's store: ${path} cannot be read.`,
      {
        hint: `Remove it with "pipd cache remove ${wheel.manifest.name}" and install again.`,
        cause: error,
      },
    );
  }
}
