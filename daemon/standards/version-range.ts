import type { SpecifierSet } from "./specifier.ts";
import type { Version } from "./version.ts";
import {
  type Bound,
  boundAfterExactly,
  boundAfterLocals,
  boundBefore,
  boundBeforeFamily,
  FIRST_BOUND,
  nextPrefix,
} from "./version-bound.ts";
import { scanVersion, type VersionParts } from "./version-parts.ts";

/**
 * A set of versions: a union of intervals over the order of PEP 440. Immutable and normalised: equal sets have equal `keys`.
 *
 * The keys are the places where the set begins and ends, in turn. There is a version between any two of them, so that emptiness, equality and
 * inclusion are facts about the keys alone.
 */
export interface VersionRange {
  /** Ascending; a version is inside where the number of keys at or below its own is odd. */
  readonly keys: readonly string[];
  /** One for each key, with the words for people. */
  readonly bounds: readonly Bound[];
}

export const EMPTY_RANGE: VersionRange = { keys: [], bounds: [] };
export const FULL_RANGE: VersionRange = { keys: [""], bounds: [FIRST_BOUND] };

/** The range that begins and ends, in turn, at ascending bounds; where two have the same key, both are dropped (nothing lies between them). */
export function rangeOfBounds(bounds: readonly Bound[]): VersionRange {
  const kept: Bound[] = [];
  for (const bound of bounds) {
    if (kept.at(-1)?.key === bound.key) kept.pop();
    else kept.push(bound);
  }
  return { keys: kept.map((bound) => bound.key), bounds: kept };
}

/**
 * The versions a specifier set accepts, pre-releases included: `rangeContains(rangeOf(set), v) === specifierContains(set, v, true)`.
 *
 * `===` is about text and ranges are about versions: `===1.0` becomes the versions equal to 1.0 (so `1.0.0` too), and no version at all where its
 * text is not the canonical spelling of one, since no version prints so.
 */
export function rangeOf(set: SpecifierSet): VersionRange {
  return set.range;
}

/** The parts of a canonical version text. */
function partsOf(text: string): VersionParts {
  const scanned = scanVersion(text, 0, true);
  if (scanned === undefined) throw new Error(`not a canonical version: ${text}`);
  return scanned.parts;
}

/** Only this version: not its local versions, unlike `==`. */
export function singletonRange(version: Version): VersionRange {
  const parts = partsOf(version.text);
  return rangeOfBounds([boundBefore(parts), boundAfterExactly(parts)]);
}

/** Below this many keys looking at each is faster than halving. */
const FEW_KEYS = 8;

export function rangeContains(range: VersionRange, version: Version): boolean {
  const { keys } = range;
  const { key } = version;
  let low = 0;
  if (keys.length <= FEW_KEYS) {
    while (low < keys.length && (keys[low] as string) <= key) low += 1;
    return (low & 1) === 1;
  }
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return (low & 1) === 1;
}

/** Which versions to keep, one bit for each answer to "in a?" (2) and "in b?" (1). */
const BOTH = 0b1000;
const EITHER = 0b1110;
const ONLY_FIRST = 0b0100;

function combine(a: VersionRange, b: VersionRange, wanted: number): VersionRange {
  const keys: string[] = [];
  const bounds: Bound[] = [];
  let i = 0;
  let j = 0;
  let inside = 0;
  while (i < a.keys.length || j < b.keys.length) {
    const x = a.keys[i];
    const y = b.keys[j];
    const takeFirst = y === undefined || (x !== undefined && x <= y);
    const takeSecond = x === undefined || (y !== undefined && y <= x);
    const bound = (takeFirst ? a.bounds[i] : b.bounds[j]) as Bound;
    if (takeFirst) i += 1;
    if (takeSecond) j += 1;
    const now = (wanted >> (((i & 1) << 1) | (j & 1))) & 1;
    if (now !== inside) {
      keys.push(bound.key);
      bounds.push(bound);
      inside = now;
    }
  }
  return { keys, bounds };
}

/** Whether `combine` would find a version, without making the range. */
function anyVersion(a: VersionRange, b: VersionRange, wanted: number): boolean {
  let i = 0;
  let j = 0;
  while (i < a.keys.length || j < b.keys.length) {
    const x = a.keys[i];
    const y = b.keys[j];
    if (y === undefined || (x !== undefined && x <= y)) i += 1;
    if (x === undefined || (y !== undefined && y <= x)) j += 1;
    if (((wanted >> (((i & 1) << 1) | (j & 1))) & 1) === 1) return true;
  }
  return false;
}

function isFull(range: VersionRange): boolean {
  return range.keys.length === 1 && range.keys[0] === "";
}

export function unionRanges(a: VersionRange, b: VersionRange): VersionRange {
  if (a === b || isEmptyRange(b) || isFull(a)) return a;
  return isEmptyRange(a) || isFull(b) ? b : combine(a, b, EITHER);
}

export function intersectRanges(a: VersionRange, b: VersionRange): VersionRange {
  if (a === b || isEmptyRange(a) || isFull(b)) return a;
  return isEmptyRange(b) || isFull(a) ? b : combine(a, b, BOTH);
}

/** The versions that are not in the range. */
export function complementRange(range: VersionRange): VersionRange {
  return range.keys[0] === ""
    ? { keys: range.keys.slice(1), bounds: range.bounds.slice(1) }
    : { keys: ["", ...range.keys], bounds: [FIRST_BOUND, ...range.bounds] };
}

export function rangesEqual(a: VersionRange, b: VersionRange): boolean {
  return a === b || (a.keys.length === b.keys.length && a.keys.every((key, i) => key === b.keys[i]));
}

/** Whether every version of `a` is in `b`. */
export function isSubsetRange(a: VersionRange, b: VersionRange): boolean {
  return a === b || !anyVersion(a, b, ONLY_FIRST);
}

/** Whether no version is in both. */
export function rangesDisjoint(a: VersionRange, b: VersionRange): boolean {
  return !anyVersion(a, b, BOTH);
}

export function isEmptyRange(range: VersionRange): boolean {
  return range.keys.length === 0;
}

/** An interval, or the gap between two of them; undefined: without end on that side. */
interface Stretch {
  readonly begin: Bound | undefined;
  readonly end: Bound | undefined;
}

/** `1.5` for a stretch that is one version, with or without its local versions; `1.5.*` for one that is a series; otherwise undefined. */
function nameOfStretch({ begin, end }: Stretch): string | undefined {
  if (begin === undefined || end === undefined) return undefined;
  const parts = partsOf(begin.version);
  if (begin.side === "before") {
    const isVersion = end.key === boundAfterLocals(parts).key || end.key === boundAfterExactly(parts).key;
    return isVersion ? begin.version : undefined;
  }
  const isRelease = parts.pre === undefined && parts.post === undefined && parts.dev === undefined;
  const isSeries = begin.side === "before-family" && isRelease && end.key === boundBeforeFamily(nextPrefix(parts)).key;
  return isSeries ? `${begin.version}.*` : undefined;
}

/** The stretches of a range, ascending. */
function stretchesOf(range: VersionRange): Stretch[] {
  const stretches: Stretch[] = [];
  for (let i = 0; i < range.bounds.length; i += 2) {
    const begin = range.bounds[i];
    stretches.push({ begin: begin?.key === "" ? undefined : begin, end: range.bounds[i + 1] });
  }
  return stretches;
}

/** One conjunction: from where it begins to where it ends, without what is excluded. */
function renderConjunction({ begin, end }: Stretch, excluded: readonly string[]): string {
  const name = excluded.length === 0 ? nameOfStretch({ begin, end }) : undefined;
  if (name !== undefined) return `==${name}`;
  const clauses: string[] = [];
  if (begin !== undefined) clauses.push((begin.side === "after" ? ">" : ">=") + begin.version);
  clauses.push(...excluded.map((name) => `!=${name}`));
  if (end !== undefined) clauses.push((end.side === "after" ? "<=" : "<") + end.version);
  return clauses.length === 0 ? "any version" : clauses.join(",");
}

/**
 * For people, in the words of specifiers: `>=1.0,<2.0`, `==1.5`, `!=1.3`, `>=1.0,!=1.3,<2.0 or >=3.0`, `any version`, `no version`.
 *
 * Meant to be read, not parsed: what no specifier can say (the complement of `>1.0` has the post-releases of 1.0) is told by the nearest one.
 */
export function renderRange(range: VersionRange): string {
  const conjunctions: string[] = [];
  let open: Stretch | undefined;
  let excluded: string[] = [];
  for (const stretch of stretchesOf(range)) {
    const gap = open === undefined ? undefined : nameOfStretch({ begin: open.end, end: stretch.begin });
    if (open !== undefined && gap === undefined) {
      conjunctions.push(renderConjunction(open, excluded));
      excluded = [];
    }
    if (gap !== undefined) excluded.push(gap);
    open = { begin: open === undefined || gap === undefined ? stretch.begin : open.begin, end: stretch.end };
  }
  if (open !== undefined) conjunctions.push(renderConjunction(open, excluded));
  return conjunctions.length === 0 ? "no version" : conjunctions.join(" or ");
}
