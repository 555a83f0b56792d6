import { intersectTerms, isTrivial, type Term, unionTerms } from "./term.ts";
import type { VersionSet } from "./version-set.ts";

/** One term of an incompatibility, with the package it is about. */
export interface PackageTerm<S> extends Term<S> {
  readonly package: string;
}

/**
 * Why an incompatibility holds.
 * - `root`: what is asked for must be selected.
 * - `dependency`: the versions `set` of `depender` need `dependency` within `dependencySet`.
 * - `no-versions`: the provider has no version of `package` in `set`; `reason` is the provider's.
 * - `external`: anything else the provider knows; `reason` is the provider's.
 * - `conflict`: derived from two others during conflict resolution.
 */
export type Cause<S> =
  | { readonly kind: "root" }
  | {
      readonly kind: "dependency";
      readonly depender: string;
      readonly set: S;
      readonly dependency: string;
      readonly dependencySet: S;
      readonly reason: unknown;
    }
  | { readonly kind: "no-versions"; readonly package: string; readonly set: S; readonly reason: unknown }
  | { readonly kind: "external"; readonly reason: unknown }
  | { readonly kind: "conflict"; readonly conflict: Incompatibility<S>; readonly other: Incompatibility<S> };

/** Terms that must not all hold together. At most one term for each package. */
export interface Incompatibility<S> {
  readonly terms: readonly PackageTerm<S>[];
  readonly cause: Cause<S>;
  /** Scratch of the solver: true while a term of it is known to be false, so that it need not be looked at. */
  contradicted: boolean;
}

/** A new incompatibility of these terms. */
export function incompatibility<S>(terms: readonly PackageTerm<S>[], cause: Cause<S>): Incompatibility<S> {
  return { terms, cause, contradicted: false };
}

/** Versions `set` of `depender` need `dependency` within `dependencySet`. An empty `dependencySet` rules the depender out alone. */
export function dependencyIncompatibility<S, V>(
  sets: VersionSet<S, V>,
  depender: string,
  set: S,
  dependency: string,
  dependencySet: S,
  reason: unknown,
): Incompatibility<S> {
  const own: PackageTerm<S> = { package: depender, positive: true, set };
  const terms = sets.isEmpty(dependencySet)
    ? [own]
    : [own, { package: dependency, positive: false, set: dependencySet } as PackageTerm<S>];
  return incompatibility(terms, { kind: "dependency", depender, set, dependency, dependencySet, reason });
}

/** The term about `name`, if the incompatibility has one. */
export function termOf<S>(of: Incompatibility<S>, name: string): PackageTerm<S> | undefined {
  for (const term of of.terms) if (term.package === name) return term;
  return undefined;
}

/**
 * The rule of resolution: `conflict` is fully satisfied, and `other` is what made its term about `name` true, so the rest of both cannot hold together.
 * Example: {a 1, not b 2} and {b 2, c 3} give {a 1, c 3}.
 */
export function resolveCauses<S, V>(
  sets: VersionSet<S, V>,
  conflict: Incompatibility<S>,
  other: Incompatibility<S>,
  name: string,
): Incompatibility<S> {
  const terms: PackageTerm<S>[] = [];
  for (const term of conflict.terms) if (term.package !== name) terms.push(term);
  for (const term of other.terms) {
    if (term.package === name) continue;
    const index = terms.findIndex((known) => known.package === term.package);
    if (index < 0) terms.push(term);
    else terms[index] = { package: term.package, ...intersectTerms(sets, terms[index]!, term) };
  }
  const left = termOf(conflict, name);
  const right = termOf(other, name);
  if (left && right) {
    const rest = unionTerms(sets, left, right);
    if (!isTrivial(sets, rest)) terms.push({ package: name, ...rest });
  }
  return incompatibility(terms, { kind: "conflict", conflict, other });
}
