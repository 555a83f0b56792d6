import type { Installed, InstalledSet } from "../python/installed.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { specifierContains } from "../standards/specifier.ts";
import { dependenciesIfValid } from "./dependencies.ts";
import type { Environment } from "./parts.ts";

/** A line from a package to one that it is shown with below it. */
export interface TreeEdge {
  readonly to: NormalizedName;
  /** What the one of the two asks of the other; the first where there are several. */
  readonly requirement: Requirement;
}

/** Installed packages and which lies below which, as `uv pip tree` sees them: only what is installed in a version that is asked for, markers evaluated, extras left aside. */
export interface PackageTree {
  readonly packages: ReadonlyMap<NormalizedName, Installed>;
  /** Sorted by name. */
  readonly below: ReadonlyMap<NormalizedName, readonly TreeEdge[]>;
  /** Where the trees begin, sorted: what lies below nothing, and of a circle that lies below nothing else its first. */
  readonly roots: readonly NormalizedName[];
  /** Packages whose metadata cannot be understood: nothing lies below them. */
  readonly unreadable: readonly NormalizedName[];
}

/** Which part of the tree, and which way. */
export interface TreeSelection {
  /** Left out as if they were not installed. */
  readonly prune: ReadonlySet<NormalizedName>;
  /** When there are any: only these and what lies below them. */
  readonly only: readonly NormalizedName[];
  /** Whoever requires a package lies below it. */
  readonly invert: boolean;
}

/** The tree of what is installed. */
export function packageTree(set: InstalledSet, { facts }: Environment, selection: TreeSelection): PackageTree {
  const unreadable: NormalizedName[] = [];
  const byName = set.distributions.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const packages = new Map(byName.filter(({ key }) => !selection.prune.has(key)).map((one) => [one.key, one]));
  const below = new Map<NormalizedName, TreeEdge[]>([...packages.keys()].map((key) => [key, []]));
  for (const [key, distribution] of packages) {
    const dependencies = dependenciesIfValid(distribution, facts.markers);
    if (dependencies === undefined) unreadable.push(key);
    const seen = new Set<NormalizedName>([key]);
    for (const requirement of dependencies ?? []) {
      if (seen.has(requirement.key) || !isMet(requirement, packages.get(requirement.key))) continue;
      seen.add(requirement.key);
      const [from, to] = selection.invert ? [requirement.key, key] : [key, requirement.key];
      below.get(from)?.push({ to, requirement });
    }
  }
  for (const edges of below.values()) edges.sort((a, b) => (a.to < b.to ? -1 : 1));
  const shown =
    selection.only.length === 0
      ? new Set(packages.keys())
      : reachable(
          selection.only.filter((key) => packages.has(key)),
          below,
        );
  return { packages, below, roots: rootsOf(shown, below, selection.only), unreadable };
}

/** A package lies below another when it is what that one asks for. */
function isMet({ url, specifier }: Requirement, installed: Installed | undefined): boolean {
  if (installed === undefined || url !== undefined) return installed !== undefined;
  return installed.parsedVersion !== undefined && specifierContains(specifier, installed.parsedVersion, true);
}

type Below = ReadonlyMap<NormalizedName, readonly TreeEdge[]>;

/** These and everything below them. */
function reachable(from: Iterable<NormalizedName>, below: Below): Set<NormalizedName> {
  const found = new Set(from);
  // A set that grows while it is walked through is walked through to its end.
  for (const key of found) for (const { to } of below.get(key) ?? []) found.add(to);
  return found;
}

function rootsOf(shown: ReadonlySet<NormalizedName>, below: Below, preferred: readonly NormalizedName[]) {
  const names = [...shown].toSorted();
  const hanging = new Set(names.flatMap((key) => (below.get(key) ?? []).map(({ to }) => to)));
  const roots = names.filter((key) => !hanging.has(key));
  const covered = reachable(roots, below);
  // What is left hangs in circles, or below them. What a walk leaves last lies in a circle that nothing else leads to.
  for (;;) {
    const left = names.filter((key) => !covered.has(key));
    if (left.length === 0) return roots.toSorted();
    const last = lastLeft(left, below, covered);
    const circle = left.filter((key) => reachable([key], below).has(last));
    const root = preferred.find((key) => circle.includes(key)) ?? circle[0] ?? last;
    roots.push(root);
    for (const key of reachable([root], below)) covered.add(key);
  }
}

/** The last package that a walk in depth through these packages is done with. */
function lastLeft(names: readonly NormalizedName[], below: Below, covered: ReadonlySet<NormalizedName>) {
  const seen = new Set<NormalizedName>(covered);
  let last = names[0]!;
  for (const start of names) {
    if (seen.has(start)) continue;
    seen.add(start);
    for (const key of reachable([start], below)) seen.add(key);
    // Everything a start leads to is left before the start itself.
    last = start;
  }
  return last;
}
