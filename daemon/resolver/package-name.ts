import type { NormalizedName } from "../standards/name.ts";

/** The solver's package for what the user asked for. */
export const ROOT = "";

/** A package of the solver: a project, or an extra of a project (`name[extra]`), which always has its project's version. */
export interface PackageName {
  readonly key: NormalizedName;
  readonly extra: string | undefined;
}

/** The solver's name for an extra of a project. */
export function extraPackage(key: NormalizedName, extra: string): string {
  return `${key}[${extra}]`;
}

/** Asked for tens of thousands of times in one resolution. Bounded by starting afresh. */
const parsed = new Map<string, PackageName>();
const MOST_NAMES = 20_000;

/** The opposite of `extraPackage`; for a project, `extra` is undefined. */
export function parsePackage(name: string): PackageName {
  let known = parsed.get(name);
  if (!known) {
    const open = name.indexOf("[");
    known =
      open < 0
        ? { key: name as NormalizedName, extra: undefined }
        : { key: name.slice(0, open) as NormalizedName, extra: name.slice(open + 1, -1) };
    if (parsed.size >= MOST_NAMES) parsed.clear();
    parsed.set(name, known);
  }
  return known;
}
