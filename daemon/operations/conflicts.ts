import type { Environment } from "../python/environment.ts";
import type { InstalledSet } from "../python/installed.ts";
import { evaluateMarker } from "../standards/marker.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import { type CheckedPackage, checkedPackage, checkPackages } from "./check.ts";
import type { Chosen } from "./choose-installations.ts";
import { requirementsIn } from "./dependencies.ts";
import { readWheelMetadata } from "./wheel-metadata.ts";

/** Says which installed packages are broken by what was installed: pip's last lines, which do not change the exit status. */
export function warnAboutConflicts(
  chosen: readonly Chosen[],
  stored: readonly StoredWheel[],
  before: InstalledSet,
  environment: Environment,
  call: Call,
): void {
  const packages = new Map<NormalizedName, CheckedPackage>();
  for (const distribution of before.distributions) {
    try {
      packages.set(distribution.key, checkedPackage(distribution, environment));
    } catch {
      // A distribution that cannot be understood takes part in no comparison.
    }
  }
  for (const [index, { resolved }] of chosen.entries()) {
    const { key } = resolved.candidate;
    const dependencies = requirementsIn(readWheelMetadata(stored[index]!)).filter(
      ({ marker }) => marker === undefined || evaluateMarker(marker, environment.facts.markers),
    );
    packages.set(key, { key, version: resolved.candidate.version.text, dependencies });
  }
  const changed = new Set<NormalizedName>(chosen.map(({ resolved }) => resolved.candidate.key));
  const concerns = new Set(changed);
  for (const { key, dependencies } of packages.values())
    if (dependencies.some((requirement) => changed.has(requirement.key))) concerns.add(key);
  const { missing, conflicting } = checkPackages([...packages.values()], (key) => concerns.has(key));
  if (missing.length === 0 && conflicting.length === 0) return;
  call.reporter.message(
    "critical",
    [
      "pip's dependency resolver does not currently take into account all the packages that are installed. This behaviour is the source of the following dependency conflicts.",
      ...missing.map(
        ({ package: { key, version }, requirement }) =>
          `${key} ${version} requires ${requirement.key}, which is not installed.`,
      ),
      ...conflicting.map(
        ({ package: { key, version }, requirement, found }) =>
          `${key} ${version} requires ${requirement.text}, but you have ${found.key} ${found.version} which is incompatible.`,
      ),
    ].join("\n"),
  );
}
