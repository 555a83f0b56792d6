import type { Environment } from "../python/environment.ts";
import type { Installed } from "../python/installed.ts";
import { normalizeName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { dependenciesIfValid } from "./dependencies.ts";
import type { Parts } from "./parts.ts";
import { EVERYTHING, selectInstalled } from "./select-installed.ts";

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
  const distributions = selectInstalled(parts, environment, EVERYTHING, call);
  const byKey = new Map(distributions.map((distribution) => [distribution.key, distribution]));
  const keys = names.map(normalizeName);
  return {
    packages: keys.flatMap((key) => {
      const distribution = byKey.get(key);
      return distribution === undefined ? [] : [shown(distribution, distributions, environment)];
    }),
    missing: keys.filter((key) => !byKey.has(key)).toSorted(),
  };
}

function shown(distribution: Installed, all: readonly Installed[], environment: Environment): ShownPackage {
  const { markers } = environment.facts;
  const own = dependenciesIfValid(distribution, markers);
  const requires =
    own === undefined ? distribution.metadata().requiresDist : [...new Set(own.map((requirement) => requirement.name))];
  const others = all.map((other) => ({ other, dependencies: dependenciesIfValid(other, markers) }));
  const requiredBy = others.some(({ dependencies }) => dependencies === undefined)
    ? ["#N/A"]
    : others
        .filter(({ dependencies }) => dependencies?.some((requirement) => requirement.key === distribution.key))
        .map(({ other }) => other.metadata().name || "UNKNOWN");
  return {
    distribution,
    homepage: homepageOf(distribution),
    requires: sorted(requires),
    requiredBy: sorted(requiredBy),
  };
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
