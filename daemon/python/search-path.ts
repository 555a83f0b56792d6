/** `sys.path` without running Python: the site folders of an interpreter and what their `.pth` files add. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { InterpreterFacts } from "./interpreter-facts.ts";

/** The parts of the facts that make the search path. */
export type SearchPathFacts = Pick<InterpreterFacts, "pathBeforeSite" | "siteFolders" | "extraPath">;

/**
 * The folders importlib looks through, in order, existing or not. `added(folder)` gives what the `.pth` files of a site folder add,
 * in their order (see {@link pathsOfPthFile}).
 */
export function searchPathCandidates(
  facts: SearchPathFacts,
  added: (folder: string) => readonly string[],
): readonly string[] {
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

/** `sys.path` of the interpreter as the disk is now: entries of `site` only where they exist. */
export function searchPath(facts: SearchPathFacts): readonly string[] {
  const before = new Set(facts.pathBeforeSite);
  const addedByFolder = (folder: string): readonly string[] =>
    namesOfPthFiles(listFolder(folder)).flatMap((name) => pathsOfPthFile(folder, name));
  return searchPathCandidates(facts, addedByFolder).filter((path) => before.has(path) || existsSync(path));
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The `.pth` files among these names, in the order `site` reads them. */
export function namesOfPthFiles(names: readonly string[]): readonly string[] {
  return names.filter((name) => name.endsWith(".pth") && !name.startsWith(".")).sort();
}

/** The absolute paths a `.pth` file names. Lines of code are not run; an unreadable file adds nothing. */
export function pathsOfPthFile(folder: string, name: string): readonly string[] {
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
