import type { SpecifierSet } from "./specifier.ts";
import type { Version } from "./version.ts";

/** A place between two neighbouring versions, with what a person would call it. */
export interface Bound {
  readonly key: string;
  readonly version: string;
  readonly side: "before" | "before-family" | "after-locals" | "after-posts" | "after-exactly";
}

/** A set of versions: a union of intervals over the order of PEP 440. Immutable and normalised: equal sets have equal `keys`. */
export interface VersionRange {
  /** Ascending; a version is inside where the number of keys at or below its own is odd. */
  readonly keys: readonly string[];
  /** One for each key. Only for rendering. */
  readonly bounds: readonly Bound[];
}

export declare const EMPTY_RANGE: VersionRange;
export declare const FULL_RANGE: VersionRange;
export declare function rangeOf(set: SpecifierSet): VersionRange;
export declare function singletonRange(version: Version): VersionRange;
export declare function unionRanges(a: VersionRange, b: VersionRange): VersionRange;
export declare function intersectRanges(a: VersionRange, b: VersionRange): VersionRange;
export declare function complementRange(range: VersionRange): VersionRange;
export declare function rangeContains(range: VersionRange, version: Version): boolean;
export declare function rangesEqual(a: VersionRange, b: VersionRange): boolean;
export declare function isSubsetRange(a: VersionRange, b: VersionRange): boolean;
export declare function rangesDisjoint(a: VersionRange, b: VersionRange): boolean;
export declare function isEmptyRange(range: VersionRange): boolean;
/** For people: `>=1.0,<2.0`, `==1.5`, `!=1.3`, `>=1.0,<2.0 or >=3.0`, `any version`, `no version`. */
export declare function renderRange(range: VersionRange): string;
