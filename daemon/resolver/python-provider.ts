import type { Decision, Dependencies, Dependency, Exclusion, Provider } from "../pubgrub/provider.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import { complementRange, intersectRanges, rangeContains, type VersionRange } from "../standards/version-range.ts";
import type { Attempt } from "./attempt.ts";
import type { Candidate } from "./candidate.ts";
import { createCandidateReader, type ReadCandidate } from "./candidate-reader.ts";
import { canWithdraw, choosePackage } from "./choose-package.ts";
import { chooseVersion } from "./choose-version.ts";
import { createDecisionTeller } from "./decision-watch.ts";
import { type Demand, dependenciesOf, type Reason } from "./demand.ts";
import { extraPackage, parsePackage, ROOT } from "./package-name.ts";
import { createPrefetcher, type Prefetcher } from "./prefetcher.ts";
import type { ProjectView, VersionPolicy } from "./project-view.ts";
import {
  candidateOf,
  createProviderState,
  demandsOf,
  identityOf,
  type ProviderState,
  type PythonView,
  policyOf,
  versionSetOf,
} from "./provider-state.ts";
import { VERSION_SETS } from "./version-sets.ts";
import type { World } from "./world.ts";

type PythonDependencies = Dependencies<VersionRange>;

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
  const state = createProviderState(world, attempt);
  const { active, ranks } = state;
  const reader = createCandidateReader(world, attempt);
  const prefetcher = createPrefetcher(state);
  const prefetchFurther = createSearchWatch(prefetcher);
  const tellDecisions = createDecisionTeller(world.watch, (decision) =>
    candidateOf(state, parsePackage(decision.package).key, decision.version),
  );
  let revision = 0;
  return {
    sets: VERSION_SETS,
    candidate: (key, version) => candidateOf(state, key, version),
    demandsOf: (decision) => demandsOf(state, decision),
    passedOver: state.passedOver,
    policy: (key) => policyOf(state, key),
    versionSet: (name, version) => versionSetOf(state, name, version),
    seen: (key) => state.views.get(key),
    follow: (decisions) => active.follow(decisions),
    choosePackage(view) {
      tellDecisions(view.decisions);
      for (const demand of active.follow(view.decisions)) prefetcher.want(demand, view);
      if (view.orderRevision() !== revision) ranks.clear();
      revision = view.orderRevision();
      return choosePackage(state, view);
    },
    chooseVersion(name, set, view) {
      active.follow(view.decisions);
      return chooseVersion(state, name, set, view);
    },
    dependencies(name, version, view) {
      if (name === ROOT) return dependenciesOfRoot(state);
      const { key, extra } = parsePackage(name);
      if (extra === undefined) prefetchFurther(key, version, view);
      const read = reader.read(candidateOf(state, key, version), extra, identityOf(name, version));
      return read instanceof Promise
        ? read.then((arrived) => dependenciesOfRead(state, name, version, arrived))
        : dependenciesOfRead(state, name, version, read);
    },
    canWithdraw: (culprit, affected) => canWithdraw(world, culprit, affected),
    canReconsider: (name, set) => canReconsider(state, parsePackage(name).key, set),
  };
}

/** Notices when a project is searched downwards, and has ever more of what comes next fetched ahead. */
function createSearchWatch(prefetcher: Prefetcher): (key: NormalizedName, version: Version, view: PythonView) => void {
  const tries = new Map<NormalizedName, number>();
  return (key, version, view) => {
    const count = (tries.get(key) ?? 0) + 1;
    tries.set(key, count);
    const allowed = view.allowed(key);
    const isDue = count >= 4 && (count & (count - 1)) === 0;
    if (allowed && isDue) prefetcher.further(key, allowed, version, count);
  };
}

/** The user's requirements; constraints rule out what they do not allow without asking for anything. */
function dependenciesOfRoot(state: ProviderState): PythonDependencies {
  const { constraints, input } = state.world;
  const exclusions: Exclusion<VersionRange>[] = [];
  for (const [key, { range, text, origin }] of constraints) {
    const reason: Reason = { kind: "constraint", text, origin };
    exclusions.push({ package: key, set: complementRange(range), reason });
  }
  const list = takeDemands(state, ROOT, input.pythonVersion, state.demands.get(ROOT)!);
  return { kind: "known", list, exclusions };
}

function dependenciesOfRead(
  state: ProviderState,
  name: string,
  version: Version,
  read: ReadCandidate,
): PythonDependencies {
  if (read.kind === "unavailable") return read;
  const { key, extra } = parsePackage(name);
  const own = read.demands.find((demand) => demand.key === key && !rangeContains(demand.range, version));
  if (own) return { kind: "unavailable", reason: { kind: "demand", demand: own } satisfies Reason };
  const list = takeDemands(state, name, version, read.demands);
  if (extra !== undefined) {
    const reason: Reason = { kind: "same-version" };
    list.unshift({ package: key, set: versionSetOf(state, key, version), key: `==${version.key}`, reason });
  }
  return { kind: "known", list };
}

/** Remembers what a version asks for. Gives the solver's dependencies for it. */
function takeDemands(
  { demands, extras }: ProviderState,
  name: string,
  version: Version,
  wanted: readonly Demand[],
): Dependency<VersionRange>[] {
  demands.set(identityOf(name, version), wanted);
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
}

/** Is there another version in `set`, so that a decision on the project may be made anew? What was kept without a look at its page may have one. */
function canReconsider(state: ProviderState, key: NormalizedName, set: VersionRange): boolean {
  if (state.attempt.directs.has(key)) return false;
  const view = state.loaded.has(key) ? state.views.get(key) : undefined;
  if (!view) return true;
  const policy = policyOf(state, key);
  return view.pick(set, { ...policy, combined: intersectRanges(policy.combined, set) }).version !== undefined;
}
