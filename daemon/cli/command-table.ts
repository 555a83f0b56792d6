import type { OptionGroup, OptionSpec } from "./option-spec.ts";
import {
  CACHE_OPTIONS,
  DAEMON_OPTIONS,
  FREEZE_OPTIONS,
  GENERAL_OPTIONS,
  INDEX_OPTIONS,
  INSTALL_OPTIONS,
  LIST_OPTIONS,
  SELECTION_OPTIONS,
  SHOW_OPTIONS,
  TREE_OPTIONS,
  UNINSTALL_OPTIONS,
  VENV_OPTIONS,
} from "./options.ts";

/** One command as the command line knows it. `commands.ts` has what each does. */
export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** Usage lines without the program's name; the first word is not repeated. */
  readonly usage: readonly string[];
  readonly description: string;
  readonly groups: readonly OptionGroup[];
  /** False for commands that `--require-virtualenv` lets pass. */
  readonly needsVirtualenv: boolean;
}

const command = (
  name: string,
  summary: string,
  usage: readonly string[],
  description: string,
  groups: readonly OptionGroup[],
  needsVirtualenv = false,
): CommandSpec => ({
  name,
  summary,
  usage,
  description,
  groups,
  needsVirtualenv,
});

/** Every command, in the order of `pipd help`: the only list. */
export const COMMANDS: readonly CommandSpec[] = [
  command(
    "install",
    "Install packages.",
    [
      "[options] <requirement specifier> ...",
      "[options] -r <requirements file> ...",
      "[options] <path or URL of a wheel> ...",
    ],
    "Install packages from package indexes, requirements files, local wheels and wheel URLs.",
    [INSTALL_OPTIONS, SELECTION_OPTIONS, INDEX_OPTIONS],
    true,
  ),
  command(
    "uninstall",
    "Uninstall packages.",
    ["[options] <package> ...", "[options] -r <requirements file> ..."],
    "Uninstall packages. Files that an installer has recorded are removed, and nothing else.",
    [UNINSTALL_OPTIONS],
    true,
  ),
  command(
    "freeze",
    "Output installed packages in requirements format.",
    ["[options]"],
    "Print installed packages as lines of a requirements file, sorted without regard to case.",
    [FREEZE_OPTIONS],
  ),
  command(
    "list",
    "List installed packages.",
    ["[options]"],
    "List installed packages, including editable ones, sorted without regard to case.",
    [LIST_OPTIONS, SELECTION_OPTIONS, INDEX_OPTIONS],
  ),
  command(
    "show",
    "Show information about installed packages.",
    ["[options] <package> ..."],
    "Show information about one or more installed packages, as RFC-822 style fields.",
    [SHOW_OPTIONS],
  ),
  command(
    "check",
    "Verify installed packages have compatible dependencies.",
    ["[options]"],
    "Verify that installed packages have the dependencies that they ask for.",
    [],
    false,
  ),
  command(
    "tree",
    "Show installed packages as a tree of dependencies.",
    ["[options]"],
    "Show which installed package depends on which. A package that was shown before is marked (*) and not repeated.",
    [TREE_OPTIONS],
  ),
  command(
    "cache",
    "Inspect and manage pipd's cache and store.",
    ["dir", "info", "list [<pattern>] [--format=[human, abspath]]", "remove <pattern>", "purge"],
    "Show, list and remove what pipd keeps: index answers, metadata and unpacked wheels.",
    [CACHE_OPTIONS],
    true,
  ),
  command(
    "venv",
    "Create a virtual environment.",
    ["[options] [<folder>]"],
    "Create a virtual environment (in .venv if no folder is named). It has no pip: pipd serves it.",
    [VENV_OPTIONS],
  ),
  command(
    "daemon",
    "Start, stop and look at the daemon.",
    ["start | stop | restart", "status [--json]", "log [-f] [-n <lines>] [--json]", "doctor [--json]"],
    "Control the daemon that answers every command. It starts by itself when it is needed.",
    [DAEMON_OPTIONS],
  ),
  command("help", "Show help for commands.", ["<command>"], "Show help for a command.", []),
];

/** Commands of pip that are known and not there yet. */
export const MISSING_COMMANDS: readonly string[] = [
  "lock",
  "download",
  "inspect",
  "config",
  "search",
  "index",
  "wheel",
  "hash",
  "completion",
  "debug",
  // Of pipd itself.
  "run",
  "exec",
  "shell",
];

/** All options of a command, its own first. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  const options = optionsBySpec.get(spec) ?? [...spec.groups, GENERAL_OPTIONS].flatMap((group) => group.options);
  optionsBySpec.set(spec, options);
  return options;
}

const optionsBySpec = new WeakMap<CommandSpec, readonly OptionSpec[]>();

export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((spec) => spec.name === name);
}

/** pip's words for a command that there is not. */
export function unknownCommandText(name: string): string {
  const similar = similarCommand(name);
  return `ERROR: unknown command "${name}"${similar === undefined ? "" : ` - maybe you meant "${similar}"`}\n`;
}

/** The known command that a misspelt one probably means (a difference of at most a third of its letters), or undefined. */
function similarCommand(name: string): string | undefined {
  // Nothing that long is a slip of the fingers, and comparing takes names times length.
  if (name.length > 40) return undefined;
  let best: { readonly name: string; readonly score: number } | undefined;
  for (const { name: known } of COMMANDS) {
    const score = 1 - distance(name.toLowerCase(), known) / Math.max(name.length, known.length);
    if (score >= 0.6 && (best === undefined || score > best.score)) best = { name: known, score };
  }
  return best?.name;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
