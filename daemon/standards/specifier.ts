import { createBoundedCache } from "./bounded-cache.ts";
import { InvalidText, quoteForMessage } from "./invalid-text.ts";
import { compareCodePoints, isPythonSpace, skipPythonSpace, stripPythonSpace } from "./python-text.ts";
import { boundsOfSpecifier } from "./specifier-range.ts";
import { tryParseVersion, type Version } from "./version.ts";
import { boundAfterExactly, boundBefore } from "./version-bound.ts";
import { type ScannedVersion, scanVersion, versionKey, versionText } from "./version-parts.ts";
import {
  EMPTY_RANGE,
  FULL_RANGE,
  intersectRanges,
  rangeContains,
  rangeOfBounds,
  type VersionRange,
} from "./version-range.ts";

export type SpecifierOperator = "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "===";

/** One clause of a specifier set: `>=1.0`. Immutable. */
export interface Specifier {
  readonly operator: SpecifierOperator;
  /** As written, without surrounding space: `1.0`, `1.*`; for `===` any text. */
  readonly version: string;
  /** The versions that match, see `rangeOf`. */
  readonly range: VersionRange;
  /** Whether the version is a pre-release and thereby allows them. */
  readonly allowsPrereleases: boolean;
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
  /** Whether there is an `===`, so that texts have to be compared. */
  readonly comparesText: boolean;
}

/** No specifiers: every version matches. */
export const EMPTY_SPECIFIER: SpecifierSet = {
  text: "",
  specifiers: [],
  range: FULL_RANGE,
  allowsPrereleases: false,
  comparesText: false,
};

const knownSets = createBoundedCache<SpecifierSet>(8192);
const knownSpecifiers = createBoundedCache<Specifier>(8192);

/** The operators in an order in which the longer comes first. */
const OPERATORS: readonly SpecifierOperator[] = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"];

/** A specifier found at a position of a text. */
interface ScannedSpecifier {
  readonly operator: SpecifierOperator;
  readonly versionStart: number;
  readonly end: number;
  readonly wildcard: boolean;
  /** Undefined for `===`. */
  readonly version: ScannedVersion | undefined;
}

/**
 * The longest specifier that starts at a position; undefined where none does. Takes what packaging's grammar takes: `===` any text up to white space,
 * `;` or `)`; `==` and `!=` a version with or without local part or a release with `.*`; `~=` a release of two numbers or more.
 */
export function scanSpecifier(text: string, at: number): ScannedSpecifier | undefined {
  const operator = OPERATORS.find((candidate) => text.startsWith(candidate, at));
  if (operator === undefined) return undefined;
  const versionStart = skipPythonSpace(text, at + operator.length);
  if (operator === "===") {
    let end = versionStart;
    while (end < text.length && !isPythonSpace(text.charCodeAt(end)) && text[end] !== ";" && text[end] !== ")")
      end += 1;
    return { operator, versionStart, end, wildcard: false, version: undefined };
  }
  const equality = operator === "==" || operator === "!=";
  const version = scanVersion(text, versionStart, equality);
  if (version === undefined || (operator === "~=" && version.parts.release.length < 2)) return undefined;
  const wildcard = equality && version.end === version.releaseEnd && text.startsWith(".*", version.end);
  return { operator, versionStart, end: wildcard ? version.end + 2 : version.end, wildcard, version };
}

/** `===`: the versions whose canonical text is the given one, as far as a range can say so. */
function rangeOfText(text: string): VersionRange {
  const scanned = scanVersion(text, 0, true);
  if (scanned === undefined || versionText(scanned.parts) !== text.toLowerCase()) return EMPTY_RANGE;
  return rangeOfBounds([boundBefore(scanned.parts), boundAfterExactly(scanned.parts)]);
}

function specifierOf(text: string, scanned: ScannedSpecifier): Specifier {
  const { operator, wildcard } = scanned;
  const version = text.slice(scanned.versionStart, scanned.end);
  if (operator === "===" || scanned.version === undefined) {
    const allowsPrereleases = tryParseVersion(version)?.isPrerelease ?? false;
    return { operator, version, range: rangeOfText(version), allowsPrereleases };
  }
  const { parts } = scanned.version;
  return {
    operator,
    version,
    range: rangeOfBounds(boundsOfSpecifier(operator, parts, wildcard)),
    allowsPrereleases: operator !== "!=" && (parts.pre !== undefined || parts.dev !== undefined),
  };
}

/** Reads one specifier, as `packaging.specifiers.Specifier` does; undefined where it is not one. */
export function tryParseSpecifier(text: string): Specifier | undefined {
  const remembered = knownSpecifiers.get(text);
  if (remembered !== undefined) return remembered;
  const stripped = stripPythonSpace(text);
  const scanned = scanSpecifier(stripped, 0);
  if (scanned === undefined || scanned.end !== stripped.length) return undefined;
  const specifier = specifierOf(stripped, scanned);
  knownSpecifiers.set(text, specifier);
  return specifier;
}

/** Whether any text matches one specifier, pre-releases included: for `===` compared as text, for the others only if it is a version. */
export function specifierMatchesText(specifier: Specifier, text: string): boolean {
  if (specifier.operator === "===") return text.toLowerCase() === specifier.version.toLowerCase();
  const version = tryParseVersion(text);
  return version !== undefined && rangeContains(specifier.range, version);
}

/** Equal for specifiers that packaging holds equal: `==1.0` and `==1.0.0`. */
function identityOf({ operator, version }: Specifier): string {
  if (operator === "===" || version.endsWith(".*")) return `${operator} ${version}`;
  const { parts } = scanVersion(version, 0, true) as ScannedVersion;
  return operator === "~=" ? `~= ${versionText(parts)}` : `${operator} ${versionKey(parts)}`;
}

/** Sorted by their text; of equal ones the first. */
function canonicalSpecifiers(specifiers: readonly Specifier[]): readonly Specifier[] {
  if (specifiers.length < 2) return specifiers;
  const sorted = specifiers.toSorted((a, b) => compareCodePoints(a.operator + a.version, b.operator + b.version));
  const byIdentity = new Map<string, Specifier>();
  for (const specifier of sorted) {
    const identity = identityOf(specifier);
    if (!byIdentity.has(identity)) byIdentity.set(identity, specifier);
  }
  return [...byIdentity.values()];
}

/** Halves with halves, so that many exclusions do not copy the growing range once for each. */
function intersectAll(ranges: readonly VersionRange[]): VersionRange {
  const [first, second] = ranges;
  if (first === undefined) return FULL_RANGE;
  if (second === undefined) return first;
  const middle = ranges.length >> 1;
  return intersectRanges(intersectAll(ranges.slice(0, middle)), intersectAll(ranges.slice(middle)));
}

function setOf(written: readonly Specifier[]): SpecifierSet {
  if (written.length === 0) return EMPTY_SPECIFIER;
  const specifiers = canonicalSpecifiers(written);
  return {
    text: specifiers.map((specifier) => specifier.operator + specifier.version).join(","),
    specifiers,
    range: intersectAll(specifiers.map((specifier) => specifier.range)),
    allowsPrereleases: specifiers.some((specifier) => specifier.allowsPrereleases),
    comparesText: specifiers.some((specifier) => specifier.operator === "==="),
  };
}

/**
 * Reads specifiers between commas, as `packaging.specifiers.SpecifierSet` does (empty ones are passed over); throws InvalidText of kind
 * `"specifier"`. The same text mostly gives the same object.
 */
export function parseSpecifierSet(text: string): SpecifierSet {
  const remembered = knownSets.get(text);
  if (remembered !== undefined) return remembered;
  const specifiers: Specifier[] = [];
  for (const part of text.split(",")) {
    const stripped = stripPythonSpace(part);
    if (stripped === "") continue;
    const specifier = tryParseSpecifier(stripped);
    if (specifier === undefined)
      throw new InvalidText("specifier", text, `Invalid specifier: ${quoteForMessage(stripped)}`);
    specifiers.push(specifier);
  }
  const set = setOf(specifiers);
  knownSets.set(text, set);
  return set;
}

/**
 * Whether the version matches, exactly as packaging's `SpecifierSet.contains` for a parsed version. Pre-releases match unless `prereleases` is false:
 * PEP 440 takes them where nothing else matches, and a single version has no alternative.
 */
export function specifierContains(set: SpecifierSet, version: Version, prereleases?: boolean): boolean {
  if (prereleases === false && version.isPrerelease) return false;
  if (!set.comparesText) return rangeContains(set.range, version);
  return set.specifiers.every((specifier) =>
    specifier.operator === "==="
      ? version.text === specifier.version.toLowerCase()
      : rangeContains(specifier.range, version),
  );
}

/**
 * The versions that match, in the order given, exactly as packaging's `SpecifierSet.filter`. Without `prereleases` those are left out, unless a
 * specifier names one or no final version matches.
 */
export function filterVersions(set: SpecifierSet, versions: Iterable<Version>, prereleases?: boolean): Version[] {
  const matching: Version[] = [];
  for (const version of versions) if (specifierContains(set, version)) matching.push(version);
  if (prereleases ?? set.allowsPrereleases) return matching;
  const finals = matching.filter((version) => !version.isPrerelease);
  return prereleases === false || finals.length > 0 ? finals : matching;
}

/** Whether a specifier of the set names a pre-release, and so allows them (packaging: `set.prereleases is True`). */
export function mentionsPrerelease(set: SpecifierSet): boolean {
  return set.allowsPrereleases;
}

/** Whether the set has an `===` or an `==` without `.*`. */
export function isPinned(set: SpecifierSet): boolean {
  return set.specifiers.some(
    ({ operator, version }) => operator === "===" || (operator === "==" && !version.endsWith(".*")),
  );
}

/** Both sets at once (packaging: `a & b`). */
export function intersectSpecifiers(a: SpecifierSet, b: SpecifierSet): SpecifierSet {
  if (a.specifiers.length === 0 || a === b) return b;
  return b.specifiers.length === 0 ? a : parseSpecifierSet(`${a.text},${b.text}`);
}
