import { normalizeName } from "./name.ts";

/** Which kinds of files may be used per project: `--no-binary` and `--only-binary` in the order they were given. */
export interface FormatControl {
  readonly noBinary: ReadonlySet<string>;
  readonly onlyBinary: ReadonlySet<string>;
}

/** One of the two options with its comma separated value. */
export interface FormatChoice {
  readonly option: string;
  readonly value: string;
}

const ALL = ":all:";
const NONE = ":none:";

/** Applies the choices one after the other: a later one wins over an earlier one for the same project, `:all:` and `:none:` clear what was before. */
export function formatControlOf(choices: readonly FormatChoice[]): FormatControl {
  const noBinary = new Set<string>();
  const onlyBinary = new Set<string>();
  for (const { option, value } of choices) {
    const [target, other] = option === "--no-binary" ? [noBinary, onlyBinary] : [onlyBinary, noBinary];
    applyChoice(value.split(","), target, other);
  }
  return { noBinary, onlyBinary };
}

function applyChoice(names: readonly string[], target: Set<string>, other: Set<string>): void {
  let rest = names;
  while (rest.includes(ALL)) {
    other.clear();
    target.clear();
    target.add(ALL);
    rest = rest.slice(rest.indexOf(ALL) + 1);
    if (!rest.includes(NONE)) return;
  }
  for (const name of rest) {
    if (name === NONE) {
      target.clear();
      continue;
    }
    const key = normalizeName(name);
    other.delete(key);
    target.add(key);
  }
}

/** What may be used of a project. @param key its normalised name */
export function allowedFormats(
  control: FormatControl,
  key: string,
): { readonly wheel: boolean; readonly sdist: boolean } {
  if (control.onlyBinary.has(key)) return { wheel: true, sdist: false };
  if (control.noBinary.has(key)) return { wheel: false, sdist: true };
  if (control.onlyBinary.has(ALL)) return { wheel: true, sdist: false };
  if (control.noBinary.has(ALL)) return { wheel: false, sdist: true };
  return { wheel: true, sdist: true };
}
