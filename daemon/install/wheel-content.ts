import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { bytecodeFolder, type StoredWheel } from "../store/wheel-store.ts";
import type { WheelContent } from "./file-map.ts";

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

interface CompiledSources {
  readonly stamp: string;
  readonly sources: ReadonlySet<string>;
}

/** By cache tag. */
const known = new WeakMap<StoredWheel, Map<string, CompiledSources>>();

/**
 * Archive paths of the sources of a wheel that have byte code in the store; undefined when it has not been compiled for this Python. The same set
 * as long as the wheel is in memory and the list on the disk is the one it was read from.
 */
export function compiledSources(wheel: StoredWheel, cacheTag: string): ReadonlySet<string> | undefined {
  const file = join(bytecodeFolder(wheel, cacheTag), COMPILED_SOURCES);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const stamp = `${stats.ino}:${stats.ctimeMs}:${stats.size}`;
  const kept = known.get(wheel) ?? new Map<string, CompiledSources>();
  known.set(wheel, kept);
  const seen = kept.get(cacheTag);
  if (seen?.stamp === stamp) return seen.sources;
  const sources = readSources(file);
  if (sources !== undefined) kept.set(cacheTag, { stamp, sources });
  return sources;
}

function readSources(file: string): ReadonlySet<string> | undefined {
  try {
    return new Set(
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
    );
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
