/**
 * `pip.conf`: the INI dialect of Python's `configparser.RawConfigParser`, with pip's spelling of keys.
 *
 * Delimiters `=` and `:`; whole-line comments `#` and `;` only; values go on in lines indented deeper than their key; no interpolation (`%` is `%`);
 * a section or key that occurs twice is an error; `[DEFAULT]` gives values to all other sections.
 */
import { InvalidText } from "./invalid-text.ts";
import { pythonRepr, translateNewlines } from "./python-lines.ts";
import { skipPythonSpace, stripPythonSpace } from "./python-text.ts";

/** Values by key; keys are in pip's form (lower-case, dashes, without leading `--`). */
export type ConfigSection = ReadonlyMap<string, string>;

/** A configuration file as it is written, for changing it. */
export interface ConfigDocument {
  /** The section DEFAULT. */
  readonly defaults: ConfigSection;
  readonly sections: ReadonlyMap<string, ConfigSection>;
}

/** The spelling under which pip looks a key up: `--No_Cache-Dir` is "no-cache-dir". */
export function normalizeConfigKey(key: string): string {
  return key.toLowerCase().replaceAll("_", "-").replace(/^--/, "");
}

/**
 * The sections of a configuration file with the values that hold in them: those of DEFAULT first, then their own (DEFAULT itself is not among them).
 * Throws {@link InvalidText} of kind "pip-config" with the message of Python's error; `source` is the file name in that message.
 */
export function parseConfig(text: string, source = "<string>"): ReadonlyMap<string, ConfigSection> {
  const { defaults, sections } = parseConfigDocument(text, source);
  return new Map([...sections].map(([name, section]) => [name, new Map([...defaults, ...section])]));
}

/** As {@link parseConfig}, with DEFAULT kept apart. */
export function parseConfigDocument(text: string, source = "<string>"): ConfigDocument {
  const state: ReadState = {
    text,
    source,
    defaults: new Map(),
    sections: new Map(),
    seen: new Set(),
    section: undefined,
    sectionName: "",
    key: "",
    indent: 0,
    errors: [],
  };
  const lines = translateNewlines(text).split("\n");
  if (lines.at(-1) === "") {
    lines.pop();
  }
  for (const [index, line] of lines.entries()) {
    readLine(state, line, index + 1, index < lines.length - 1 || text.endsWith("\n") || text.endsWith("\r"));
  }
  if (state.errors.length > 0) {
    throw new InvalidText(
      "pip-config",
      text,
      `Source contains parsing errors: ${pythonRepr(source)}${state.errors.join("")}`,
    );
  }
  return {
    defaults: joinValues(state.defaults),
    sections: new Map([...state.sections].map(([name, section]) => [name, joinValues(section)])),
  };
}

/** Writes a configuration file as pip does after a change (`RawConfigParser.write`). Comments do not survive a change, as with pip. */
export function renderConfig(document: ConfigDocument): string {
  const render = (name: string, section: ConfigSection): string => {
    const lines = [...section].map(([key, value]) => `${key} = ${value.replaceAll("\n", "\n\t")}\n`);
    return `[${name}]\n${lines.join("")}\n`;
  };
  return [
    ...(document.defaults.size === 0 ? [] : [render("DEFAULT", document.defaults)]),
    ...[...document.sections].map(([name, section]) => render(name, section)),
  ].join("");
}

/** Lines of a value, joined at the end. */
type OpenSection = Map<string, string[]>;

interface ReadState {
  readonly text: string;
  readonly source: string;
  readonly defaults: OpenSection;
  readonly sections: Map<string, OpenSection>;
  /** Sections as "name", keys as "name\0key". */
  readonly seen: Set<string>;
  section: OpenSection | undefined;
  sectionName: string;
  /** Key whose value may go on; "" for none. */
  key: string;
  /** Indentation of the last header or key. */
  indent: number;
  readonly errors: string[];
}

function readLine(state: ReadState, line: string, lineNumber: number, hasEnd: boolean): void {
  const stripped = stripPythonSpace(line);
  const openValue = state.key === "" ? undefined : state.section?.get(state.key);
  if (stripped === "") {
    openValue?.push("");
    return;
  }
  if (stripped.startsWith("#") || stripped.startsWith(";")) {
    return;
  }
  const indent = skipPythonSpace(line, 0);
  if (openValue !== undefined && indent > state.indent) {
    openValue.push(stripped);
    return;
  }
  state.indent = indent;
  const shown = pythonRepr(hasEnd ? `${line}\n` : line);
  const header = /^\[(.+)\]/s.exec(stripped)?.[1];
  if (header !== undefined) {
    openSection(state, header, lineNumber);
  } else if (state.section === undefined) {
    throw new InvalidText(
      "pip-config",
      state.text,
      `File contains no section headers.\nfile: ${pythonRepr(state.source)}, line: ${lineNumber}\n${shown}`,
    );
  } else {
    readOption(state, state.section, stripped, lineNumber, shown);
  }
}

function openSection(state: ReadState, name: string, lineNumber: number): void {
  if (name === "DEFAULT") {
    state.section = state.defaults;
  } else if (state.sections.has(name)) {
    const where = `${pythonRepr(state.source)} [line ${String(lineNumber).padStart(2)}]`;
    throw new InvalidText(
      "pip-config",
      state.text,
      `While reading from ${where}: section ${pythonRepr(name)} already exists`,
    );
  } else {
    state.section = new Map();
    state.sections.set(name, state.section);
  }
  state.sectionName = name;
  state.key = "";
}

function readOption(state: ReadState, section: OpenSection, line: string, lineNumber: number, shown: string): void {
  const delimiter = line.search(/[=:]/);
  if (delimiter <= 0) {
    state.errors.push(`\n\t[line ${String(lineNumber).padStart(2)}]: ${shown}`);
    if (delimiter < 0) {
      return;
    }
  }
  const key = normalizeConfigKey(stripPythonSpace(line.slice(0, delimiter)));
  const seenAs = `${state.sectionName}\0${key}`;
  if (state.seen.has(seenAs)) {
    const where = `${pythonRepr(state.source)} [line ${String(lineNumber).padStart(2)}]`;
    throw new InvalidText(
      "pip-config",
      state.text,
      `While reading from ${where}: option ${pythonRepr(key)} in section ${pythonRepr(state.sectionName)} already exists`,
    );
  }
  state.seen.add(seenAs);
  state.key = key;
  section.set(key, [stripPythonSpace(line.slice(delimiter + 1))]);
}

function joinValues(section: OpenSection): ConfigSection {
  return new Map([...section].map(([key, lines]) => [key, trimEnd(lines.join("\n"))]));
}

function trimEnd(text: string): string {
  return stripPythonSpace(`|${text}`).slice(1);
}
