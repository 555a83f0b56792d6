import { dirname, isAbsolute, join } from "node:path";
import type { FormatChoice } from "../standards/format-control.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import {
  decodeRequirementsFile,
  localeEncoding,
  parseRequirementsFile,
  type RequirementsLine,
} from "../standards/requirements-file.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { kindOfPath, readFileIfThere } from "../std/read-file.ts";
import { parseWanted, type Wanted } from "./requirement-source.ts";

/** What the user named: on the command line, in requirements files, in constraints files. */
export interface RequirementInputs {
  readonly args: readonly string[];
  /** Paths as given, or URLs. */
  readonly requirementFiles: readonly string[];
  readonly constraintFiles: readonly string[];
}

/** What requirements files say beside requirements; it counts as if it stood behind the options of the command line. */
export interface FileOptions {
  /** Replaces the index of the command line. */
  readonly indexUrl: string | undefined;
  readonly extraIndexUrls: readonly string[];
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
  readonly pre: boolean;
  readonly preferBinary: boolean;
  readonly formatChoices: readonly FormatChoice[];
  readonly trustedHosts: readonly string[];
  readonly requireHashes: boolean;
  readonly noRequireHashes: boolean;
}

/** What a command without requirements files has. */
export const NO_FILE_OPTIONS: FileOptions = {
  indexUrl: undefined,
  extraIndexUrls: [],
  findLinks: [],
  noIndex: false,
  pre: false,
  preferBinary: false,
  formatChoices: [],
  trustedHosts: [],
  requireHashes: false,
  noRequireHashes: false,
};

export interface Gathered {
  readonly wanted: readonly Wanted[];
  readonly constraints: readonly Wanted[];
  readonly options: FileOptions;
}

/** Fetches a remote requirements file. */
export type FetchFile = (url: string) => Promise<Uint8Array>;

interface Collector {
  readonly call: Call;
  readonly fetch: FetchFile;
  readonly wanted: Wanted[];
  readonly constraints: Wanted[];
  readonly options: { -readonly [key in keyof FileOptions]: FileOptions[key] };
}

/**
 * Reads everything the user asked for, in pip's order: constraints, the command line, requirements files.
 * @throws PipdError `requirements-file` (missing, unreadable, referring to itself), `invalid-requirement`, `not-supported-yet`
 */
export async function gatherRequirements(inputs: RequirementInputs, fetch: FetchFile, call: Call): Promise<Gathered> {
  const collector: Collector = {
    call,
    fetch,
    wanted: [],
    constraints: [],
    options: { ...NO_FILE_OPTIONS },
  };
  for (const file of inputs.constraintFiles) await readRequirements(file, true, [], collector);
  for (const text of inputs.args) collector.wanted.push(parseWanted(text, "", call.cwd));
  for (const file of inputs.requirementFiles) await readRequirements(file, false, [], collector);
  return collector;
}

async function readRequirements(
  file: string,
  isConstraint: boolean,
  including: readonly string[],
  collector: Collector,
): Promise<void> {
  if (including.includes(file))
    throw new PipdError("requirements-file", `${file} recursively references itself in ${including.at(-1) ?? file}`);
  const lines = await readLines(file, collector);
  for (const line of lines) await takeLine(line, file, isConstraint, [...including, file], collector);
}

async function readLines(file: string, { call, fetch }: Collector): Promise<readonly RequirementsLine[]> {
  const bytes = await readBytes(file, call, fetch);
  try {
    return parseRequirementsFile(decodeRequirementsFile(bytes, localeEncoding(call.env)), call.env);
  } catch (error) {
    if (!(error instanceof InvalidText)) throw error;
    throw new PipdError("requirements-file", `${file}: ${error.message}`, { cause: error });
  }
}

async function readBytes(file: string, call: Call, fetch: FetchFile): Promise<Uint8Array> {
  if (/^https?:/i.test(file)) return await fetch(file);
  const path = pathOfFileUrl(file) ?? (isAbsolute(file) ? file : join(call.cwd, file));
  const bytes = readFileIfThere(path);
  if (bytes === undefined) {
    throw new PipdError(
      "requirements-file",
      `Could not open requirements file: [Errno 2] No such file or directory: '${file}'`,
    );
  }
  return bytes;
}

async function takeLine(
  line: RequirementsLine,
  file: string,
  isConstraint: boolean,
  including: readonly string[],
  collector: Collector,
): Promise<void> {
  const origin = `${isConstraint ? "-c" : "-r"} ${file} (line ${line.lineNumber})`;
  if (line.kind === "editable") throw notSupported(`an editable requirement (${line.text})`, origin);
  if (line.kind === "requirement") {
    takeRequirement(line, origin, isConstraint, collector);
  } else if (line.name === "requirement" || line.name === "constraint") {
    await readRequirements(
      relativeTo(file, line.value),
      isConstraint || line.name === "constraint",
      including,
      collector,
    );
  } else if (line.name === "hash") {
    const text = `${file} line ${line.lineNumber} has --hash but no requirement, and will be ignored.`;
    collector.call.reporter.message("warning", text);
  } else if (!isConstraint || line.name !== "pre") {
    takeOption(line.name, line.value, origin, file, collector);
  }
}

function takeRequirement(
  line: RequirementsLine & { readonly kind: "requirement" },
  origin: string,
  isConstraint: boolean,
  collector: Collector,
): void {
  if (Object.keys(line.configSettings).length > 0) throw notSupported(`--config-settings (of ${line.text})`, origin);
  const hashes = line.hashes.map((hash) => hash.toLowerCase());
  const wanted = parseWanted(line.text, origin, collector.call.cwd, hashes);
  if (!isConstraint) collector.wanted.push(wanted);
  else collector.constraints.push(checkedConstraint(wanted, origin));
}

function checkedConstraint(wanted: Wanted, origin: string): Wanted {
  const { wants } = wanted;
  const fault =
    wants.kind === "wheel"
      ? "Unnamed requirements are not allowed as constraints"
      : wants.requirement.extras.length > 0
        ? "Constraints cannot have extras"
        : undefined;
  if (fault !== undefined) throw new PipdError("invalid-requirement", `${fault} (${wanted.text}, from ${origin})`);
  return wanted;
}

function relativeTo(file: string, nested: string): string {
  if (/^(https?|file):/i.test(nested)) return nested;
  if (/^(https?|file):/i.test(file)) return new URL(nested, file).href;
  return isAbsolute(nested) ? nested : join(dirname(file), nested);
}

function takeOption(name: string, value: string, origin: string, file: string, { options, call }: Collector): void {
  if (name === "index-url") {
    options.indexUrl = value;
    options.extraIndexUrls = [];
  } else if (name === "extra-index-url") options.extraIndexUrls = [...options.extraIndexUrls, value];
  else if (name === "no-index") options.noIndex = true;
  else if (name === "find-links") options.findLinks = [...options.findLinks, findLinksOf(value, file, call)];
  else if (name === "pre") options.pre = true;
  else if (name === "prefer-binary") options.preferBinary = true;
  else if (name === "require-hashes") options.requireHashes = true;
  else if (name === "no-require-hashes") options.noRequireHashes = true;
  else if (name === "trusted-host") options.trustedHosts = [...options.trustedHosts, value];
  else if (name === "no-binary" || name === "only-binary")
    options.formatChoices = [...options.formatChoices, { option: `--${name}`, value }];
  else throw notSupported(`--${name}`, origin);
}

/** A folder or file named in a requirements file is looked for beside that file first, then from the caller's directory. */
function findLinksOf(value: string, file: string, call: Call): string {
  if (/^[a-z]+:/i.test(value) || isAbsolute(value) || /^https?:/i.test(file)) return value;
  const path = pathOfFileUrl(file) ?? (isAbsolute(file) ? file : join(call.cwd, file));
  const beside = join(dirname(path), value);
  return kindOfPath(beside) === undefined ? value : beside;
}

function notSupported(what: string, origin: string): PipdError {
  return new PipdError("not-supported-yet", `pipd does not support ${what} yet (from ${origin}).`);
}
