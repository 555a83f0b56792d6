import type { Environment } from "../python/environment.ts";
import type { Installed } from "../python/installed.ts";
import type { MarkerEnvironment } from "../standards/marker.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { dependenciesIfValid } from "./dependencies.ts";
import type { Parts } from "./parts.ts";
import { EVERYTHING, type InstalledSet, scanInstalled } from "./select-installed.ts";
import { createSetMemory } from "./set-memory.ts";

/** What `show` says of one distribution; fields as METADATA has them. */
export interface ShownPackage {
  readonly distribution: Installed;
  readonly homepage: string;
  /** Names, sorted without regard to case. */
  readonly requires: readonly string[];
  /** Names of installed distributions that depend on it; `#N/A` when one of them cannot be understood. */
  readonly requiredBy: readonly string[];
}

export interface ShowResult {
  readonly packages: readonly ShownPackage[];
  /** Normalised names that are not installed, sorted. */
  readonly missing: readonly string[];
}

/** Looks packages up by name, in the order of the names, repeated ones repeatedly. */
export function showPackages(parts: Parts, environment: Environment, names: readonly string[], call: Call): ShowResult {
  const set = scanInstalled(parts, environment, EVERYTHING, call, "metadata");
  const { byKey } = set;
  const keys = names.map(normalizeName);
  return {
    packages: keys.flatMap((key) => {
      const distribution = byKey.get(key);
      return distribution === undefined ? [] : [shown(distribution, set, environment)];
    }),
    missing: keys.filter((key) => !byKey.has(key)).toSorted(),
  };
}

function shown(distribution: Installed, set: InstalledSet, environment: Environment): ShownPackage {
  const { markers } = environment.facts;
  const own = dependenciesIfValid(distribution, markers);
  const requires =
    own === undefined ? distribution.metadata().requiresDist : [...new Set(own.map((requirement) => requirement.name))];
  const dependents = dependentsIn(set, markers);
  const requiredBy = dependents === undefined ? ["#N/A"] : (dependents.get(distribution.key) ?? []);
  return {
    distribution,
    homepage: homepageOf(distribution),
    requires: sorted(requires),
    requiredBy: sorted(requiredBy),
  };
}

/** Names of distributions by what they depend on. */
type Dependents = ReadonlyMap<NormalizedName, readonly string[]>;

const known = createSetMemory<{ readonly dependents: Dependents | undefined }>(1);

/** Who depends on whom in a set; undefined when somebody's metadata cannot be understood. Made once for a set. */
function dependentsIn(set: InstalledSet, markers: MarkerEnvironment): Dependents | undefined {
  const last = known.recall(set, markers, "");
  if (last !== undefined) return last.dependents;
  const dependents = dependentsOf(set.distributions, markers);
  known.remember(set, markers, "", { dependents });
  return dependents;
}

function dependentsOf(all: readonly Installed[], markers: MarkerEnvironment): Dependents | undefined {
  const dependents = new Map<NormalizedName, string[]>();
  for (const other of all) {
    const dependencies = dependenciesIfValid(other, markers);
    if (dependencies === undefined) return undefined;
    for (const key of new Set(dependencies.map((requirement) => requirement.key))) {
      const names = dependents.get(key) ?? [];
      names.push(other.metadata().name || "UNKNOWN");
      dependents.set(key, names);
    }
  }
  return dependents;
}

function sorted(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : a.toLowerCase() > b.toLowerCase() ? 1 : 0));
}

/** `Home-page`, else the project URL with the well-known label `homepage` (PEP 753). */
function homepageOf(distribution: Installed): string {
  const { headers } = distribution.metadata();
  const homepage = headers.get("home-page")?.[0] ?? "";
  if (homepage !== "") return homepage;
  for (const entry of headers.get("project-url") ?? []) {
    const comma = entry.indexOf(",");
    const label = entry
      .slice(0, comma)
      .toLowerCase()
      .replace(/[\s!-/:-@[-`{-~]/g, "");
    if (comma >= 0 && label === "homepage") return entry.slice(comma + 1).trim();
  }
  return "";
}
