import type { Version } from "./version.ts";
import type { VersionRange } from "./version-range.ts";

export type SpecifierOperator = "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "===";

/** One clause of a specifier set, as written: `>=1.0`. */
export interface Specifier {
  readonly operator: SpecifierOperator;
  /** As written, without surrounding space: `1.0`, `1.*`; for `===` any text. */
  readonly version: string;
}

/** A conjunction of specifiers (PEP 440). Immutable. */
export interface SpecifierSet {
  /** Equal to `str(packaging.specifiers.SpecifierSet(...))`: sorted, without duplicates; "" where there are no specifiers. */
  readonly text: string;
  /** In the order of `text`. */
  readonly specifiers: readonly Specifier[];
  /** What `rangeOf` gives. */
  readonly range: VersionRange;
  /** What `mentionsPrerelease` gives. */
  readonly allowsPrereleases: boolean;
}

export declare const EMPTY_SPECIFIER: SpecifierSet;

/** Reads `>=1.0,<2.0`; throws InvalidText of kind `"specifier"`. */
export declare function parseSpecifierSet(text: string): SpecifierSet;

/** Whether the version matches, exactly as packaging's `SpecifierSet.contains`; pre-releases match unless `prereleases` is false. */
export declare function specifierContains(set: SpecifierSet, version: Version, prereleases?: boolean): boolean;

/** The versions that match, in the order given, as packaging's `SpecifierSet.filter`. */
export declare function filterVersions(
  set: SpecifierSet,
  versions: Iterable<Version>,
  prereleases?: boolean,
): Version[];

/** Whether a specifier of the set names a pre-release, and so allows them (packaging: `set.prereleases is True`). */
export declare function mentionsPrerelease(set: SpecifierSet): boolean;

/** Whether the set has an `===` or an `==` without `.*`. */
export declare function isPinned(set: SpecifierSet): boolean;

/** Both sets at once (packaging: `a & b`). */
export declare function intersectSpecifiers(a: SpecifierSet, b: SpecifierSet): SpecifierSet;
