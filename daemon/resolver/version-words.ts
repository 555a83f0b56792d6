import type { Version } from "../standards/version.ts";
import { isEmptyRange, rangeContains, renderRange, type VersionRange } from "../standards/version-range.ts";

/** More groups of neighbours than this are summed up. */
const MOST_GROUPS = 3;

/**
 * The versions of a package in words, by the versions there are: "a" (all), "a 2.0", "a>=1.0", "a<=1.0 or a 2.0". `versions` is ascending; undefined
 * or empty if they are not known, then the range speaks for itself.
 */
export function versionsInWords(name: string, range: VersionRange, versions: readonly Version[] | undefined): string {
  if (!versions || versions.length === 0) return rangeInWords(name, range);
  const groups = groupNeighbours(range, versions);
  if (groups.length === 0) return rangeInWords(name, range);
  if (groups.length > MOST_GROUPS) {
    const count = groups.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    return `${count} versions of ${name} from ${versions[groups[0]![0]]!.text} to ${versions[groups.at(-1)![1]]!.text}`;
  }
  return groups.map((group) => groupInWords(name, group, versions)).join(" or ");
}

/** Runs of versions in the range: pairs of the index of the first and the last. */
function groupNeighbours(range: VersionRange, versions: readonly Version[]): [number, number][] {
  const groups: [number, number][] = [];
  versions.forEach((version, index) => {
    if (!rangeContains(range, version)) return;
    const last = groups.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else groups.push([index, index]);
  });
  return groups;
}

function groupInWords(name: string, [first, last]: readonly [number, number], versions: readonly Version[]): string {
  const oldest = versions[first]!.text;
  const newest = versions[last]!.text;
  if (first === 0 && last === versions.length - 1) return versions.length === 1 ? `${name} ${newest}` : name;
  if (first === last) return `${name} ${newest}`;
  if (first === 0) return `${name}<=${newest}`;
  if (last === versions.length - 1) return `${name}>=${oldest}`;
  return `${name}>=${oldest},<=${newest}`;
}

function rangeInWords(name: string, range: VersionRange): string {
  if (isEmptyRange(range)) return `no version of ${name}`;
  const text = renderRange(range);
  return text === "any version" ? name : `${name}${text}`;
}
