import type { Choice, Decision, Dependencies, Dependency, Exclusion, Provider, View } from "../pubgrub/provider.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import {
  complementRange,
  FULL_RANGE,
  intersectRanges,
  rangeContains,
  singletonRange,
  type VersionRange,
} from "../standards/version-range.ts";
import { createActiveDemands, type Pressure } from "./active-demands.ts";
import type { Attempt } from "./attempt.ts";
import type { Candidate } from "./candidate.ts";
import { createCandidateReader } from "./candidate-reader.ts";
import { type Demand, dependenciesOf, type Reason } from "./demand.ts";
import { extraPackage, parsePackage, ROOT } from "./package-name.ts";
import { createPrefetcher } from "./prefetcher.ts";
import { createProjectView, type ProjectView, type VersionPolicy } from "./project-view.ts";
import { VERSION_SETS } from "./version-sets.ts";
import { rootDemands, type World } from "./world.ts";

type PythonChoice = Choice<VersionRange, Version>;
type PythonView = View<VersionRange, Version>;

/** An extra comes right after its project, and not before. */
const EXTRA_RANK = Number.NEGATIVE_INFINITY;

/** The provider of one attempt, and what it knows afterwards. */
export interface PythonProvider extends Provider<VersionRange, Version> {
  candidate(key: NormalizedName, version: Version): Candidate;
  demandsOf(decision: Decision<Version>): readonly Demand[];
  /** The page of a project, if it was looked at. */
  seen(key: NormalizedName): ProjectView | undefined;
  /** Projects of which pre-releases or yanked files were passed over where, with other decisions, they might have been allowed. */
  readonly passedOver: ReadonlySet<NormalizedName>;
  policy(key: NormalizedName): VersionPolicy;
  /** Brings `policy` up to date with a finished solution. */
  follow(decisions: readonly Decision<Version>[]): unknown;
}

/** PubGrub's questions answered from indexes, the environment and the user's requirements, as pip would choose. */
export function createPythonProvider(world: World, attempt: Attempt): PythonProvider {
  const views = new Map<NormalizedName, ProjectView>();
  /** Projects whose page was waited for: only these have intervals, so that nothing depends on when a prefetch arrives. */
  const loaded = new Set<NormalizedName>();
  const demands = new Map<string, readonly Demand[]>([[ROOT, rootDemands(world, (key) => attempt.directs.get(key))]]);
  const extras = new Map<NormalizedName, Set<string>>();
  const passedOver = new Set<NormalizedName>();
  const tries = new Map<NormalizedName, number>();
  /** What `rankOf` gave, as long as nothing it depends on changes. */
  const ranks = new Map<string, number>();
  let ranksRevision = 0;

  const identity = (name: string, version: Version): string => (name === ROOT ? ROOT : `${name} ${version.key}`);
  const demandsOf = (decision: Decision<Version>): readonly Demand[] =>
    demands.get(identity(decision.package, decision.version)) ?? [];
  const active = createActiveDemands(demandsOf, (key) => ranks.delete(key));
  const keptVersion = (key: NormalizedName): Version | undefined => world.kept(key)?.candidate.version;

  const viewOf = (key: NormalizedName, project: ProjectView["project"]): ProjectView => {
    let view = views.get(key);
    if (!view) {
      view = createProjectView(project, world.rules, keptVersion(key));
      views.set(key, view);
    }
    return view;
  };
  const policy = (key: NormalizedName): VersionPolicy => {
    const pressure = active.of(key);
    const constraint = world.constraints.get(key);
    return {
      combined: constraint ? intersectRanges(pressure.combined, constraint.range) : pressure.combined,
      prereleases:
        world.input.prereleases === "allow" || pressure.mentionsPrerelease || constraint?.mentionsPrerelease === true,
      pinned: pressure.isPinned || constraint?.isPinned === true,
      permissive: attempt.permissive.has(key),
    };
  };
  const candidate = (key: NormalizedName, version: Version): Candidate => {
    const direct = attempt.directs.get(key);
    if (direct) return { key, name: direct.name, version: direct.version, source: { kind: "direct", direct } };
    const kept = world.kept(key);
    if (kept && kept.candidate.version.key === version.key) return kept.candidate;
    const file = views.get(key)?.fileOf(version);
    if (!file) throw new Error(`There is no file for ${key} ${version.text}.`);
    return { key, name: file.wheel?.name ?? key, version: file.version, source: { kind: "file", file } };
  };
  const reader = createCandidateReader(world, attempt);
  const prefetcher = createPrefetcher({ world, attempt, viewOf, candidate });

  /** Where a project stands among those to be decided: pip's preference, and above it what conflicts taught. */
  const rankOf = (key: NormalizedName, view: PythonView): number => {
    const preference = preferenceOf(world, key, active.of(key));
    // Once there were conflicts, the user's own come first in any case: pip does not give the newest of them up for what others need.
    const late = view.lateness(key);
    if (late === 0 && world.userOrder.has(key) && view.orderRevision() > 0) return preference - 2e9;
    return view.isPromoted(key) ? preference - 1e9 : preference + 1e9 * late;
  };

  /** The versions of a project that its extras leave, too. */
  const jointly = (key: NormalizedName, set: VersionRange, view: PythonView): VersionRange => {
    let joint = set;
    for (const extra of extras.get(key) ?? []) {
      const allowed = view.allowed(extra);
      if (allowed) joint = intersectRanges(joint, allowed);
    }
    return joint;
  };
  /** Nothing fits together with the extras, though something fits without them: not all of them can hold. */
  const conflictWithExtras = (key: NormalizedName, set: VersionRange, view: PythonView): PythonChoice => {
    const terms = [{ package: key as string, positive: true, set }];
    for (const extra of extras.get(key) ?? []) {
      const allowed = view.allowed(extra);
      if (allowed) terms.push({ package: extra, positive: true, set: allowed });
    }
    return { kind: "conflict", terms, reason: { kind: "same-version" } satisfies Reason };
  };
  const pickFrom = (key: NormalizedName, set: VersionRange, project: ProjectView, view: PythonView): PythonChoice => {
    const joint = jointly(key, set, view);
    const rule = policy(key);
    const { version, passedOver: didPassOver } = project.pick(joint, rule);
    if (version) return { kind: "version", version };
    if (didPassOver) passedOver.add(key);
    if (joint !== set && project.pick(set, rule).version) return conflictWithExtras(key, set, view);
    return { kind: "no-versions", reason: { kind: "not-found" } satisfies Reason };
  };
  const chooseProject = (
    key: NormalizedName,
    set: VersionRange,
    view: PythonView,
  ): PythonChoice | Promise<PythonChoice> => {
    const direct = attempt.directs.get(key);
    if (direct) {
      if (rangeContains(jointly(key, set, view), direct.version)) return { kind: "version", version: direct.version };
      if (rangeContains(set, direct.version)) return conflictWithExtras(key, set, view);
      return { kind: "no-versions", reason: { kind: "not-found" } satisfies Reason };
    }
    const kept = world.kept(key);
    if (kept?.isPreferred && rangeContains(jointly(key, set, view), kept.candidate.version)) {
      return { kind: "version", version: kept.candidate.version };
    }
    const project = world.fetches.project(key);
    if (!(project instanceof Promise)) {
      loaded.add(key);
      return pickFrom(key, set, viewOf(key, project), view);
    }
    return project.then((arrived) => {
      loaded.add(key);
      return pickFrom(key, set, viewOf(key, arrived), view);
    });
  };
  const chooseExtra = (name: string, key: NormalizedName, set: VersionRange, view: PythonView): PythonChoice => {
    const version = view.decided(key);
    if (!version) throw new Error(`${name} was to be decided before its project.`);
    if (rangeContains(set, version)) return { kind: "version", version };
    const terms = [
      { package: name, positive: true, set },
      { package: key as string, positive: true, set: versionSet(key, version) },
    ];
    return { kind: "conflict", terms, reason: { kind: "same-version" } satisfies Reason };
  };
  const versionSet = (name: string, version: Version): VersionRange => {
    if (name === ROOT) return FULL_RANGE;
    const { key } = parsePackage(name);
    const view = loaded.has(key) ? views.get(key) : undefined;
    return view ? view.interval(version) : singletonRange(version);
  };

  const take = (name: string, version: Version, wanted: readonly Demand[]): Dependency<VersionRange>[] => {
    demands.set(identity(name, version), wanted);
    const list: Dependency<VersionRange>[] = [];
    for (const demand of wanted) {
      for (const dependency of dependenciesOf(demand)) {
        if (dependency.package !== name) list.push(dependency);
      }
      for (const extra of demand.extras) {
        const known = extras.get(demand.key) ?? new Set();
        extras.set(demand.key, known.add(extraPackage(demand.key, extra)));
      }
    }
    return list;
  };
  const dependenciesOfRoot = (): Dependencies<VersionRange> => {
    const exclusions: Exclusion<VersionRange>[] = [];
    for (const [key, { range, text, origin }] of world.constraints) {
      const reason: Reason = { kind: "constraint", text, origin };
      exclusions.push({ package: key, set: complementRange(range), reason });
    }
    const anyVersion = world.input.pythonVersion;
    return { kind: "known", list: take(ROOT, anyVersion, demands.get(ROOT)!), exclusions };
  };
  const prefetchFurther = (key: NormalizedName, version: Version, view: PythonView): void => {
    const count = (tries.get(key) ?? 0) + 1;
    tries.set(key, count);
    const allowed = view.allowed(key);
    if (allowed && count >= 4 && (count & (count - 1)) === 0) prefetcher.further(key, allowed, version, count);
  };

  return {
    sets: VERSION_SETS,
    candidate,
    demandsOf,
    passedOver,
    policy,
    versionSet,
    seen: (key) => views.get(key),
    follow: (decisions) => active.follow(decisions),
    choosePackage(view) {
      for (const demand of active.follow(view.decisions)) prefetcher.want(demand, view);
      if (view.orderRevision() !== ranksRevision) {
        ranks.clear();
        ranksRevision = view.orderRevision();
      }
      let best = "";
      let bestRank = Number.POSITIVE_INFINITY;
      for (const name of view.undecided) {
        let rank = ranks.get(name);
        if (rank === undefined) {
          const { key, extra } = parsePackage(name);
          rank = extra === undefined ? rankOf(key, view) : EXTRA_RANK;
          ranks.set(name, rank);
        }
        if (rank === EXTRA_RANK) {
          if (view.decided(parsePackage(name).key)) return name;
        } else if (rank < bestRank || (rank === bestRank && name < best)) {
          best = name;
          bestRank = rank;
        }
      }
      return best;
    },
    chooseVersion(name, set, view) {
      active.follow(view.decisions);
      const { key, extra } = parsePackage(name);
      return extra === undefined ? chooseProject(key, set, view) : chooseExtra(name, key, set, view);
    },
    async dependencies(name, version, view) {
      if (name === ROOT) return dependenciesOfRoot();
      const { key, extra } = parsePackage(name);
      const of = candidate(key, version);
      if (extra === undefined) prefetchFurther(key, version, view);
      const read = await reader.read(of, extra, identity(name, version));
      if (read.kind === "unavailable") return read;
      const wanted = read.demands;
      const own = wanted.find((demand) => demand.key === key && !rangeContains(demand.range, version));
      if (own) return { kind: "unavailable", reason: { kind: "demand", demand: own } satisfies Reason };
      const list = take(name, version, wanted);
      if (extra !== undefined) {
        const reason: Reason = { kind: "same-version" };
        list.unshift({ package: key, set: versionSet(key, version), key: `==${version.key}`, reason });
      }
      return { kind: "known", list };
    },
    canWithdraw(culprit, affected) {
      // The user's projects are as new as can be, in the order of the user.
      const order = world.userOrder.get(parsePackage(culprit).key);
      return (
        order === undefined || order > (world.userOrder.get(parsePackage(affected).key) ?? Number.POSITIVE_INFINITY)
      );
    },
    canReconsider(name, set) {
      const { key } = parsePackage(name);
      if (attempt.directs.has(key)) return false;
      const view = loaded.has(key) ? views.get(key) : undefined;
      if (!view) return true;
      const rule = policy(key);
      return view.pick(set, { ...rule, combined: intersectRanges(rule.combined, set) }).version !== undefined;
    },
  };
}

/** pip's order of preference as one number, lowest first; names decide between equals. */
function preferenceOf(world: World, key: NormalizedName, pressure: Pressure): number {
  const wanted = (pressure.isDirect ? 0 : 4) + (pressure.isPinned ? 0 : 2) + (pressure.isBounded ? 0 : 1);
  const order = Math.min(world.userOrder.get(key) ?? 1e6, 1e6);
  return (wanted * 2e6 + order) * 2 + (pressure.hasOperator ? 0 : 1);
}
