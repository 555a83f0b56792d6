import type { Environment } from "../python/environment.ts";
import type { Installed } from "../python/installed.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { specifierContains } from "../standards/specifier.ts";
import { tryParseVersion } from "../standards/version.ts";
import type { Call } from "../std/call.ts";
import { dependenciesOf } from "./dependencies.ts";
import type { Parts } from "./parts.ts";
import { EVERYTHING, type InstalledSet, scanInstalled } from "./select-installed.ts";
import { createSetMemory } from "./set-memory.ts";

/** A distribution as `check` compares it: what is installed, or what will be. */
export interface CheckedPackage {
  readonly key: NormalizedName;
  readonly version: string;
  readonly dependencies: readonly Requirement[];
}

export interface MissingDependency {
  readonly package: CheckedPackage;
  readonly requirement: Requirement;
}

export interface ConflictingDependency extends MissingDependency {
  readonly found: CheckedPackage;
}

export interface CheckResult {
  readonly missing: readonly MissingDependency[];
  readonly conflicting: readonly ConflictingDependency[];
}

export interface CheckReport extends CheckResult {
  /** Wheels whose tags this interpreter does not take. */
  readonly unsupported: readonly Installed[];
  /** Distributions whose metadata cannot be understood, with the reason. */
  readonly unreadable: readonly { readonly key: NormalizedName; readonly reason: string }[];
}

/** Whether the installed distributions have what they ask for, as `pip check` sees it: in scan order, no extras, any version installed counts. */
export function checkEnvironment(parts: Parts, environment: Environment, call: Call): CheckReport {
  const set = scanInstalled(parts, environment, EVERYTHING, call);
  const known = reports.recall(set, environment.facts, "");
  if (known !== undefined) return known;
  const report = reportOn(set, environment, parts.tagRanks(environment));
  reports.remember(set, environment.facts, "", report);
  return report;
}

const reports = createSetMemory<CheckReport>(1);

function reportOn(
  { distributions }: InstalledSet,
  environment: Environment,
  ranks: ReadonlyMap<string, number>,
): CheckReport {
  const unreadable: { key: NormalizedName; reason: string }[] = [];
  const packages: CheckedPackage[] = [];
  for (const distribution of distributions) {
    try {
      packages.push(checkedPackage(distribution, environment));
    } catch (error) {
      unreadable.push({ key: distribution.key, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const unsupported = distributions.filter((distribution) => {
    const tags = distribution.wheelTags();
    return tags !== undefined && !tags.some((tag) => ranks.has(tag)) && selectable(distribution.key);
  });
  return { ...checkPackages(packages, () => true), unsupported, unreadable };
}

function selectable(key: NormalizedName): boolean {
  return key !== "python" && key !== "wsgiref" && key !== "argparse";
}

export function checkedPackage(distribution: Installed, environment: Environment): CheckedPackage {
  return {
    key: distribution.key,
    version: distribution.version,
    dependencies: dependenciesOf(distribution, environment.facts.markers),
  };
}

/** Compares packages with each other. @param concerns whether a package's own dependencies are looked at */
export function checkPackages(
  packages: readonly CheckedPackage[],
  concerns: (key: NormalizedName) => boolean,
): CheckResult {
  const byKey = new Map(packages.map((entry) => [entry.key, entry]));
  const missing: MissingDependency[] = [];
  const conflicting: ConflictingDependency[] = [];
  for (const entry of byKey.values()) {
    if (!concerns(entry.key)) continue;
    const seen = new Set<string>();
    const lacks: MissingDependency[] = [];
    const clashes: ConflictingDependency[] = [];
    for (const requirement of entry.dependencies) {
      if (seen.has(requirement.text)) continue;
      seen.add(requirement.text);
      const found = byKey.get(requirement.key);
      if (found === undefined) lacks.push({ package: entry, requirement });
      else if (!satisfies(requirement, found.version)) clashes.push({ package: entry, requirement, found });
    }
    missing.push(...lacks.toSorted((a, b) => order(a.requirement, b.requirement)));
    conflicting.push(...clashes.toSorted((a, b) => order(a.requirement, b.requirement)));
  }
  return { missing, conflicting };
}

function order(a: Requirement, b: Requirement): number {
  const [left, right] = [`${a.key} ${a.text}`, `${b.key} ${b.text}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function satisfies(requirement: Requirement, version: string): boolean {
  const parsed = tryParseVersion(version);
  return parsed !== undefined && specifierContains(requirement.specifier, parsed, true);
}
