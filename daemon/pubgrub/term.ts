import type { VersionSet } from "./version-set.ts";

/**
 * A statement about one package. Positive: the package is selected, at a version in `set`. Negative: it is not selected, or at a version outside `set`.
 * `not` a positive term is the negative term of the same set, which is why a package that nothing needs satisfies every negative term.
 */
export interface Term<S> {
  readonly positive: boolean;
  readonly set: S;
}

/** How what is known of a package (`satisfied` if it implies the term, `contradicted` if it rules it out) stands to a term of an incompatibility. */
export type Relation = "satisfied" | "contradicted" | "inconclusive";

/** The term that holds exactly when `term` does not. */
export function negate<S>(term: Term<S>): Term<S> {
  return { positive: !term.positive, set: term.set };
}

/** The term that holds when both hold: `not <2` and `<3` give `>=2,<3`. */
export function intersectTerms<S, V>(sets: VersionSet<S, V>, a: Term<S>, b: Term<S>): Term<S> {
  if (a.positive && b.positive) return { positive: true, set: sets.intersect(a.set, b.set) };
  if (a.positive) return { positive: true, set: sets.intersect(a.set, sets.complement(b.set)) };
  if (b.positive) return { positive: true, set: sets.intersect(b.set, sets.complement(a.set)) };
  return { positive: false, set: sets.union(a.set, b.set) };
}

/** The term that holds when either holds. */
export function unionTerms<S, V>(sets: VersionSet<S, V>, a: Term<S>, b: Term<S>): Term<S> {
  return negate(intersectTerms(sets, negate(a), negate(b)));
}

/** Does `a` imply `b`? */
export function implies<S, V>(sets: VersionSet<S, V>, a: Term<S>, b: Term<S>): boolean {
  if (a.positive) return b.positive ? sets.isSubset(a.set, b.set) : sets.isDisjoint(a.set, b.set);
  return !b.positive && sets.isSubset(b.set, a.set);
}

/** Can `a` and `b` never hold together? Two negative terms always can: the package is not selected. */
export function excludes<S, V>(sets: VersionSet<S, V>, a: Term<S>, b: Term<S>): boolean {
  if (a.positive) return b.positive ? sets.isDisjoint(a.set, b.set) : sets.isSubset(a.set, b.set);
  return b.positive && sets.isSubset(b.set, a.set);
}

/** How the knowledge `known` stands to `term`. */
export function relate<S, V>(sets: VersionSet<S, V>, known: Term<S>, term: Term<S>): Relation {
  if (implies(sets, known, term)) return "satisfied";
  return excludes(sets, known, term) ? "contradicted" : "inconclusive";
}

/** Does the term say nothing at all (`not` the empty set)? */
export function isTrivial<S, V>(sets: VersionSet<S, V>, term: Term<S>): boolean {
  return !term.positive && sets.isEmpty(term.set);
}
