import type { Installed } from "../python/installed.ts";
import { evaluateMarker } from "../standards/marker.ts";
import type { NormalizedName } from "../standards/name.ts";
import { intersectSpecifiers, isPinned, mentionsPrerelease } from "../standards/specifier.ts";
import type { Version } from "../standards/version.ts";
import { FULL_RANGE, intersectRanges, rangeOf, singletonRange, type VersionRange } from "../standards/version-range.ts";
import type { Call } from "../std/call.ts";
import type { Candidate, DirectWheel } from "./candidate.ts";
import { type Demand, demandOf } from "./demand.ts";
import { createFetches, type Fetches } from "./fetches.ts";
import type { Constraint, DecisionWatch, ResolveInput, ResolverPorts, RootRequirement } from "./ports.ts";
import type { FileRules } from "./project-versions.ts";

/** All constraints on one project together. */
export interface ProjectConstraint {
  readonly range: VersionRange;
  readonly mentionsPrerelease: boolean;
  readonly isPinned: boolean;
  /** As pip shows it: "beta<2". */
  readonly text: string;
  readonly origin: string;
}

/** An installed distribution the resolver may keep. */
export interface Kept {
  readonly candidate: Candidate;
  /** Keep it if it satisfies; otherwise it is one candidate among the index's. */
  readonly isPreferred: boolean;
}

/** What stays the same through all attempts of one resolution. */
export interface World {
  readonly input: ResolveInput;
  readonly call: Call;
  readonly fetches: Fetches;
  readonly watch: DecisionWatch | undefined;
  readonly rules: FileRules;
  /** The user's requirements whose markers hold. */
  readonly requirements: readonly RootRequirement[];
  readonly constraints: ReadonlyMap<NormalizedName, ProjectConstraint>;
  /** URLs that the user binds projects to: by requirements, then by constraints. */
  readonly userDirects: ReadonlyMap<NormalizedName, DirectWheel>;
  /** Place of a project among the user's requirements. */
  readonly userOrder: ReadonlyMap<NormalizedName, number>;
  kept(key: NormalizedName): Kept | undefined;
  /** Once for each text. */
  warn(text: string): void;
}

/** Evaluates what can be before solving. */
export function createWorld(input: ResolveInput, ports: ResolverPorts, call: Call): World {
  const applies = ({ requirement }: RootRequirement): boolean =>
    !requirement.marker || evaluateMarker(requirement.marker, input.markerEnvironment, "");
  const requirements = input.requirements.filter(applies);
  const constraints = input.constraints.filter(applies);
  const userOrder = new Map<NormalizedName, number>();
  const userDirects = new Map<NormalizedName, DirectWheel>();
  requirements.forEach(({ requirement }, index) => {
    if (!userOrder.has(requirement.key)) userOrder.set(requirement.key, index);
  });
  for (const { requirement, direct } of [...requirements, ...constraints]) {
    if (direct && !userDirects.has(requirement.key)) userDirects.set(requirement.key, direct);
  }
  const warned = new Set<string>();
  const kept = new Map<NormalizedName, Kept | undefined>();
  return {
    input,
    call,
    fetches: createFetches(ports),
    watch: ports.watch,
    rules: fileRules(input, [...requirements, ...constraints]),
    requirements,
    constraints: sumConstraints(constraints),
    userDirects,
    userOrder,
    kept(key) {
      if (!kept.has(key)) kept.set(key, findKept(input, key, userOrder.has(key)));
      return kept.get(key);
    },
    warn(text) {
      if (warned.has(text)) return;
      warned.add(text);
      call.reporter.message("warning", text);
    },
  };
}

function findKept(input: ResolveInput, key: NormalizedName, isUserRequested: boolean): Kept | undefined {
  if (input.forceReinstall || input.ignoreInstalled) return undefined;
  const installed = input.installed.get(key);
  const version = installed && versionOfInstalled(installed);
  if (!installed || !version) return undefined;
  const floats = input.upgrade === "eager" || (input.upgrade === "only-if-needed" && isUserRequested);
  const candidate: Candidate = { key, name: installed.name, version, source: { kind: "installed", installed } };
  return { candidate, isPreferred: !floats };
}

/** The version of an installed distribution, unless it is not one by PEP 440. */
export function versionOfInstalled(installed: Installed): Version | undefined {
  return installed.parsedVersion;
}

/** The hashes that requirements and constraints give together: what all of them allow that give some. */
export function hashesByProject(
  requirements: readonly RootRequirement[],
  constraints: readonly Constraint[],
): (key: string) => ReadonlySet<string> | undefined {
  const hashes = new Map<string, ReadonlySet<string>>();
  for (const { requirement, hashes: texts } of [...constraints, ...requirements]) {
    if (!texts || texts.length === 0) continue;
    const known = hashes.get(requirement.key);
    hashes.set(requirement.key, new Set(known ? texts.filter((text) => known.has(text)) : texts));
  }
  return (key) => hashes.get(key);
}

function fileRules(input: ResolveInput, requirements: readonly RootRequirement[]): FileRules {
  const anyFormat = { wheel: true, sdist: true };
  return {
    tagRanks: input.tagRanks,
    ignoreTags: input.ignoreTags === true,
    pythonVersion: input.ignoreRequiresPython ? undefined : input.pythonVersion,
    allowedFormats: (key) => input.allowedFormats?.(key as NormalizedName) ?? anyFormat,
    allowedHashes: hashesByProject(requirements, input.constraints),
  };
}

function sumConstraints(constraints: readonly Constraint[]): ReadonlyMap<NormalizedName, ProjectConstraint> {
  const groups = Map.groupBy(constraints, ({ requirement }) => requirement.key);
  const sums = new Map<NormalizedName, ProjectConstraint>();
  for (const [key, group] of groups) {
    const specifier = group
      .map(({ requirement }) => requirement.specifier)
      .reduce((sum, next) => intersectSpecifiers(sum, next));
    const direct = group.find((constraint) => constraint.direct)?.direct;
    const range = group.reduce(
      (sum, next) => (next.direct ? intersectRanges(sum, singletonRange(next.direct.version)) : sum),
      rangeOf(specifier),
    );
    sums.set(key, {
      range: range ?? FULL_RANGE,
      mentionsPrerelease: mentionsPrerelease(specifier),
      isPinned: isPinned(specifier),
      text: direct ? `${key} @ ${direct.shownUrl}` : `${key}${specifier.text}`,
      origin: group[0]!.origin,
    });
  }
  return sums;
}

/** The demands of the user. `bound` gives the wheel a project is bound to. */
export function rootDemands(world: World, bound: (key: NormalizedName) => DirectWheel | undefined): readonly Demand[] {
  return world.requirements.map(({ requirement, direct, origin }) => {
    const pin = bound(requirement.key);
    const wheel = direct && (direct.url === pin?.url ? direct : "conflict");
    return demandOf(requirement, wheel, origin);
  });
}
