import type { View } from "../pubgrub/provider.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import { intersectRanges, rangeContains, type VersionRange } from "../standards/version-range.ts";
import { type Demand, demandOf } from "./demand.ts";
import { metadataFault, metadataRequirements } from "./metadata-requirements.ts";
import type { ProjectView } from "./project-view.ts";
import { candidateOf, type ProviderState, viewOf } from "./provider-state.ts";

/** Asks the ports ahead of need. It never decides anything: a resolution is the same without it, only later. */
export interface Prefetcher {
  /** Something needs a project: its page is wanted, then the metadata of the version that would be picked, then what that needs. */
  want(demand: Demand, view: View<VersionRange, Version>): void;
  /** A project is being searched downwards: the metadata of the next `count` versions is wanted. */
  further(key: NormalizedName, set: VersionRange, below: Version, count: number): void;
}

/** A prefetcher for one attempt. */
export function createPrefetcher(state: ProviderState): Prefetcher {
  const { world, attempt } = state;
  const { fetches, input } = world;
  const guessed = new Set<string>();

  /** Calls back at once or later; failures are left to whoever needs the answer. */
  const when = <T>(answer: Promise<T> | T, then: (value: T) => void): void => {
    if (answer instanceof Promise) answer.then(then).catch(() => {});
    else then(answer);
  };
  const guess = (key: NormalizedName, set: VersionRange, prereleases: boolean, project: ProjectView): void => {
    const { version } = project.pick(set, { combined: set, prereleases, pinned: false, permissive: false });
    if (!version || guessed.has(`${key} ${version.key}`)) return;
    guessed.add(`${key} ${version.key}`);
    const candidate = candidateOf(state, key, version);
    when(fetches.metadata(candidate), (metadata) => {
      if (metadataFault(metadata, input.markerEnvironment) !== undefined) return;
      world.watch?.expected(candidate);
      if (input.noDeps) return;
      for (const requirement of metadataRequirements(metadata, input.markerEnvironment).base) {
        if (requirement.url === undefined) fetchProject(demandOf(requirement, undefined), undefined);
      }
    });
  };
  const fetchProject = (demand: Demand, allowed: VersionRange | undefined): void => {
    const { key } = demand;
    if (attempt.directs.has(key)) return;
    let set = allowed ? intersectRanges(allowed, demand.range) : demand.range;
    const constraint = world.constraints.get(key);
    if (constraint) set = intersectRanges(set, constraint.range);
    const kept = world.kept(key);
    if (kept?.isPreferred && rangeContains(set, kept.candidate.version)) return;
    const prereleases = input.prereleases === "allow" || demand.mentionsPrerelease;
    when(fetches.project(key), (project) => guess(key, set, prereleases, viewOf(state, key, project)));
  };

  return {
    want(demand, view) {
      if (view.decided(demand.key) === undefined) fetchProject(demand, view.allowed(demand.key));
    },
    further(key, set, below, count) {
      when(fetches.project(key), (project) => {
        for (const version of viewOf(state, key, project).next(set, below, count)) {
          when(fetches.metadata(candidateOf(state, key, version)), () => {});
        }
      });
    },
  };
}
