import type { ProjectFile, ProjectFiles } from "../index/project-files.ts";
import { parseSpecifierSet } from "../standards/specifier.ts";
import { compareVersions, type Version } from "../standards/version.ts";
import { rangeContains, type VersionRange } from "../standards/version-range.ts";
import { acceptsPython, type FileRules, rateVersion, versionsOf } from "./project-versions.ts";

/** What pip would say of the files of a project none of which could be picked. */
export interface Offer {
  /** "(from versions: ...)", ascending. */
  readonly versions: readonly Version[];
  readonly yanked: readonly Version[];
  /** "1.0 Requires-Python <3", as pip lists what it left out for its Requires-Python. */
  readonly otherPython: readonly string[];
  /** A source distribution that would do, if building were supported. The newest. */
  readonly sdist: ProjectFile | undefined;
}

/** Sorts the files of a project into what is there and what was left out, for an error; `wanted` is what was asked for. */
export function offerOf(project: ProjectFiles, rules: FileRules, wanted: VersionRange): Offer {
  const versions: Version[] = [];
  const yanked: Version[] = [];
  const otherPython = new Set<string>();
  let sdist: ProjectFile | undefined;
  const isNewer = (version: Version): boolean => sdist === undefined || version.key > sdist.version.key;
  for (const entry of versionsOf(project).files.values()) {
    const rated = rateVersion(entry, rules);
    if (rated.wheel || (rated.sdist && rated.sdist.yanked === false)) versions.push(entry.version);
    if (rated.yankedWheel || (rated.sdist && rated.sdist.yanked !== false)) yanked.push(entry.version);
    if (
      rated.sdist?.yanked === false &&
      !rated.wheel &&
      rangeContains(wanted, entry.version) &&
      isNewer(entry.version)
    ) {
      sdist = rated.sdist;
    }
    if (!rated.unfit.has("requires-python")) continue;
    for (const file of entry.files) {
      if (acceptsPython(file.requiresPython, rules)) continue;
      otherPython.add(`${entry.version.text} Requires-Python ${sortedLikePip(file.requiresPython!)}`);
    }
  }
  const sorted = (list: readonly Version[]): readonly Version[] => list.toSorted(compareVersions);
  return { versions: sorted(versions), yanked: sorted(yanked), otherPython: [...otherPython].sort(), sdist };
}

/** pip sorts the clauses by the numbers in them, where a number stands alone between dots: `>=3.7,<4` by [7] and []. */
function sortedLikePip(requiresPython: string): string {
  const numbers = (text: string): readonly number[] =>
    text
      .split(".")
      .filter((part) => /^\d+$/u.test(part))
      .map(Number);
  const compare = (a: readonly number[], b: readonly number[]): number => {
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      if (a[index] !== b[index]) return a[index]! - b[index]!;
    }
    return a.length - b.length;
  };
  return parseSpecifierSet(requiresPython)
    .specifiers.map(({ operator, version }) => `${operator}${version}`)
    .sort((a, b) => compare(numbers(a), numbers(b)))
    .join(",");
}
