import { type CommandSpec, optionsOf } from "./command-table.ts";
import type { OptionSpec } from "./option-spec.ts";
import { GENERAL_OPTIONS, VERSION_OPTION } from "./options.ts";

/** A command line that cannot be understood: usage and message go to standard error, the exit status is 2 (3 for a bad choice in a file or variable). */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly exitCode: 2 | 3;
  readonly command: CommandSpec | undefined;

  constructor(message: string, command: CommandSpec | undefined, exitCode: 2 | 3 = 2) {
    super(message);
    this.command = command;
    this.exitCode = exitCode;
  }
}

export type OptionValue = boolean | number | string | readonly string[];

/** The values of a command's options after all layers have been applied, by `dest`. What nobody gave is absent. */
export interface OptionValues {
  readonly [dest: string]: OptionValue | undefined;
}

/** One occurrence of an `ordered` option, as `--no-binary`, in the order of all layers. */
export interface OrderedValue {
  readonly option: string;
  readonly value: string;
}

export interface ParsedOptions {
  readonly values: OptionValues;
  readonly ordered: readonly OrderedValue[];
  readonly args: readonly string[];
}

/** Raw configuration of one layer: keys as written in a file or variable, normalised to `index-url`. */
export type ConfigurationLayer = ReadonlyMap<string, string>;

interface Slots {
  readonly values: Record<string, OptionValue | undefined>;
  readonly ordered: OrderedValue[];
}

const OPTIONS_BEFORE: readonly OptionSpec[] = [...GENERAL_OPTIONS.options, VERSION_OPTION];

/**
 * Finds the command: general options may stand before it, nothing else. Gives the command's own arguments with those general options left in.
 * @throws UsageError for an unknown option before the command.
 */
export function splitCommand(argv: readonly string[]): {
  readonly name: string | undefined;
  readonly rest: readonly string[];
  readonly before: ParsedOptions;
} {
  const slots: Slots = { values: {}, ordered: [] };
  const reader = createReader(OPTIONS_BEFORE, undefined, slots);
  let index = 0;
  while (index < argv.length) {
    const next = reader(argv, index);
    if (next === undefined) break;
    index = next;
    if (argv[index - 1] === "--") break;
  }
  const name = argv[index];
  const rest = [...argv.slice(0, index), ...argv.slice(index + 1)].filter(
    (word, at) => !(word === "--" && at === index - 1),
  );
  return { name, rest, before: { values: slots.values, ordered: slots.ordered, args: argv.slice(index) } };
}

/**
 * Parses a command's arguments over its configuration layers, as optparse with pip's extensions does: prefixes of long options, joined values,
 * clustered short options, options and arguments in any order, `--` ends options.
 * @param layers from the weakest to the strongest: `[global]`, `[<command>]`, environment variables.
 * @throws UsageError
 */
export function parseCommandLine(
  spec: CommandSpec,
  rest: readonly string[],
  layers: readonly ConfigurationLayer[],
): ParsedOptions {
  const slots: Slots = { values: {}, ordered: [] };
  const options = optionsOf(spec);
  for (const layer of layers) applyLayer(spec, options, layer, slots);
  const reader = createReader(options, spec, slots);
  const args: string[] = [];
  let index = 0;
  while (index < rest.length) {
    const word = rest[index] ?? "";
    if (word === "--") {
      args.push(...rest.slice(index + 1));
      break;
    }
    const next = reader(rest, index);
    if (next === undefined) args.push(word);
    index = next ?? index + 1;
  }
  return { values: slots.values, ordered: slots.ordered, args };
}

interface Spellings {
  readonly byLong: ReadonlyMap<string, OptionSpec>;
  readonly byShort: ReadonlyMap<string, OptionSpec>;
}

const spellings = new WeakMap<readonly OptionSpec[], Spellings>();

/** The options by what is typed for them. Made once: the tables never change. */
function spellingsOf(options: readonly OptionSpec[]): Spellings {
  const known = spellings.get(options) ?? {
    byLong: new Map(options.flatMap((option) => option.long.map((long) => [long, option] as const))),
    byShort: new Map(
      options.flatMap((option) => (option.short === undefined ? [] : [[option.short, option] as const])),
    ),
  };
  spellings.set(options, known);
  return known;
}

type Reader = (words: readonly string[], index: number) => number | undefined;

/** Reads one option at `index` into the slots and gives the index after it, or undefined when there is no option there. */
function createReader(options: readonly OptionSpec[], spec: CommandSpec | undefined, slots: Slots): Reader {
  const { byLong, byShort } = spellingsOf(options);
  const readLong: Reader = (words, index) => {
    const word = words[index] ?? "";
    const equals = word.indexOf("=");
    const typed = equals < 0 ? word : word.slice(0, equals);
    const long = completeLong(typed, byLong, spec);
    const option = byLong.get(long)!;
    if (!takesValue(option)) {
      if (equals >= 0) throw new UsageError(`${long} option does not take a value`, spec);
      store(option, long, undefined, spec, slots);
      return index + 1;
    }
    if (equals < 0 && index + 1 >= words.length) throw new UsageError(`${long} option requires 1 argument`, spec);
    store(option, long, equals < 0 ? words[index + 1]! : word.slice(equals + 1), spec, slots);
    return equals < 0 ? index + 2 : index + 1;
  };
  const readShort: Reader = (words, index) => {
    const word = words[index] ?? "";
    for (let at = 1; at < word.length; at++) {
      const short = `-${word[at]}`;
      const option = byShort.get(short);
      if (option === undefined) throw new UsageError(`no such option: ${short}`, spec);
      if (!takesValue(option)) {
        store(option, short, undefined, spec, slots);
        continue;
      }
      const joined = word.slice(at + 1);
      if (joined === "" && index + 1 >= words.length) throw new UsageError(`${short} option requires 1 argument`, spec);
      store(option, short, joined === "" ? words[index + 1]! : joined, spec, slots);
      return joined === "" ? index + 2 : index + 1;
    }
    return index + 1;
  };
  return (words, index) => {
    const word = words[index] ?? "";
    if (word === "--") return index + 1;
    if (word.startsWith("--")) return readLong(words, index);
    if (word.startsWith("-") && word.length > 1) return readShort(words, index);
    return undefined;
  };
}

function completeLong(typed: string, byLong: ReadonlyMap<string, OptionSpec>, spec: CommandSpec | undefined): string {
  if (byLong.has(typed)) return typed;
  const possible = [...byLong.keys()].filter((long) => long.startsWith(typed));
  if (possible.length === 1) return possible[0]!;
  if (possible.length === 0) throw new UsageError(`no such option: ${typed}`, spec);
  throw new UsageError(`ambiguous option: ${typed} (${possible.toSorted().join(", ")}?)`, spec);
}

function takesValue(option: OptionSpec): boolean {
  return option.kind === "value" || option.kind === "append" || option.kind === "ordered";
}

function refuseMissing(option: OptionSpec, spelling: string, spec: CommandSpec | undefined, value?: string): void {
  if (option.missing === true) throw new UsageError(`${spelling} is not supported by pipd yet`, spec);
  if (value !== undefined && option.missingChoices?.includes(value) === true)
    throw new UsageError(`${spelling} ${value} is not supported by pipd yet`, spec);
}

function store(
  option: OptionSpec,
  spelling: string,
  text: string | undefined,
  spec: CommandSpec | undefined,
  slots: Slots,
): void {
  refuseMissing(option, spelling, spec, text);
  const { dest } = option;
  const { values } = slots;
  if (option.kind === "flag" || option.kind === "help" || option.kind === "version") values[dest] = true;
  else if (option.kind === "negated" || option.kind === "noCache") values[dest] = false;
  else if (option.kind === "count") values[dest] = Number(values[dest] ?? 0) + 1;
  else if (option.kind === "ordered")
    slots.ordered.push({
      option: option.long.find((long) => long.startsWith(spelling)) ?? spelling,
      value: text ?? "",
    });
  else if (option.kind === "append")
    values[dest] = [
      ...((values[dest] as readonly string[] | undefined) ?? []),
      convert(option, spelling, text ?? "", spec, 2) as string,
    ];
  else values[dest] = convert(option, spelling, text ?? "", spec, 2);
}

function convert(
  option: OptionSpec,
  spelling: string,
  text: string,
  spec: CommandSpec | undefined,
  exitCode: 2 | 3,
): string | number {
  const invalid = (what: string): UsageError => new UsageError(`option ${spelling}: ${what}`, spec, exitCode);
  if (option.type === "int") {
    if (!/^[+-]?\d+$/.test(text.trim())) throw invalid(`invalid integer value: '${text}'`);
    return Number(text);
  }
  if (option.type === "float") {
    if (text.trim() === "" || Number.isNaN(Number(text))) throw invalid(`invalid floating-point value: '${text}'`);
    return Number(text);
  }
  if (option.type === "choice" && option.choices?.includes(text) !== true) {
    throw invalid(
      `invalid choice: '${text}' (choose from ${(option.choices ?? []).map((choice) => `'${choice}'`).join(", ")})`,
    );
  }
  return text;
}

function applyLayer(spec: CommandSpec, options: readonly OptionSpec[], layer: ConfigurationLayer, slots: Slots): void {
  for (const [key, text] of layer) {
    const long = `--${key}`;
    const option = spellingsOf(options).byLong.get(long);
    if (option === undefined || text === "" || option.kind === "help" || option.kind === "version") continue;
    applyOutside(option, key, text, spec, slots);
  }
}

/** A value from a file or a variable: pip's rules differ from those of the command line in every kind. */
function applyOutside(option: OptionSpec, key: string, text: string, spec: CommandSpec, slots: Slots): void {
  const { values } = slots;
  const long = `--${key}`;
  if (option.kind === "flag" || option.kind === "negated") {
    values[option.dest] = toBoolean(text, key, spec);
    if (option.missing === true && values[option.dest] === true)
      refuseMissing(option, `${long} (from the configuration)`, spec);
    return;
  }
  if (option.kind === "noCache") {
    toBoolean(text, key, spec);
    values[option.dest] = false;
    return;
  }
  if (option.kind === "count") {
    values[option.dest] = toCount(text, key, spec);
    return;
  }
  refuseMissing(option, `${long} (from the configuration)`, spec, text);
  if (option.kind === "ordered") {
    slots.ordered.push({ option: option.long[0] ?? long, value: text });
    return;
  }
  const words = option.kind === "append" ? text.split(/\s+/).filter((word) => word !== "") : undefined;
  values[option.dest] =
    words === undefined
      ? convert(option, long, text, spec, 3)
      : words.map((word) => convert(option, long, word, spec, 3) as string);
}

const TRUE_WORDS: ReadonlySet<string> = new Set(["y", "yes", "t", "true", "on", "1"]);
const FALSE_WORDS: ReadonlySet<string> = new Set(["n", "no", "f", "false", "off", "0"]);

function toBoolean(text: string, key: string, spec: CommandSpec): boolean {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw new UsageError(
    `${text} is not a valid value for ${key} option, please specify a boolean value like yes/no, true/false or 1/0 instead.`,
    spec,
  );
}

function toCount(text: string, key: string, spec: CommandSpec): number {
  const word = text.toLowerCase();
  if (TRUE_WORDS.has(word) && word !== "1") return 1;
  if (FALSE_WORDS.has(word) && word !== "0") return 0;
  if (/^\d+$/.test(word)) return Number(word);
  throw new UsageError(
    `${text} is not a valid value for ${key} option, please instead specify either a non-negative integer or a boolean value like yes/no or false/true which is equivalent to 1/0.`,
    spec,
  );
}
