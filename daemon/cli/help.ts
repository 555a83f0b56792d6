import { COMMANDS, type CommandSpec } from "./command-table.ts";
import type { OptionGroup, OptionSpec } from "./option-spec.ts";
import { GENERAL_OPTIONS, VERSION_OPTION } from "./options.ts";

const PROGRAM = "pipd";
const HELP_COLUMN = 30;

/** The text of `pipd help`: usage, commands, general options. @param width columns of the terminal */
export function renderMainHelp(width: number): string {
  const commands = COMMANDS.map((spec) => `  ${spec.name.padEnd(HELP_COLUMN - 2)}${spec.summary}`);
  const general = {
    title: GENERAL_OPTIONS.title,
    options: [...GENERAL_OPTIONS.options, VERSION_OPTION, NO_DAEMON, TIME],
  };
  return [
    "",
    "Usage:   ",
    `  ${PROGRAM} <command> [options]`,
    "",
    "Commands:",
    ...commands,
    "",
    ...renderGroup(general, width),
    "",
  ].join("\n");
}

/** The text of `pipd help <command>`. @param width columns of the terminal */
export function renderCommandHelp(spec: CommandSpec, width: number): string {
  const usage = spec.usage.map((line) => `  ${PROGRAM} ${spec.name} ${line}`);
  const description = wrap(spec.description, Math.min(width, 100) - 2).map((line) => `  ${line}`);
  const groups = [...spec.groups, GENERAL_OPTIONS].flatMap((group) => ["", ...renderGroup(group, width)]);
  return ["", "Usage:   ", ...usage, "", "Description:", ...description, ...groups, ""].join("\n");
}

/** The usage block that stands before the message of a usage error. */
export function renderUsage(spec: CommandSpec | undefined): string {
  const usage =
    spec === undefined
      ? [`  ${PROGRAM} <command> [options]`]
      : spec.usage.map((line) => `  ${PROGRAM} ${spec.name} ${line}`);
  return ["", "Usage:   ", ...usage, ""].join("\n");
}

/** Options that the client itself understands and takes out of the arguments. */
const NO_DAEMON: OptionSpec = {
  dest: "noDaemon",
  long: ["--no-daemon"],
  kind: "flag",
  help: "Run this command without the daemon (pipd's own option).",
};
const TIME: OptionSpec = {
  dest: "time",
  long: ["--time"],
  kind: "flag",
  help: "Say on standard error how long the daemon worked on it (pipd's own option).",
};

function renderGroup(group: OptionGroup, width: number): readonly string[] {
  return [
    `${group.title}:`,
    ...group.options.filter((option) => option.help !== undefined).flatMap((option) => renderOption(option, width)),
  ];
}

function renderOption(option: OptionSpec, width: number): readonly string[] {
  const spellings = [...(option.short === undefined ? [] : [option.short]), ...option.long.slice(0, 1)].join(", ");
  const takesValue = option.kind === "value" || option.kind === "append" || option.kind === "ordered";
  const head = `  ${spellings}${takesValue ? ` <${option.metavar ?? option.dest}>` : ""}`;
  const text = option.missing === true ? `${option.help} (not supported yet)` : (option.help ?? "");
  const lines = wrap(text, Math.max(20, Math.min(width, 110) - HELP_COLUMN));
  const first =
    head.length < HELP_COLUMN - 1
      ? [`${head.padEnd(HELP_COLUMN)}${lines[0] ?? ""}`]
      : [head, `${" ".repeat(HELP_COLUMN)}${lines[0] ?? ""}`];
  return [...first, ...lines.slice(1).map((line) => `${" ".repeat(HELP_COLUMN)}${line}`)];
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
