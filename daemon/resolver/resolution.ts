import type { Decision } from "../pubgrub/provider.ts";
import type { SolverStatistics } from "../pubgrub/solver.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import type { Candidate } from "./candidate.ts";
import type { Demand } from "./demand.ts";
import { installOrder } from "./install-order.ts";
import { metadataRequirements } from "./metadata-requirements.ts";
import { parsePackage, ROOT } from "./package-name.ts";
import type { RequestedBy, Resolution, Resolved } from "./ports.ts";
import type { PythonProvider } from "./python-provider.ts";
import type { World } from "./world.ts";

/** A solved attempt. */
export interface Finished {
  readonly world: World;
  readonly provider: PythonProvider;
  readonly decisions: readonly Decision<Version>[];
  readonly statistics: SolverStatistics;
  readonly restarts: number;
}

/** The parts of a project while the solution is put together. */
interface Gathered {
  readonly candidate: Candidate;
  readonly ordinal: number;
  base: readonly Demand[];
  readonly ofExtra: Map<string, readonly Demand[]>;
  readonly requestedBy: RequestedBy[];
}

/** The solution as the resolver's callers see it. */
export function resolutionOf({ world, provider, decisions, statistics, restarts }: Finished): Resolution {
  const roots = provider.demandsOf({ package: ROOT, version: world.input.pythonVersion });
  const projects = gather(provider, decisions);
  for (const demand of roots) addRequest(projects, demand, undefined);
  for (const decision of decisions) {
    const by = projects.get(parsePackage(decision.package).key)!.candidate;
    for (const demand of provider.demandsOf(decision)) addRequest(projects, demand, by);
  }
  const order = installOrder(roots, projects);
  return {
    candidates: order.map((key) => resolvedOf(world, projects.get(key)!)),
    statistics: {
      ...statistics,
      pages: world.fetches.counts.pages,
      metadata: world.fetches.counts.metadata,
      restarts,
    },
  };
}

function gather(provider: PythonProvider, decisions: readonly Decision<Version>[]): Map<NormalizedName, Gathered> {
  const projects = new Map<NormalizedName, Gathered>();
  for (const decision of decisions) {
    const { key, extra } = parsePackage(decision.package);
    const demands = provider.demandsOf(decision);
    const known = projects.get(key);
    if (extra !== undefined) known?.ofExtra.set(extra, demands);
    else {
      const candidate = provider.candidate(key, decision.version);
      projects.set(key, { candidate, ordinal: projects.size, base: demands, ofExtra: new Map(), requestedBy: [] });
    }
  }
  return projects;
}

function addRequest(projects: Map<NormalizedName, Gathered>, demand: Demand, by: Candidate | undefined): void {
  const { requirement, origin } = demand;
  projects.get(demand.key)?.requestedBy.push({ requirement, by, origin });
}

function resolvedOf(world: World, project: Gathered): Resolved {
  const { candidate, ordinal, requestedBy } = project;
  const demands = [...project.base, ...[...project.ofExtra.values()].flat()];
  return {
    candidate,
    extras: [...project.ofExtra.keys()].filter((extra) => providesExtra(world, candidate, extra)).sort(),
    requestedBy,
    isUserRequested: requestedBy.some(({ by }) => by === undefined),
    dependencies: [...new Set(demands.map((demand) => demand.key))].filter((key) => key !== candidate.key).sort(),
    ordinal,
  };
}

function providesExtra(world: World, candidate: Candidate, extra: string): boolean {
  const metadata = world.fetches.metadata(candidate);
  if (metadata instanceof Promise) return false;
  return metadataRequirements(metadata, world.input.markerEnvironment).ofExtra(extra) !== undefined;
}

/** pip's warning for each chosen file that its index has yanked. */
export function warnAboutYanked({ world, provider, decisions }: Finished): void {
  for (const { package: name, version } of decisions) {
    const { key, extra } = parsePackage(name);
    if (extra !== undefined) continue;
    const { source } = provider.candidate(key, version);
    if (source.kind !== "file" || source.file.yanked === false) continue;
    world.warn(
      `The candidate selected for download or install is a yanked version: '${key}' candidate (version ${version.text} ` +
        `at ${source.file.filename} (from ${source.file.origin}))\nReason for being yanked: ${source.file.yanked || "<none given>"}`,
    );
  }
}
