import type { Marker } from "./marker.ts";
import type { NormalizedName } from "./name.ts";
import type { SpecifierSet } from "./specifier.ts";

/** A dependency specifier (PEP 508). Immutable. */
export interface Requirement {
  /** As written. */
  readonly name: string;
  readonly key: NormalizedName;
  /** As written, sorted, without duplicates. */
  readonly extras: readonly string[];
  readonly specifier: SpecifierSet;
  readonly url?: string;
  readonly marker?: Marker;
  /** Equal to `str(packaging.requirements.Requirement(...))`. */
  readonly text: string;
}

/** Reads `name[extra]>=1.0; marker` or `name @ url ; marker`; throws InvalidText of kind `"requirement"`. */
export declare function parseRequirement(text: string): Requirement;
