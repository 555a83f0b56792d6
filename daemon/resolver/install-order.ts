import type { NormalizedName } from "../standards/name.ts";
import type { Demand } from "./demand.ts";

/** The dependencies of one project of a solution. */
export interface ProjectDemands {
  readonly base: readonly Demand[];
  /** What each extra (normalised) adds. */
  readonly ofExtra: ReadonlyMap<string, readonly Demand[]>;
}

const ROOT_NODE = "";

/** How often a node of a cycle is looked at: pip's bound on an otherwise exponential walk. */
const VISITS = 5;

/**
 * The order in which pip installs: what depends on nothing first, and so on; in a cycle by the longest way from the root. Projects of equal weight come in
 * descending order of their names, because pip sorts by (weight, name) and reverses. Source: `get_topological_weights` of pip's resolver.
 */
export function installOrder(
  roots: readonly Demand[],
  projects: ReadonlyMap<NormalizedName, ProjectDemands>,
): readonly NormalizedName[] {
  const weights = weigh(createGraph(roots, projects));
  const weightOf = (key: NormalizedName): number => weights.get(key) ?? 0;
  return [...projects.keys()].sort((a, b) => weightOf(b) - weightOf(a) || (a < b ? 1 : -1));
}

type Graph = Map<string, Set<string>>;

/** pip's graph: a node for each project, and one for each combination of extras something asks for. */
function createGraph(roots: readonly Demand[], projects: ReadonlyMap<NormalizedName, ProjectDemands>): Graph {
  const graph: Graph = new Map([[ROOT_NODE, new Set()]]);
  const queue: { readonly parent: string; readonly demands: readonly Demand[] }[] = [
    { parent: ROOT_NODE, demands: roots },
  ];
  const enter = (node: string, demands: readonly Demand[]): void => {
    if (graph.has(node)) return;
    graph.set(node, new Set());
    queue.push({ parent: node, demands });
  };
  for (const { parent, demands } of queue) {
    const children = graph.get(parent)!;
    for (const demand of demands) {
      const project = projects.get(demand.key);
      if (!project) continue;
      enter(demand.key, project.base);
      if (demand.extras.length === 0 || demand.hasOperator || demand.isDirect) children.add(demand.key);
      if (demand.extras.length === 0) continue;
      const node = `${demand.key}[${demand.extras.join(",")}]`;
      children.add(node);
      const added = demand.extras.flatMap((extra) => project.ofExtra.get(extra) ?? []);
      enter(node, [...project.base, ...added]);
      graph.get(node)!.add(demand.key);
    }
  }
  return graph;
}

function weigh(graph: Graph): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  pruneLeaves(graph, weights);
  const seen = new Map<string, number>();
  const path = new Set<string>();
  const visit = (node: string): void => {
    if (path.has(node)) return;
    const visits = seen.get(node) ?? 0;
    if (visits >= VISITS) return;
    path.add(node);
    for (const child of graph.get(node) ?? []) visit(child);
    path.delete(node);
    // pip counts visits of projects to be installed only; the nodes of extras and the root are passed through freely.
    if (node === ROOT_NODE || node.includes("[")) return;
    seen.set(node, visits + 1);
    weights.set(node, Math.max(weights.get(node) ?? 0, path.size));
  };
  visit(ROOT_NODE);
  return weights;
}

/** Takes nodes without dependencies away, round after round; the first to go weigh most. */
function pruneLeaves(graph: Graph, weights: Map<string, number>): void {
  const parents = new Map<string, string[]>();
  for (const [node, children] of graph) {
    for (const child of children) {
      const list = parents.get(child);
      if (list) list.push(node);
      else parents.set(child, [node]);
    }
  }
  let leaves = [...graph.keys()].filter((node) => node !== ROOT_NODE && graph.get(node)!.size === 0);
  while (leaves.length > 0) {
    for (const leaf of leaves) weights.set(leaf, graph.size - 1);
    const bare: string[] = [];
    for (const leaf of leaves) graph.delete(leaf);
    for (const leaf of leaves) {
      for (const parent of parents.get(leaf) ?? []) {
        const children = graph.get(parent);
        if (children?.delete(leaf) && children.size === 0 && parent !== ROOT_NODE) bare.push(parent);
      }
    }
    leaves = bare;
  }
}
