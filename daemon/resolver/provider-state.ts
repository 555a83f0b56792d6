import type { ProjectFiles } from "../index/project-files.ts";
import type { Choice, Decision, View } from "../pubgrub/provider.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import { FULL_RANGE, intersectRanges, singletonRange, type VersionRange } from "../standards/version-range.ts";
import { type ActiveDemands, createActiveDemands } from "./active-demands.ts";
import type { Attempt } from "./attempt.ts";
import type { Candidate } from "./candidate.ts";
import type { Demand } from "./demand.ts";
import { parsePackage, ROOT } from "./package-name.ts";
import { createProjectView, type ProjectView, type VersionPolicy } from "./project-view.ts";
import { rootDemands, type World } from "./world.ts";

export type PythonChoice = Choice<VersionRange, Version>;
export type PythonView = View<VersionRange, Version>;

/** What the provider of one attempt has found out so far. */
export interface ProviderState {
  readonly world: World;
  readonly attempt: Attempt;
  readonly views: Map<NormalizedName, ProjectView>;
  /** Projects whose page was waited for: only these have intervals, so that nothing depends on when a prefetch arrives. */
  readonly loaded: Set<NormalizedName>;
  /** By `identityOf`: what each version asks for. */
  readonly demands: Map<string, readonly Demand[]>;
  /** Packages of extras anything asked for, by project. */
  readonly extras: Map<NormalizedName, Set<string>>;
  /** Projects of which versions were passed over that pre-release or yanked rules might allow under other decisions. */
  readonly passedOver: Set<NormalizedName>;
  readonly active: ActiveDemands;
  /** What `rankOf` gave, as long as nothing it depends on changes. */
  readonly ranks: Map<string, number>;
}

/** The state at the beginning of an attempt. */
export function createProviderState(world: World, attempt: Attempt): ProviderState {
  const ranks = new Map<string, number>();
  const demands = new Map([[ROOT, rootDemands(world, (key) => attempt.directs.get(key))]]);
  const active = createActiveDemands(
    (decision) => demands.get(identityOf(decision.package, decision.version)) ?? [],
    (key) => ranks.delete(key),
  );
  return {
    world,
    attempt,
    views: new Map(),
    loaded: new Set(),
    demands,
    extras: new Map(),
    passedOver: new Set(),
    active,
    ranks,
  };
}

/** The name of a version of a package within an attempt; the same as in `Attempt.refused`. */
export function identityOf(name: string, version: Version): string {
  return name === ROOT ? ROOT : `${name} ${version.key}`;
}

/** What a decision asks for. */
export function demandsOf(state: ProviderState, decision: Decision<Version>): readonly Demand[] {
  return state.demands.get(identityOf(decision.package, decision.version)) ?? [];
}

/** The versions of a page; what is installed counts among them. */
export function viewOf(state: ProviderState, key: NormalizedName, project: ProjectFiles): ProjectView {
  let view = state.views.get(key);
  if (!view) {
    view = createProjectView(project, state.world.rules, state.world.kept(key)?.candidate.version);
    state.views.set(key, view);
  }
  return view;
}

/** The rules for pre-releases and yanked files by the requirements now in force. */
export function policyOf({ world, attempt, active }: ProviderState, key: NormalizedName): VersionPolicy {
  const pressure = active.of(key);
  const constraint = world.constraints.get(key);
  return {
    combined: constraint ? intersectRanges(pressure.combined, constraint.range) : pressure.combined,
    prereleases:
      world.input.prereleases === "allow" || pressure.mentionsPrerelease || constraint?.mentionsPrerelease === true,
    pinned: pressure.isPinned || constraint?.isPinned === true,
    permissive: attempt.permissive.has(key),
  };
}

/** What stands for a version that was chosen. */
export function candidateOf(state: ProviderState, key: NormalizedName, version: Version): Candidate {
  const direct = state.attempt.directs.get(key);
  if (direct) return { key, name: direct.name, version: direct.version, source: { kind: "direct", direct } };
  const kept = state.world.kept(key);
  if (kept && kept.candidate.version.key === version.key) return kept.candidate;
  const file = state.views.get(key)?.fileOf(version);
  if (!file) throw new Error(`There is no file for ${key} ${version.text}.`);
  return { key, name: file.wheel?.name ?? key, version: file.version, source: { kind: "file", file } };
}

/** A set with the version and no other that exists: up to the next one where the page is known. */
export function versionSetOf({ loaded, views }: ProviderState, name: string, version: Version): VersionRange {
  if (name === ROOT) return FULL_RANGE;
  const { key } = parsePackage(name);
  const view = loaded.has(key) ? views.get(key) : undefined;
  return view ? view.interval(version) : singletonRange(version);
}
