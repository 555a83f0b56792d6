import type { VersionSet } from "../pubgrub/version-set.ts";
import type { Version } from "../standards/version.ts";
import {
  complementRange,
  EMPTY_RANGE,
  FULL_RANGE,
  intersectRanges,
  isEmptyRange,
  isSubsetRange,
  rangeContains,
  rangesDisjoint,
  unionRanges,
  type VersionRange,
} from "../standards/version-range.ts";

/** The solver's sets are ranges of PEP 440 versions. */
export const VERSION_SETS: VersionSet<VersionRange, Version> = {
  empty: EMPTY_RANGE,
  full: FULL_RANGE,
  contains: rangeContains,
  union: unionRanges,
  intersect: intersectRanges,
  complement: complementRange,
  isEmpty: isEmptyRange,
  isSubset: isSubsetRange,
  isDisjoint: rangesDisjoint,
};
