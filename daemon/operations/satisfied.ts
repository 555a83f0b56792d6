import type { Environment } from "../python/environment.ts";
import type { Installed } from "../python/installed.ts";
import type { RootRequirement } from "../resolver/ports.ts";
import { evaluateMarker } from "../standards/marker.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { specifierContains } from "../standards/specifier.ts";
import { allRequirements } from "./dependencies.ts";

/** A requirement that is satisfied by what is installed. */
export interface Satisfied {
  readonly requirement: Requirement;
  readonly installed: Installed;
  /** pip's `(from ...)`: "flask->-r requirements.txt (line 1)"; "" for the command line. */
  readonly from: string;
}

interface Visit {
  readonly requirement: Requirement;
  readonly text: string;
  readonly from: string;
}

/**
 * Walks from the user's requirements through what is installed. Gives every project once, in the order in which pip says "already satisfied",
 * or undefined as soon as something is missing, has another version, or cannot be judged without the resolver.
 * Asks nothing but memory: a hundred packages take a fraction of a millisecond.
 */
export function findSatisfied(
  requirements: readonly RootRequirement[],
  constraints: readonly RootRequirement[],
  installed: ReadonlyMap<NormalizedName, Installed>,
  environment: Environment,
  followDependencies: boolean,
): readonly Satisfied[] | undefined {
  const limits = Map.groupBy(constraints, ({ requirement }) => requirement.key);
  const found = new Map<NormalizedName, Satisfied>();
  const seenExtras = new Map<NormalizedName, Set<string>>();
  let level: readonly Visit[] = requirements.map(({ requirement, origin }) => ({
    requirement,
    text: withoutMarker(requirement),
    from: origin,
  }));
  if (requirements.some(({ direct }) => direct !== undefined)) return undefined;
  while (level.length > 0) {
    const next: Visit[] = [];
    for (const visit of level) {
      const { requirement } = visit;
      const distribution = installed.get(requirement.key);
      if (distribution === undefined || !accepts(requirement, distribution, limits.get(requirement.key) ?? []))
        return undefined;
      const isNew = !found.has(requirement.key);
      if (isNew) found.set(requirement.key, { requirement, installed: distribution, from: visit.from });
      if (!followDependencies) continue;
      const dependencies = newDependencies(visit, distribution, isNew, seenExtras, environment);
      if (dependencies === undefined) return undefined;
      const path = visit.from === "" ? visit.text : `${visit.text}->${visit.from}`;
      for (const dependency of dependencies)
        next.push({ requirement: dependency, text: withoutMarker(dependency), from: path });
    }
    level = next;
  }
  return [...found.values()];
}

/** As pip prints the requirement that brought a project in: without its marker. */
export function withoutMarker({ marker, text }: Requirement): string {
  return marker === undefined ? text : text.slice(0, text.indexOf(";")).trimEnd();
}

function accepts(requirement: Requirement, distribution: Installed, limits: readonly RootRequirement[]): boolean {
  const { parsedVersion } = distribution;
  if (requirement.url !== undefined || parsedVersion === undefined) return false;
  return (
    specifierContains(requirement.specifier, parsedVersion, true) &&
    limits.every(
      ({ requirement: limit }) => limit.url === undefined && specifierContains(limit.specifier, parsedVersion, true),
    )
  );
}

/** What a visit adds: the plain dependencies at the first visit, those of each extra at its first; undefined when metadata or an extra is unknown. */
function newDependencies(
  { requirement }: Visit,
  distribution: Installed,
  isNew: boolean,
  seenExtras: Map<NormalizedName, Set<string>>,
  { facts }: Environment,
): readonly Requirement[] | undefined {
  const seen = seenExtras.get(requirement.key) ?? new Set<string>();
  seenExtras.set(requirement.key, seen);
  const extras = requirement.extras.map((extra): string => normalizeName(extra)).filter((extra) => !seen.has(extra));
  if (!isNew && extras.length === 0) return [];
  let all: readonly Requirement[];
  try {
    all = allRequirements(distribution);
  } catch {
    return undefined;
  }
  if (extras.length > 0) {
    const provided = new Set(distribution.metadata().providesExtra.map((extra): string => normalizeName(extra)));
    if (extras.some((extra) => !provided.has(extra))) return undefined;
  }
  for (const extra of extras) seen.add(extra);
  const holds = ({ marker }: Requirement, extra: string): boolean =>
    marker === undefined || evaluateMarker(marker, facts.markers, extra);
  return all.filter((dependency) => {
    const plain = holds(dependency, "");
    return plain ? isNew : extras.some((extra) => holds(dependency, extra));
  });
}
