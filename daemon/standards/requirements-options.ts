/**
 * Options in a line of a requirements file, as pip reads them: split by Python's `shlex.split`, then parsed by `optparse` with the few options that
 * pip allows there.
 */
import { pythonRepr } from "./python-lines.ts";

/** Options by the name pip's documentation gives them, without dashes. */
export type RequirementsOption =
  | "index-url"
  | "extra-index-url"
  | "no-index"
  | "constraint"
  | "requirement"
  | "editable"
  | "find-links"
  | "no-binary"
  | "only-binary"
  | "prefer-binary"
  | "require-hashes"
  | "no-require-hashes"
  | "pre"
  | "all-releases"
  | "only-final"
  | "trusted-host"
  | "use-feature"
  | "hash"
  | "config-settings";

/** An option as it occurred; `value` is "" for flags. */
export interface OptionOccurrence {
  readonly name: RequirementsOption;
  readonly value: string;
}

/** Thrown for what optparse refuses, with optparse's message. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  /** The message is pip's, and pip does not show the line with it. */
  readonly isComplete: boolean;

  constructor(message: string, isComplete = false) {
    super(message);
    this.isComplete = isComplete;
  }
}

/** Every spelling of every option; options not among `FLAGS` take a value. */
const SPELLINGS: ReadonlyMap<string, RequirementsOption> = new Map([
  ["-i", "index-url"],
  ["--index-url", "index-url"],
  ["--pypi-url", "index-url"],
  ["--extra-index-url", "extra-index-url"],
  ["--no-index", "no-index"],
  ["-c", "constraint"],
  ["--constraint", "constraint"],
  ["-r", "requirement"],
  ["--requirement", "requirement"],
  ["-e", "editable"],
  ["--editable", "editable"],
  ["-f", "find-links"],
  ["--find-links", "find-links"],
  ["--no-binary", "no-binary"],
  ["--only-binary", "only-binary"],
  ["--prefer-binary", "prefer-binary"],
  ["--require-hashes", "require-hashes"],
  ["--no-require-hashes", "no-require-hashes"],
  ["--pre", "pre"],
  ["--all-releases", "all-releases"],
  ["--only-final", "only-final"],
  ["--trusted-host", "trusted-host"],
  ["--use-feature", "use-feature"],
  ["--hash", "hash"],
  ["-C", "config-settings"],
  ["--config-settings", "config-settings"],
]);

const FLAGS: ReadonlySet<RequirementsOption> = new Set([
  "no-index",
  "prefer-binary",
  "require-hashes",
  "no-require-hashes",
  "pre",
]);

const FEATURES = [
  "fast-deps",
  "inprocess-build-deps",
  "venv-isolation",
  "truststore",
  "no-binary-enable-wheel-cache",
  "build-constraint",
];

const HASH_ALGORITHMS = ["sha256", "sha384", "sha512"];

/**
 * `shlex.split(text)`: words of a POSIX shell without expansions and comments. Undefined where a quotation is not closed or a backslash is the last
 * character.
 */
export function splitShellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    if (quote === "'" || (quote === '"' && character !== "\\")) {
      if (character === quote) {
        quote = "";
      } else {
        word = (word ?? "") + character;
      }
    } else if (character === "\\") {
      index++;
      if (index >= text.length) {
        return undefined;
      }
      const next = text.charAt(index);
      // Inside double quotes a backslash hides only a double quote and a backslash.
      word = (word ?? "") + (quote === '"' && next !== '"' && next !== "\\" ? `\\${next}` : next);
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (" \t\r\n".includes(character)) {
      if (word !== undefined) {
        words.push(word);
        word = undefined;
      }
    } else {
      word = (word ?? "") + character;
    }
  }
  if (quote !== "") {
    return undefined;
  }
  return word === undefined ? words : [...words, word];
}

/**
 * The options among the words of a line, in their order; other words are passed over, as pip does. Throws {@link OptionError} for an unknown or
 * ambiguous option, a missing or superfluous value, and a value of the wrong form.
 */
export function parseRequirementOptions(words: readonly string[]): OptionOccurrence[] {
  const found: OptionOccurrence[] = [];
  const rest = [...words];
  const take = (spelling: string, name: RequirementsOption): void => {
    const value = rest.shift();
    if (value === undefined) {
      throw new OptionError(`${spelling} option requires 1 argument`);
    }
    found.push({ name, value: checkValue(spelling, name, value) });
  };
  for (let word = rest.shift(); word !== undefined && word !== "--"; word = rest.shift()) {
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const spelling = expandLongOption(equals < 0 ? word : word.slice(0, equals));
      const name = SPELLINGS.get(spelling) as RequirementsOption;
      if (equals >= 0) {
        rest.unshift(word.slice(equals + 1));
      }
      if (!FLAGS.has(name)) {
        take(spelling, name);
      } else if (equals >= 0) {
        throw new OptionError(`${spelling} option does not take a value`);
      } else {
        found.push({ name, value: "" });
      }
    } else if (word.startsWith("-") && word.length > 1) {
      // Every short option takes a value: what follows it in the word, else the next word.
      const spelling = `-${String.fromCodePoint(word.codePointAt(1) ?? 0)}`;
      const name = SPELLINGS.get(spelling);
      if (name === undefined) {
        throw new OptionError(`no such option: ${spelling}`);
      }
      if (word.length > spelling.length) {
        rest.unshift(word.slice(spelling.length));
      }
      take(spelling, name);
    }
  }
  return found;
}

/** A long option in full; it may be abbreviated to a beginning that no other option has. */
function expandLongOption(written: string): string {
  if (SPELLINGS.has(written)) {
    return written;
  }
  const fitting = [...SPELLINGS.keys()].filter((spelling) => spelling.startsWith(written)).sort();
  const [only] = fitting;
  if (only === undefined) {
    throw new OptionError(`no such option: ${written}`);
  }
  if (fitting.length > 1) {
    throw new OptionError(`ambiguous option: ${written} (${fitting.join(", ")}?)`);
  }
  return only;
}

/** Options that pip applies while it parses, so that they count even in the line of a requirement, with what it says of a value like "-x". */
export const CONTROL_OPTIONS: ReadonlyMap<RequirementsOption, string> = new Map([
  ["no-binary", "--no-binary / --only-binary option requires 1 argument."],
  ["only-binary", "--no-binary / --only-binary option requires 1 argument."],
  ["all-releases", "--all-releases / --only-final option requires 1 argument."],
  ["only-final", "--all-releases / --only-final option requires 1 argument."],
]);

function checkValue(spelling: string, name: RequirementsOption, value: string): string {
  const refusal = CONTROL_OPTIONS.get(name);
  if (refusal !== undefined && value.startsWith("-")) {
    throw new OptionError(refusal, true);
  }
  if (name === "use-feature" && !FEATURES.includes(value)) {
    const choices = FEATURES.map(pythonRepr).join(", ");
    throw new OptionError(`option ${spelling}: invalid choice: ${pythonRepr(value)} (choose from ${choices})`);
  }
  if (name === "config-settings" && !value.includes("=")) {
    throw new OptionError(`Arguments to ${spelling} must be of the form KEY=VAL`);
  }
  if (name === "hash") {
    const colon = value.indexOf(":");
    if (colon < 0) {
      throw new OptionError(
        `Arguments to ${spelling} must be a hash name followed by a value, like --hash=sha256:abcde...`,
      );
    }
    if (!HASH_ALGORITHMS.includes(value.slice(0, colon))) {
      throw new OptionError(`Allowed hash algorithms for ${spelling} are ${HASH_ALGORITHMS.join(", ")}.`);
    }
  }
  return value;
}
