/**
 * Requirements and constraints files, line by line, in the grammar of pip 26.3 (`pip._internal.req.req_file`): what pip does to the text before it
 * parses requirements, and the options it allows. Files that are named (`-r`, `-c`) are not opened here.
 */
import { InvalidText } from "./invalid-text.ts";
import { splitLines } from "./python-lines.ts";
import { isPythonSpace, stripPythonSpace } from "./python-text.ts";
import {
  CONTROL_OPTIONS,
  OptionError,
  type OptionOccurrence,
  parseRequirementOptions,
  type RequirementsOption,
  splitShellWords,
} from "./requirements-options.ts";

export { decodeRequirementsFile, localeEncoding } from "./requirements-encoding.ts";

/** `-C key=value` of one line: a key given several times has a list. */
export type ConfigSettings = Readonly<Record<string, string | readonly string[]>>;

/** One thing a file asks for, with the number of the (first) line it stands in, from 1. */
export type RequirementsLine =
  | {
      readonly kind: "requirement";
      /** A requirement, path or URL, unparsed. */
      readonly text: string;
      /** "sha256:<hex>", as written. */
      readonly hashes: readonly string[];
      readonly configSettings: ConfigSettings;
      readonly lineNumber: number;
    }
  | {
      readonly kind: "editable";
      /** A path or VCS URL, unparsed. */
      readonly text: string;
      readonly configSettings: ConfigSettings;
      readonly lineNumber: number;
    }
  | {
      readonly kind: "option";
      /**
       * The consequences, in the order of the lines: `no-index` drops all index URLs and makes later ones ignored; `index-url` replaces the list;
       * `extra-index-url` and `find-links` add to theirs; `requirement` and `constraint` name a file; `hash` is a hash without requirement, to be
       * warned about.
       */
      readonly name: Exclude<RequirementsOption, "editable" | "config-settings">;
      /** "" for flags. */
      readonly value: string;
      readonly lineNumber: number;
    };

/**
 * Reads the text of a requirements file. `env` is what `${NAME}` is replaced from (unset and empty names are left as they are).
 * Throws {@link InvalidText} of kind "requirements-file", `text` being the line, with pip's message ("Invalid requirement: ...", credentials removed).
 */
export function parseRequirementsFile(text: string, env: Readonly<Record<string, string>>): RequirementsLine[] {
  return logicalLines(text).flatMap(({ line, lineNumber }) => parseLine(expandVariables(line, env), lineNumber));
}

interface LogicalLine {
  readonly line: string;
  readonly lineNumber: number;
}

/** Lines joined at trailing backslashes, without comments, blank ones left out. */
function logicalLines(text: string): LogicalLine[] {
  const joined: LogicalLine[] = [];
  let parts: string[] = [];
  let firstNumber = 0;
  const finish = (): void => {
    joined.push({ line: parts.join(""), lineNumber: firstNumber });
    parts = [];
  };
  for (const [index, line] of splitLines(text).entries()) {
    const isComment = stripPythonSpace(line).startsWith("#");
    if (parts.length === 0) {
      firstNumber = index + 1;
    }
    if (line.endsWith("\\") && !isComment) {
      parts.push(line.replace(/^\\+/, "").replace(/(?<!\\)\\+$/, ""));
    } else {
      // The space keeps a comment line a comment when it ends a continued one.
      parts.push(isComment ? ` ${line}` : line);
      finish();
    }
  }
  if (parts.length > 0) {
    finish();
  }
  return joined
    .map(({ line, lineNumber }) => ({ line: stripPythonSpace(withoutComment(line)), lineNumber }))
    .filter(({ line }) => line !== "");
}

/** A comment starts at a hash sign that begins the line or follows white space. */
function withoutComment(line: string): string {
  for (let hash = line.indexOf("#"); hash >= 0; hash = line.indexOf("#", hash + 1)) {
    if (hash === 0 || isPythonSpace(line.charCodeAt(hash - 1))) {
      return line.slice(0, hash);
    }
  }
  return line;
}

/** Replaces `${NAME}` (upper-case letters, digits, underscores); what a value brings in is not looked at again unless the line named it too. */
function expandVariables(line: string, env: Readonly<Record<string, string>>): string {
  let expanded = line;
  for (const [reference, name = ""] of line.matchAll(/\$\{([A-Z0-9_]+)\}/g)) {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value) {
      expanded = expanded.replaceAll(reference, () => value);
    }
  }
  return expanded;
}

function parseLine(line: string, lineNumber: number): RequirementsLine[] {
  // Only the part behind the first word with a dash is split like a shell would: markers in the part before have quotes of their own.
  const words = line.split(" ");
  const firstOption = words.findIndex((word) => word.startsWith("-"));
  const requirement = (firstOption < 0 ? words : words.slice(0, firstOption)).join(" ");
  const optionText = firstOption < 0 ? "" : words.slice(firstOption).join(" ");
  const split = splitShellWords(optionText);
  if (split === undefined) {
    throw invalidLine(line, `Could not split options: ${optionText}`);
  }
  let options: OptionOccurrence[];
  try {
    options = parseRequirementOptions(split);
  } catch (error) {
    if (error instanceof OptionError) {
      throw error.isComplete
        ? new InvalidText("requirements-file", line, error.message)
        : invalidLine(line, `pip: error: ${error.message}`);
    }
    throw error;
  }
  return meaningOf(requirement, options, lineNumber);
}

function meaningOf(requirement: string, options: readonly OptionOccurrence[], lineNumber: number): RequirementsLine[] {
  const valuesOf = (name: RequirementsOption): string[] =>
    options.filter((option) => option.name === name).map((option) => option.value);
  const lines: RequirementsLine[] = [];
  for (const { name, value } of options) {
    if (CONTROL_OPTIONS.has(name)) {
      lines.push({ kind: "option", name: name as OptionLineName, value, lineNumber });
    }
  }
  const editables = valuesOf("editable");
  if (requirement !== "" || editables.length > 0) {
    const common = {
      text: requirement === "" ? (editables[0] ?? "") : requirement,
      configSettings: configSettingsOf(valuesOf("config-settings")),
      lineNumber,
    };
    lines.push(
      editables.length > 0
        ? { kind: "editable", ...common }
        : { kind: "requirement", ...common, hashes: valuesOf("hash") },
    );
    return lines;
  }
  const push = (name: OptionLineName, values: readonly string[]): void => {
    for (const value of values) {
      lines.push({ kind: "option", name, value, lineNumber });
    }
  };
  // A line with -r or -c says nothing else, and only the first of each counts, -r before -c.
  const nested = (["requirement", "constraint"] as const).find((name) => valuesOf(name).length > 0);
  if (nested !== undefined) {
    push(nested, valuesOf(nested).slice(0, 1));
    return lines;
  }
  for (const name of FLAG_OPTIONS) {
    push(name, valuesOf(name).slice(0, 1));
  }
  push("use-feature", valuesOf("use-feature"));
  push(
    "index-url",
    valuesOf("index-url")
      .slice(-1)
      .filter((url) => url !== ""),
  );
  push("extra-index-url", valuesOf("extra-index-url"));
  push("find-links", valuesOf("find-links").slice(0, 1));
  push("trusted-host", valuesOf("trusted-host"));
  push("hash", valuesOf("hash"));
  return lines;
}

type OptionLineName = Extract<RequirementsLine, { kind: "option" }>["name"];

const FLAG_OPTIONS = ["require-hashes", "no-require-hashes", "no-index", "pre", "prefer-binary"] as const;

function configSettingsOf(values: readonly string[]): ConfigSettings {
  const settings = new Map<string, string | string[]>();
  for (const setting of values) {
    const equals = setting.indexOf("=");
    const key = setting.slice(0, equals);
    const value = setting.slice(equals + 1);
    const known = settings.get(key);
    settings.set(key, known === undefined ? value : [...(Array.isArray(known) ? known : [known]), value]);
  }
  return Object.fromEntries(settings);
}

function invalidLine(line: string, why: string): InvalidText {
  const message = `Invalid requirement: ${line}\n${why}`.replace(/:\/\/([^/@:\s]*):[^/\s@]*@/g, "://$1:****@");
  return new InvalidText("requirements-file", line, message);
}
