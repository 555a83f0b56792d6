/** `entry_points.txt`, in the dialect `importlib.metadata` reads, and the rules pip 26.3 has for scripts made from it. */
import { InvalidText } from "./invalid-text.ts";
import { pythonRepr, splitLines } from "./python-lines.ts";
import { stripPythonSpace } from "./python-text.ts";

export interface EntryPoint {
  readonly group: string;
  readonly name: string;
  /** As written: "package.module:function [extra]". */
  readonly value: string;
  /** "" when the value does not have the form of an entry point. */
  readonly module: string;
  /** Dotted attributes after the colon, "" when there are none. */
  readonly attrs: string;
  readonly extras: readonly string[];
}

export interface EntryPoints {
  /** `console_scripts`, by name: of several with one name the last is kept, at the place of the first. */
  readonly console: readonly EntryPoint[];
  /** `gui_scripts`, likewise. */
  readonly gui: readonly EntryPoint[];
  /** Every group in file order, with everything in it. */
  readonly groups: ReadonlyMap<string, readonly EntryPoint[]>;
}

/** What a launcher calls: `from <module> import <importName>`, then `<attrs>()`. */
export interface Script {
  /** File name, or a path inside the scripts folder. */
  readonly name: string;
  readonly module: string;
  readonly importName: string;
  readonly attrs: string;
}

const VALUE = /^([\p{L}\p{N}_.]+)\s*(?::\s*([\p{L}\p{N}_.]+)\s*)?(?:(\[.*\])\s*)?$/u;

/** Parses an `entry_points.txt`. Throws {@link InvalidText} of kind "entry-points" for a line that is no `name = value`. */
export function parseEntryPoints(text: string): EntryPoints {
  const groups = new Map<string, EntryPoint[]>();
  let group: string | undefined;
  for (const raw of splitLines(text)) {
    const line = stripPythonSpace(raw);
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    if (line.startsWith("[") && line.endsWith("]")) {
      group = line.replace(/^[[\]]+|[[\]]+$/g, "");
    } else if (group !== undefined) {
      const entries = groups.get(group) ?? [];
      entries.push(parseLine(group, line, text));
      groups.set(group, entries);
    }
  }
  return {
    console: lastOfEachName(groups.get("console_scripts")),
    gui: lastOfEachName(groups.get("gui_scripts")),
    groups,
  };
}

/**
 * The script an entry point asks for in a scripts folder (absolute POSIX path), undefined when its text names nothing that can be called
 * (such lines are passed over). Throws {@link InvalidText} of kind "entry-point" with pip's words for a value without a callable, and for a name
 * that leads out of the folder.
 */
export function scriptOf(entryPoint: EntryPoint, scriptsFolder: string): Script | undefined {
  const specification = `${entryPoint.name} = ${entryPoint.value}`;
  const found = searchExport(specification);
  if (found === undefined) {
    if (/[[\]]/.test(specification)) {
      throw new InvalidText("entry-point", specification, `Invalid specification '${specification}'`);
    }
    return undefined;
  }
  const colons = found.callable.split(":").length - 1;
  if (colons > 1 || (!found.hasFlags && /[[\]]/.test(specification))) {
    throw new InvalidText("entry-point", specification, `Invalid specification '${specification}'`);
  }
  const [module = "", attrs] = found.callable.split(":");
  if (attrs === undefined) {
    const shown = `<ExportEntry ${found.name} = ${module}:None []>`;
    throw new InvalidText(
      "entry-point",
      specification,
      `Invalid script entry point: ${shown} - A callable suffix is required. See https://packaging.python.org/specifications/entry-points/#use-for-scripts for more information.`,
    );
  }
  const folder = normalizePath(scriptsFolder);
  const target = found.name.startsWith("/") ? normalizePath(found.name) : normalizePath(`${folder}/${found.name}`);
  if (target === folder || !target.startsWith(folder === "/" ? "/" : `${folder}/`) || found.name.includes("\0")) {
    throw new InvalidText(
      "entry-point",
      specification,
      `Invalid script entry point name ${pythonRepr(found.name)}: the script would be installed outside the scripts directory (${scriptsFolder}).`,
    );
  }
  return { name: found.name, module, importName: attrs.split(".")[0] ?? attrs, attrs };
}

function parseLine(group: string, line: string, text: string): EntryPoint {
  const equals = line.indexOf("=");
  if (equals < 0) {
    throw new InvalidText("entry-points", text, `Invalid entry point in [${group}]: ${pythonRepr(line)}`);
  }
  const value = stripPythonSpace(line.slice(equals + 1));
  const match = VALUE.exec(value);
  return {
    group,
    name: stripPythonSpace(line.slice(0, equals)),
    value,
    module: match?.[1] ?? "",
    attrs: match?.[2] ?? "",
    extras: match?.[3]?.match(/[\p{L}\p{N}_]+/gu) ?? [],
  };
}

function lastOfEachName(entries: readonly EntryPoint[] | undefined): EntryPoint[] {
  return [...new Map((entries ?? []).map((entry) => [entry.name, entry])).values()];
}

interface Export {
  readonly name: string;
  readonly callable: string;
  readonly hasFlags: boolean;
}

const WORD = "[\\p{L}\\p{N}_]+";
const AFTER_EQUALS = new RegExp(
  `\\s*(${WORD}(?:[:.]${WORD})*)\\s*(\\[\\s*[\\p{L}\\p{N}_-]+(?:=${WORD})?(?:,\\s*${WORD}(?:=${WORD})?)*\\s*\\])?`,
  "uy",
);
const NAME_RUN = /\S*/y;
const SPACES_AND_EQUALS = /\s*=/y;

/**
 * The leftmost "name = callable [flags]" in a specification, as distlib's pattern finds it: `([^\[]\S*)\s*=\s*(\w+)([:\.]\w+)*...`.
 * Only the first character that is no bracket, or the first or last character of a run of white space, can begin the leftmost match.
 */
function searchExport(specification: string): Export | undefined {
  const lead = specification.length - specification.replace(/^\[+/, "").length;
  const starts = [lead];
  for (const space of specification.matchAll(/\s+/g)) {
    starts.push(...new Set([space.index, space.index + space[0].length - 1]));
  }
  for (const start of starts) {
    const found = start >= lead && start < specification.length ? exportAt(specification, start) : undefined;
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** The name is greedy and may itself hold equals signs: the last one after which a callable stands separates. */
function exportAt(specification: string, start: number): Export | undefined {
  NAME_RUN.lastIndex = start + 1;
  NAME_RUN.test(specification);
  const runEnd = NAME_RUN.lastIndex;
  for (let end = runEnd; end > start; end = specification.lastIndexOf("=", end - 1)) {
    SPACES_AND_EQUALS.lastIndex = end;
    if (SPACES_AND_EQUALS.test(specification)) {
      AFTER_EQUALS.lastIndex = SPACES_AND_EQUALS.lastIndex;
      const rest = AFTER_EQUALS.exec(specification);
      if (rest !== null) {
        return { name: specification.slice(start, end), callable: rest[1] ?? "", hasFlags: rest[2] !== undefined };
      }
    }
  }
  return undefined;
}

/** An absolute POSIX path without empty, "." and ".." parts. */
function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      parts.pop();
    } else if (part !== "" && part !== ".") {
      parts.push(part);
    }
  }
  return `/${parts.join("/")}`;
}
