import { createDecisionOrder, type DecisionOrder } from "./decision-order.ts";
import { dependencyIncompatibility, type Incompatibility, incompatibility, resolveCauses } from "./incompatibility.ts";
import { createPartialSolution, type PartialSolution } from "./partial-solution.ts";
import type { Choice, Decision, Dependencies, Dependency, Provider, View } from "./provider.ts";

/** How much work a solve was. */
export interface SolverStatistics {
  /** Versions decided, those that were taken back included. */
  decisions: number;
  /** Conflicts analysed. */
  conflicts: number;
  /** Complete or partial solutions tried: 1 plus the number of times a decision followed taking one back. pub's measure. */
  attempts: number;
  /** Decisions withdrawn only to be made in another order. */
  postponements: number;
}

/** A solution (decisions in the order they were made, the root left out), or the incompatibility that proves there is none. */
export type Outcome<S, V> =
  | { readonly kind: "solved"; readonly decisions: readonly Decision<V>[]; readonly statistics: SolverStatistics }
  | { readonly kind: "failed"; readonly conflict: Incompatibility<S>; readonly statistics: SolverStatistics };

export interface SolveOptions {
  readonly signal?: AbortSignal;
  /** Asked between steps; may give a promise to wait for, so that other work gets its turn. */
  readonly pause?: () => Promise<void> | undefined;
}

/** The parts of one run. */
interface Run<S, V> {
  readonly provider: Provider<S, V>;
  readonly root: string;
  readonly solution: PartialSolution<S, V>;
  readonly order: DecisionOrder;
  /** The incompatibilities that mention a package. */
  readonly index: Map<string, Incompatibility<S>[]>;
  /** Incompatibilities known to be contradicted, with the level from which on they are. */
  readonly contradicted: { readonly of: Incompatibility<S>; readonly level: number }[];
  /** Dependency incompatibilities that may be widened to a further version. */
  readonly mergeable: Map<string, Incompatibility<S>>;
  /** Versions whose dependencies are in the index. */
  readonly visited: Map<string, Set<V>>;
  readonly view: View<S, V>;
  readonly statistics: SolverStatistics;
  tookBack: boolean;
}

/** Thrown inside only: the proof that there is no solution. */
class Unsolvable<S> extends Error {
  readonly conflict: Incompatibility<S>;
  constructor(conflict: Incompatibility<S>) {
    super("no solution");
    this.conflict = conflict;
  }
}

/**
 * PubGrub: finds one version for `root` (at `rootVersion`) and everything it needs, or proves that there is none.
 *
 * Complete and, with a deterministic provider, deterministic. Description: https://github.com/dart-lang/pub/blob/master/doc/solver.md.
 * Rejects with the provider's errors, or with the signal's reason when it is aborted.
 */
export async function solve<S, V>(
  provider: Provider<S, V>,
  root: string,
  rootVersion: V,
  options: SolveOptions = {},
): Promise<Outcome<S, V>> {
  const run = createRun(provider, root);
  const rootTerm = { package: root, positive: false, set: provider.versionSet(root, rootVersion) };
  add(run, incompatibility([rootTerm], { kind: "root" }));
  let changed: string = root;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const pause = options.pause?.();
      if (pause) await pause;
      propagate(run, changed);
      if (run.solution.undecided.size === 0) {
        const decisions = run.solution.decisions.filter((decision) => decision.package !== root);
        return { kind: "solved", decisions, statistics: run.statistics };
      }
      changed = await step(run, rootVersion);
    }
  } catch (error) {
    if (!(error instanceof Unsolvable)) throw error;
    return { kind: "failed", conflict: error.conflict as Incompatibility<S>, statistics: run.statistics };
  }
}

function createRun<S, V>(provider: Provider<S, V>, root: string): Run<S, V> {
  const solution = createPartialSolution(provider.sets);
  const order = createDecisionOrder();
  return {
    provider,
    root,
    solution,
    order,
    index: new Map(),
    contradicted: [],
    mergeable: new Map(),
    visited: new Map(),
    view: {
      undecided: solution.undecided,
      decisions: solution.decisions,
      decided: (name) => solution.decided(name),
      allowed: (name) => solution.allowed(name),
      lateness: (name) => order.lateness(name),
      isPromoted: (name) => order.isPromoted(name),
      orderRevision: () => order.revision(),
    },
    statistics: { decisions: 0, conflicts: 0, attempts: 1, postponements: 0 },
    tookBack: false,
  };
}

/** Decides one package, or learns why it cannot be decided as hoped. Gives the package whose knowledge changed. */
async function step<S, V>(run: Run<S, V>, rootVersion: V): Promise<string> {
  const { provider, solution, view } = run;
  const next = solution.undecided.has(run.root) ? run.root : provider.choosePackage(view);
  const set = solution.allowed(next)!;
  let version = rootVersion;
  if (next !== run.root) {
    const asked = provider.chooseVersion(next, set, view);
    const choice = asked instanceof Promise ? await asked : asked;
    if (choice.kind !== "version") {
      reject(run, next, set, choice);
      return next;
    }
    version = choice.version;
  }
  if (run.visited.get(next)?.has(version)) {
    decide(run, next, version);
    return next;
  }
  const asked = provider.dependencies(next, version, view);
  visit(run, next, version, asked instanceof Promise ? await asked : asked);
  return next;
}

/** Makes an incompatibility known. */
function add<S, V>(run: Run<S, V>, added: Incompatibility<S>): void {
  for (const term of added.terms) {
    const list = run.index.get(term.package);
    if (list) list.push(added);
    else run.index.set(term.package, [added]);
  }
}

/** Puts `widened` in the place of `old`: it says the same of more versions. */
function replace<S, V>(run: Run<S, V>, old: Incompatibility<S>, widened: Incompatibility<S>): void {
  for (const term of old.terms) {
    const list = run.index.get(term.package)!;
    list[list.lastIndexOf(old)] = widened;
  }
}

function reject<S, V>(run: Run<S, V>, name: string, set: S, choice: Exclude<Choice<S, V>, { kind: "version" }>): void {
  const { reason } = choice;
  if (choice.kind === "no-versions") {
    add(
      run,
      incompatibility([{ package: name, positive: true, set }], { kind: "no-versions", package: name, set, reason }),
    );
  } else add(run, incompatibility(choice.terms, { kind: "external", reason }));
}

/** Decides a version whose dependencies are known. */
function decide<S, V>(run: Run<S, V>, name: string, version: V): void {
  run.statistics.decisions += 1;
  if (run.tookBack) run.statistics.attempts += 1;
  run.tookBack = false;
  run.solution.decide(name, version, run.provider.versionSet(name, version));
}

/** Takes in the dependencies of a version, and decides it unless they contradict what is decided already. */
function visit<S, V>(run: Run<S, V>, name: string, version: V, dependencies: Dependencies<S>): void {
  const own = run.provider.versionSet(name, version);
  if (dependencies.kind === "unavailable") {
    const term = { package: name, positive: true, set: own };
    add(run, incompatibility([term], { kind: "external", reason: dependencies.reason }));
    return;
  }
  const visited = run.visited.get(name);
  if (visited) visited.add(version);
  else run.visited.set(name, new Set([version]));
  const blocking: Dependency<S>[] = [];
  for (const dependency of dependencies.list) {
    addDependency(run, name, own, dependency);
    const { sets } = run.provider;
    const unmet = { positive: false, set: dependency.set };
    if (sets.isEmpty(dependency.set) || run.solution.relation(dependency.package, unmet) === "satisfied") {
      blocking.push(dependency);
    }
  }
  for (const { package: excluded, set, reason } of dependencies.exclusions ?? []) {
    const terms = [
      { package: name, positive: true, set: own },
      { package: excluded, positive: true, set },
    ];
    add(run, incompatibility(terms, { kind: "external", reason }));
  }
  if (blocking.length === 0) decide(run, name, version);
  else if (!postponeBlockers(run, blocking)) blame(run, name, blocking);
}

function addDependency<S, V>(run: Run<S, V>, name: string, own: S, dependency: Dependency<S>): void {
  const { sets } = run.provider;
  const key = `${name}\0${dependency.package}\0${dependency.key}`;
  const known = run.mergeable.get(key);
  const set = known ? sets.union(known.terms[0]!.set, own) : own;
  const made = dependencyIncompatibility(sets, name, set, dependency.package, dependency.set, dependency.reason);
  run.mergeable.set(key, made);
  if (known) replace(run, known, made);
  else add(run, made);
}

/**
 * The best version of a package cannot be taken because of decisions on others. Where those could be decided otherwise they came too early:
 * takes them back, to be made later. False if that would not help.
 */
function postponeBlockers<S, V>(run: Run<S, V>, blocking: readonly Dependency<S>[]): boolean {
  const { provider, solution, order } = run;
  const { sets } = provider;
  for (const { package: name, set } of blocking) {
    if (solution.decided(name) === undefined || !order.canPostpone(name)) return false;
    const left = sets.intersect(solution.allowedBeforeDecision(name)!, set);
    if (sets.isEmpty(left) || provider.canReconsider?.(name, left) !== true) return false;
  }
  let level = solution.decisions.length;
  for (const { package: name } of blocking) {
    order.postpone(name);
    level = Math.min(level, solution.decisionLevel(name)! - 1);
  }
  run.statistics.postponements += 1;
  backtrack(run, level);
  return true;
}

/** Counts the decisions that keep `name` from being decided as hoped, and takes back those that did so too often. */
function blame<S, V>(run: Run<S, V>, name: string, blocking: readonly Dependency<S>[]): void {
  const culprits = new Set<string>();
  for (const { package: blocked, set } of blocking) {
    if (run.solution.decided(blocked) !== undefined) culprits.add(blocked);
    else if (run.solution.relation(blocked, { positive: false, set }) === "satisfied") {
      const found = run.solution.excluder(blocked, { positive: true, set });
      for (const term of found?.terms ?? []) if (term.package !== blocked) culprits.add(term.package);
    }
  }
  withdraw(run, name, culprits);
}

function withdraw<S, V>(run: Run<S, V>, affected: string, culprits: Iterable<string>): void {
  const { provider, solution, root } = run;
  const real = [...culprits].filter(
    (name) => name !== affected && name !== root && provider.canWithdraw?.(name, affected) !== false,
  );
  let level = solution.decisions.length;
  for (const name of run.order.recordConflict(affected, real)) {
    const decided = solution.decisionLevel(name);
    if (decided !== undefined) level = Math.min(level, decided - 1);
  }
  if (level < solution.decisions.length) {
    run.statistics.postponements += 1;
    backtrack(run, level);
  }
}

function backtrack<S, V>(run: Run<S, V>, level: number): void {
  run.tookBack = true;
  run.solution.backtrack(level);
  for (let last = run.contradicted.at(-1); last && last.level > level; last = run.contradicted.at(-1)) {
    last.of.contradicted = false;
    run.contradicted.pop();
  }
}

function markContradicted<S, V>(run: Run<S, V>, of: Incompatibility<S>): void {
  of.contradicted = true;
  run.contradicted.push({ of, level: run.solution.decisions.length });
}

/** Unit propagation: derives all that follows from the change of one package, resolving conflicts on the way. */
function propagate<S, V>(run: Run<S, V>, changed: string): void {
  const { solution } = run;
  const queue = new Set([changed]);
  const conflicts: { readonly affected: string; readonly of: Incompatibility<S> }[] = [];
  for (const current of queue) {
    queue.delete(current);
    const list = run.index.get(current);
    if (!list) continue;
    for (let index = list.length - 1; index >= 0; index--) {
      const of = list[index]!;
      if (of.contradicted) continue;
      const standing = solution.standing(of);
      if (standing.kind === "contradicted") markContradicted(run, of);
      else if (standing.kind === "almost") {
        solution.derive(standing.package, of);
        markContradicted(run, of);
        queue.add(standing.package);
      } else if (standing.kind === "satisfied") {
        const learned = resolveConflict(run, of);
        queue.clear();
        solution.derive(learned.affected, learned.of);
        markContradicted(run, learned.of);
        queue.add(learned.affected);
        conflicts.push(learned);
        break;
      }
    }
  }
  for (const { affected, of } of conflicts) {
    const culprits = of.terms.map((term) => term.package);
    withdraw(run, affected, culprits);
  }
}

/**
 * Finds the cause of a satisfied incompatibility: an incompatibility that, after taking decisions back, leaves one package to be derived anew.
 * Throws Unsolvable when the cause is the root itself.
 */
function resolveConflict<S, V>(
  run: Run<S, V>,
  conflict: Incompatibility<S>,
): { readonly affected: string; readonly of: Incompatibility<S> } {
  const { solution } = run;
  run.statistics.conflicts += 1;
  let current = conflict;
  for (;;) {
    const [only] = current.terms;
    if (only === undefined || (current.terms.length === 1 && only.package === run.root && only.positive)) {
      throw new Unsolvable(current);
    }
    const { package: name, cause, level, previousLevel } = solution.satisfier(current);
    const target = Math.max(previousLevel, 1);
    if (cause === undefined || target < level) {
      backtrack(run, target);
      if (current !== conflict) add(run, current);
      return { affected: name, of: current };
    }
    current = resolveCauses(run.provider.sets, current, cause, name);
  }
}
