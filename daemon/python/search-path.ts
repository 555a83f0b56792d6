/** `sys.path` without running Python: the site folders of an interpreter and what their `.pth` files add. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { namesIn } from "../std/read-file.ts";
import { forgetOldest, SETTLING_TIME, stampOf } from "./folder-stamp.ts";
import type { InterpreterFacts } from "./interpreter-facts.ts";

const MAX_FOLDERS = 500;

/** The parts of the facts that make the search path. */
export type SearchPathFacts = Pick<InterpreterFacts, "pathBeforeSite" | "siteFolders" | "extraPath">;

/**
 * The folders importlib looks through, in order, existing or not. `added(folder)` gives what the `.pth` files of a site folder add,
 * in their order.
 */
function searchPathCandidates(facts: SearchPathFacts, added: (folder: string) => readonly string[]): readonly string[] {
  const paths = new Set(facts.pathBeforeSite);
  for (const folder of facts.siteFolders) {
    paths.add(folder);
    for (const path of added(folder)) {
      paths.add(path);
    }
  }
  for (const path of facts.extraPath) {
    paths.add(path);
  }
  return [...paths];
}

/** `sys.path` of interpreters as the disk is now. */
export interface SearchPaths {
  /** Entries that `site` adds are there only where they exist. */
  of(facts: SearchPathFacts): readonly string[];
}

/** What a site folder adds, with the stamps of what was read to know it. */
interface SiteFolder {
  readonly stamp: string;
  readonly settled: boolean;
  readonly files: readonly { readonly path: string; readonly stamp: string }[];
  readonly added: readonly string[];
}

/** Keeps what `.pth` files say and compares with the disk by `stat`. `clock` gives milliseconds since 1970. */
export function createSearchPaths(clock: () => number): SearchPaths {
  const folders = new Map<string, SiteFolder>();
  const added = (folder: string): readonly string[] => {
    const known = folders.get(folder);
    const stat = statSync(folder, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.mtimeMs} ${stat.ino}`;
    if (known?.settled && known.stamp === stamp && known.files.every(({ path, stamp }) => stampOf(path) === stamp)) {
      return known.added;
    }
    const settled = clock() - (stat?.mtimeMs ?? 0) > SETTLING_TIME;
    const read = readSiteFolder(folder, stamp, settled);
    folders.delete(folder);
    folders.set(folder, read);
    forgetOldest(folders, MAX_FOLDERS);
    return read.added;
  };
  return {
    of(facts) {
      const before = new Set(facts.pathBeforeSite);
      return searchPathCandidates(facts, added).filter((path) => before.has(path) || existsSync(path));
    },
  };
}

function readSiteFolder(folder: string, stamp: string, settled: boolean): SiteFolder {
  const names = stamp === "" ? [] : namesOfPthFiles(namesIn(folder));
  return {
    stamp,
    settled,
    files: names.map((name) => ({ path: join(folder, name), stamp: stampOf(join(folder, name)) })),
    added: names.flatMap((name) => pathsOfPthFile(folder, name)),
  };
}

/** The `.pth` files among these names, in the order `site` reads them. */
function namesOfPthFiles(names: readonly string[]): readonly string[] {
  return names.filter((name) => name.endsWith(".pth") && !name.startsWith(".")).sort();
}

/** The absolute paths a `.pth` file names. Lines of code are not run; an unreadable file adds nothing. */
function pathsOfPthFile(folder: string, name: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(join(folder, name), "utf8");
  } catch {
    return [];
  }
  return text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .filter((line) => line.trim() !== "" && !line.startsWith("#") && !/^import[ \t]/.test(line))
    .filter((line) => !line.includes("\0"))
    .map((line) => resolve(folder, line.trimEnd()));
}
