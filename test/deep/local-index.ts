/** The indexes on this machine's disk that its pip is configured to use, for tests with real wheels. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseWheelFilename } from "../../daemon/standards/filename.ts";
import type { NormalizedName } from "../../daemon/standards/name.ts";
import { compareVersions, type Version } from "../../daemon/standards/version.ts";
import { INTERPRETERS, type TestInterpreter } from "../harness/interpreters.ts";

export interface LocalIndex {
  /** pip's words for these indexes and no other: `-i <url> --extra-index-url <url> ... --find-links <folder>`. */
  readonly options: readonly string[];
  /** Paths of all wheels, each file name once, in the order of names. */
  readonly wheels: readonly string[];
  /** Projects with their versions, oldest first. */
  readonly projects: ReadonlyMap<NormalizedName, readonly Version[]>;
}

/** Reads the configuration of `python3 -m pip` and the pages and folders that it names. @throws Error when no local index is configured. */
export function findLocalIndex(): LocalIndex {
  const config = execFileSync("python3", ["-m", "pip", "config", "list"], { encoding: "utf8" });
  const places = (key: string): string[] =>
    [...config.matchAll(new RegExp(`[.](?:${key})='([^']*)'`, "g"))].flatMap(([, value = ""]) => value.split(/\s+/));
  const indexes = [...new Set(places("index-url|extra-index-url"))].filter((place) => place.startsWith("file:"));
  const folders = [...new Set(places("find-links"))].filter((place) => /^file:|^\//.test(place));
  const paths = [...indexes, ...folders].map((place) => (place.startsWith("/") ? place : fileURLToPath(place)));
  const wheels = new Map(paths.flatMap(wheelsAt).map((path) => [basename(path), path]));
  const [first, ...others] = indexes;
  if (first === undefined || wheels.size === 0)
    throw new Error("This test needs an index of wheels at a file:// URL in the configuration of this machine's pip.");
  return {
    options: [
      "-i",
      first,
      ...others.flatMap((url) => ["--extra-index-url", url]),
      ...folders.flatMap((folder) => ["--find-links", folder]),
    ],
    wheels: [...wheels].toSorted(([a], [b]) => a.localeCompare(b)).map(([, path]) => path),
    projects: projectsOf([...wheels.keys()]),
  };
}

/** The interpreter most of the wheels are for. @throws Error when this machine has none. */
export function findPython311(): TestInterpreter {
  const found = INTERPRETERS.find(({ minor }) => minor === 11);
  if (found === undefined) throw new Error("This test needs a CPython 3.11 on PATH or among pyenv's versions.");
  return found;
}

/** Wheels that lie in a folder, or that the pages of a simple index in it link to. */
function wheelsAt(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name.endsWith(".whl")) return [path];
    const page = join(path, "index.html");
    if (!existsSync(page)) return [];
    const links = [...readFileSync(page, "utf8").matchAll(/href="([^"#]+\.whl)/g)];
    return links.map(([, link = ""]) => fileURLToPath(new URL(link, pathToFileURL(page)))).filter(existsSync);
  });
}

function projectsOf(filenames: readonly string[]): ReadonlyMap<NormalizedName, readonly Version[]> {
  const projects = new Map<NormalizedName, Map<string, Version>>();
  for (const { key, version } of filenames.map(parseWheelFilename)) {
    const versions = projects.get(key) ?? new Map<string, Version>();
    projects.set(key, versions.set(version.text, version));
  }
  const sorted = [...projects].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return new Map(sorted.map(([key, versions]) => [key, [...versions.values()].toSorted(compareVersions)]));
}
