import { type Incompatibility, type PackageTerm, termOf } from "./incompatibility.ts";
import type { Decision } from "./provider.ts";
import { excludes, intersectTerms, isTrivial, negate, type Relation, relate, type Term } from "./term.ts";
import type { VersionSet } from "./version-set.ts";

/** Knowledge about a package that follows from `cause`; `term` is all that is known of the package from then on. */
interface Derivation<S> {
  readonly term: Term<S>;
  readonly cause: Incompatibility<S>;
  readonly level: number;
  readonly index: number;
}

/** All assignments of one package: derivations in their order, then at most one decision. */
interface Assignments<S, V> {
  readonly package: string;
  readonly derivations: Derivation<S>[];
  decision: { readonly version: V; readonly set: S; readonly level: number; readonly index: number } | undefined;
}

/** The assignment that made a term true: its decision level, its place in time, and its cause (none for a decision). */
interface Satisfier<S> {
  readonly package: string;
  readonly cause: Incompatibility<S> | undefined;
  readonly level: number;
  readonly index: number;
}

/** How an incompatibility stands to what is assigned: for `almost`, `package` is the one whose term is still open. */
export type Standing =
  | { readonly kind: "satisfied" | "contradicted" | "inconclusive" }
  | { readonly kind: "almost"; readonly package: string };

const SATISFIED: Standing = { kind: "satisfied" };
const CONTRADICTED: Standing = { kind: "contradicted" };
const INCONCLUSIVE: Standing = { kind: "inconclusive" };

/**
 * What has been decided and derived so far, in order. Mutable: it is the solver's working memory.
 * The decision level of an assignment is the number of decisions made up to it.
 */
export interface PartialSolution<S, V> {
  readonly decisions: readonly Decision<V>[];
  readonly undecided: ReadonlySet<string>;
  decided(name: string): V | undefined;
  decisionLevel(name: string): number | undefined;
  /** The versions left for a package that must be selected. */
  allowed(name: string): S | undefined;
  /** The same, leaving its decision aside. */
  allowedBeforeDecision(name: string): S | undefined;
  relation(name: string, term: Term<S>): Relation;
  standing(of: Incompatibility<S>): Standing;
  decide(name: string, version: V, set: S): void;
  /** Adds that the term of `cause` about `name` does not hold. */
  derive(name: string, cause: Incompatibility<S>): void;
  /** For a package whose known versions exclude `term`: the incompatibility that first made it so; undefined if a decision did. */
  excluder(name: string, term: Term<S>): Incompatibility<S> | undefined;
  /** Drops everything above the decision level. */
  backtrack(level: number): void;
  /** For a satisfied incompatibility: the last assignment that was needed, and the level at which all others already held. */
  satisfier(of: Incompatibility<S>): Satisfier<S> & { readonly previousLevel: number };
}

/** An empty partial solution. */
export function createPartialSolution<S, V>(sets: VersionSet<S, V>): PartialSolution<S, V> {
  const packages = new Map<string, Assignments<S, V>>();
  const trail: Assignments<S, V>[] = [];
  const decisions: Decision<V>[] = [];
  const undecided = new Set<string>();

  const known = (assigned: Assignments<S, V>): Term<S> | undefined => assigned.derivations.at(-1)?.term;

  const relation = (name: string, term: Term<S>): Relation => {
    const assigned = packages.get(name);
    if (assigned === undefined) return "inconclusive";
    if (assigned.decision !== undefined) {
      return sets.contains(term.set, assigned.decision.version) === term.positive ? "satisfied" : "contradicted";
    }
    const derived = known(assigned);
    return derived === undefined ? "inconclusive" : relate(sets, derived, term);
  };

  /** The first assignment from which on `start` cannot hold. */
  const firstExcluding = (assigned: Assignments<S, V>, start: Term<S>): Satisfier<S> => {
    const { derivations } = assigned;
    let low = 0;
    let high = derivations.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (excludes(sets, derivations[middle]!.term, start)) high = middle;
      else low = middle + 1;
    }
    const found = derivations[low];
    if (found) return { package: assigned.package, cause: found.cause, level: found.level, index: found.index };
    const { decision } = assigned;
    if (!decision) throw new Error(`The incompatibility is not satisfied for ${assigned.package}.`);
    return { package: assigned.package, cause: undefined, level: decision.level, index: decision.index };
  };

  const refreshUndecided = (assigned: Assignments<S, V>): void => {
    if (assigned.decision === undefined && known(assigned)?.positive === true) undecided.add(assigned.package);
    else undecided.delete(assigned.package);
  };

  /** What of the satisfier's package was needed beyond the satisfier itself. */
  const remainder = (found: Satisfier<S>, term: PackageTerm<S>): Satisfier<S> | undefined => {
    if (!found.cause) return undefined;
    const rest = intersectTerms(sets, negate(termOf(found.cause, found.package)!), negate(term));
    if (rest.positive && sets.isEmpty(rest.set)) return undefined;
    return firstExcluding(packages.get(found.package)!, rest);
  };

  return {
    decisions,
    undecided,
    relation,
    decided: (name) => packages.get(name)?.decision?.version,
    decisionLevel: (name) => packages.get(name)?.decision?.level,
    allowed: (name) => {
      const assigned = packages.get(name);
      if (!assigned) return undefined;
      if (assigned.decision) return assigned.decision.set;
      const term = known(assigned);
      return term?.positive ? term.set : undefined;
    },
    allowedBeforeDecision: (name) => {
      const assigned = packages.get(name);
      const term = assigned && known(assigned);
      return term?.positive ? term.set : undefined;
    },
    standing(of) {
      let open: string | undefined;
      for (const term of of.terms) {
        const relation_ = relation(term.package, term);
        if (relation_ === "contradicted") return CONTRADICTED;
        if (relation_ === "satisfied") continue;
        if (open !== undefined) return INCONCLUSIVE;
        open = term.package;
      }
      return open === undefined ? SATISFIED : { kind: "almost", package: open };
    },
    decide(name, version, set) {
      const assigned = packages.get(name)!;
      decisions.push({ package: name, version });
      assigned.decision = { version, set, level: decisions.length, index: trail.length };
      trail.push(assigned);
      undecided.delete(name);
    },
    derive(name, cause) {
      let assigned = packages.get(name);
      if (!assigned) {
        assigned = { package: name, derivations: [], decision: undefined };
        packages.set(name, assigned);
      }
      const own = negate(termOf(cause, name)!);
      const before = known(assigned);
      const term = before === undefined ? own : intersectTerms(sets, before, own);
      if (isTrivial(sets, term)) return;
      assigned.derivations.push({ term, cause, level: decisions.length, index: trail.length });
      trail.push(assigned);
      if (term.positive && assigned.decision === undefined) undecided.add(name);
    },
    excluder: (name, term) => firstExcluding(packages.get(name)!, term).cause,
    backtrack(level) {
      for (let last = trail.at(-1); last; last = trail.at(-1)) {
        const at = last.decision?.level ?? last.derivations.at(-1)!.level;
        if (at <= level) break;
        trail.pop();
        if (last.decision) last.decision = undefined;
        else last.derivations.pop();
        refreshUndecided(last);
      }
      decisions.length = level;
    },
    satisfier(of) {
      let last: Satisfier<S> | undefined;
      let lastTerm: PackageTerm<S> | undefined;
      let previousLevel = 0;
      for (const term of of.terms) {
        const found = firstExcluding(packages.get(term.package)!, negate(term));
        if (last === undefined || found.index > last.index) {
          if (last !== undefined) previousLevel = Math.max(previousLevel, last.level);
          last = found;
          lastTerm = term;
        } else previousLevel = Math.max(previousLevel, found.level);
      }
      const rest = remainder(last!, lastTerm!);
      return { ...last!, previousLevel: Math.max(previousLevel, rest?.level ?? 0) };
    },
  };
}
