/** The activation scripts of a virtual environment: templates of `daemon/assets/activate` with the path and name quoted for each shell. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One script of the environment's `bin`. */
export interface ActivationScript {
  readonly name: string;
  readonly text: string;
}

interface Quoting {
  /** A path or name as one word of the shell, whatever it contains. */
  word(text: string): string;
  /** What is put before the shell's own prompt. */
  shownPrompt(name: string): string;
}

const POSIX: Quoting = {
  word: (text) => `'${text.replaceAll("'", "'\\''")}'`,
  shownPrompt: (name) => POSIX.word(`(${harmless(name)}) `),
};

const FISH: Quoting = {
  word: (text) => `'${text.replace(/[\\']/g, "\\$&")}'`,
  shownPrompt: (name) => FISH.word(`(${name}) `),
};

/** csh replaces `!` inside every kind of quotes, and `%` begins an escape in its prompt. */
const CSH: Quoting = {
  word: (text) => `'${text.replaceAll("'", "'\\''").replaceAll("!", "\\!")}'`,
  shownPrompt: (name) => CSH.word(`(${doublePercent(harmless(name))}) `),
};

/** PowerShell takes the typographic quotes for straight ones. */
const POWERSHELL: Quoting = {
  word: (text) => `'${text.replace(/['\u2018-\u201b]/g, "$&$&")}'`,
  shownPrompt: (name) => POWERSHELL.word(`(${name}) `),
};

/** Stands inside `set "NAME=..."`; a path on Windows has no quotes. In the prompt, `$` begins a code. */
const BATCH: Quoting = {
  word: doublePercent,
  shownPrompt: (name) => `(${doublePercent(harmless(name).replace(/[&|<>^"()]/g, "_"))}) `,
};

const SCRIPTS: readonly (readonly [name: string, quoting: Quoting])[] = [
  ["activate", POSIX],
  ["activate.fish", FISH],
  ["activate.csh", CSH],
  ["Activate.ps1", POWERSHELL],
  ["activate.bat", BATCH],
  ["deactivate.bat", BATCH],
];

/** Shells run what stands in their prompt (`$(...)`, backquotes) and read escapes there: a name keeps only what shows as it is. */
function harmless(name: string): string {
  return name.replace(/[$`\\!\u0000-\u001f\u007f]/g, "_");
}

function doublePercent(text: string): string {
  return text.replaceAll("%", "%%");
}

/** All scripts for the environment at `root` (absolute) that shows as `prompt`. `assetsFolder` holds `activate/`. */
export function activationScripts(assetsFolder: string, root: string, prompt: string): readonly ActivationScript[] {
  return SCRIPTS.map(([name, quoting]) => {
    const values: Readonly<Record<string, string>> = {
      VIRTUAL_ENV: quoting.word(root),
      PROMPT: quoting.word(prompt),
      PROMPT_SHOWN: quoting.shownPrompt(prompt),
      PROMPT_ZSH: POSIX.word(`(${doublePercent(harmless(prompt))}) `),
    };
    const template = readFileSync(join(assetsFolder, "activate", name), "utf8");
    const text = template.replace(/\{\{(\w+)\}\}/g, (place, key: string) => values[key] ?? place);
    return { name, text: name.endsWith(".bat") ? text.replaceAll("\n", "\r\n") : text };
  });
}
