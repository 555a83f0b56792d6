import type { PackageTerm } from "./incompatibility.ts";
import type { VersionSet } from "./version-set.ts";

/** A dependency of one version of a package. */
export interface Dependency<S> {
  readonly package: string;
  readonly set: S;
  /** Equal keys (for the same dependency of the same package) promise equal sets: such dependencies of several versions become one incompatibility. */
  readonly key: string;
  /** For explanations; the solver only passes it on. */
  readonly reason: unknown;
}

/** What must not be selected together with a version, though nothing need be selected. */
export interface Exclusion<S> {
  readonly package: string;
  readonly set: S;
  readonly reason: unknown;
}

/** What a version needs and excludes, or why it cannot be had at all. */
export type Dependencies<S> =
  | { readonly kind: "known"; readonly list: readonly Dependency<S>[]; readonly exclusions?: readonly Exclusion<S>[] }
  | { readonly kind: "unavailable"; readonly reason: unknown };

/**
 * The provider's answer to "which version?": one of the asked set; none there is (all of the asked set are ruled out); or terms that cannot hold
 * together and all hold now (so that they rule the asked set out under present decisions).
 */
export type Choice<S, V> =
  | { readonly kind: "version"; readonly version: V }
  | { readonly kind: "no-versions"; readonly reason: unknown }
  | { readonly kind: "conflict"; readonly terms: readonly PackageTerm<S>[]; readonly reason: unknown };

/** What the solver lets the provider see of its state. Valid during the call only. */
export interface View<S, V> {
  /** Packages that must be selected and are not decided yet, in the order they came up. */
  readonly undecided: ReadonlySet<string>;
  /** Decisions in the order they were made. */
  readonly decisions: readonly Decision<V>[];
  /** The version decided for a package. */
  decided(name: string): V | undefined;
  /** The versions of a package that are left; undefined if nothing is known of it, or it need not be selected. */
  allowed(name: string): S | undefined;
  /** 0 at first; the higher, the later a package wants to be decided, because earlier decisions on it had to be withdrawn. */
  lateness(name: string): number;
  /** Changes whenever `lateness` or `isPromoted` of any package does. */
  orderRevision(): number;
  /** Was the package kept from being decided so often by earlier decisions that it should be decided before others? */
  isPromoted(name: string): boolean;
}

export interface Decision<V> {
  readonly package: string;
  readonly version: V;
}

/** Where packages come from. May answer at once or with a promise; the answers must not depend on time. */
export interface Provider<S, V> {
  readonly sets: VersionSet<S, V>;
  /** One of `view.undecided` (never empty). */
  choosePackage(view: View<S, V>): string;
  /** The best version of `name` in `set`. */
  chooseVersion(name: string, set: S, view: View<S, V>): Choice<S, V> | Promise<Choice<S, V>>;
  /** Asked once for each version, before it is decided. */
  dependencies(name: string, version: V, view: View<S, V>): Dependencies<S> | Promise<Dependencies<S>>;
  /** A set with `version` and no other version that exists. Wider sets (up to the neighbours that exist) make shorter unions. */
  versionSet(name: string, version: V): S;
  /** May decisions on `culprit` be made later because they stand in the way of `affected` again and again? Yes, if missing. */
  canWithdraw?(culprit: string, affected: string): boolean;
  /** Would another decision on `name`, within `set`, be possible? Then it may be withdrawn in favour of a later package. */
  canReconsider?(name: string, set: S): boolean;
}
