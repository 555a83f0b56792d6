import { createBoundedCache } from "./bounded-cache.ts";
import { createDependencyScanner, type DependencyScanner } from "./dependency-scanner.ts";
import { InvalidText } from "./invalid-text.ts";
import { type Marker, parseMarkerToEnd } from "./marker.ts";
import { type NormalizedName, normalizeName } from "./name.ts";
import { EMPTY_SPECIFIER, parseSpecifierSet, type SpecifierSet, scanSpecifier } from "./specifier.ts";

/** A dependency specifier (PEP 508). Immutable. */
export interface Requirement {
  /** As written. */
  readonly name: string;
  readonly key: NormalizedName;
  /** As written, sorted, without duplicates. */
  readonly extras: readonly string[];
  readonly specifier: SpecifierSet;
  /** As written; it may hold credentials. */
  readonly url?: string;
  readonly marker?: Marker;
  /** Equal to `str(packaging.requirements.Requirement(...))`. */
  readonly text: string;
}

/** Ends in a letter, a digit or `_`: packaging asks for a word boundary there. */
const IDENTIFIER = /[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9_])?/y;
const AT = /@/y;
const URL_TEXT = /[^ \t]+/y;
const BLANKS = /[ \t]+/y;
const COMMA = /,/y;
const SEMICOLON = /;/y;
const OPEN = /\(/y;
const CLOSE = /\)/y;
const OPEN_BRACKET = /\[/y;
const CLOSE_BRACKET = /\]/y;
const PREFIX_TRAIL = /\.\*/y;
const LOCAL_TRAIL = /\+[a-z0-9]+/y;

/** `[name, name]`, or nothing. */
function parseExtras(scanner: DependencyScanner): readonly string[] {
  const start = scanner.position();
  if (scanner.take(OPEN_BRACKET) === undefined) return [];
  scanner.skipBlanks();
  const extras = new Set<string>();
  let extra = scanner.take(IDENTIFIER);
  while (extra !== undefined) {
    extras.add(extra);
    scanner.skipBlanks();
    if (scanner.peek(IDENTIFIER) !== undefined) scanner.fail("Expected comma between extra names");
    if (scanner.take(COMMA) === undefined) break;
    scanner.skipBlanks();
    extra = scanner.take(IDENTIFIER) ?? scanner.fail("Expected extra name after comma");
  }
  scanner.skipBlanks();
  if (scanner.take(CLOSE_BRACKET) === undefined) {
    scanner.fail("Expected matching RIGHT_BRACKET for LEFT_BRACKET, after extras", start);
  }
  // Identifiers are ASCII: the order of JavaScript's sort is that of Python's.
  return [...extras].sort();
}

/** Throws where a specifier is followed by `.*` or a local version that its operator does not take. */
function checkTrail(scanner: DependencyScanner, start: number): void {
  const end = scanner.position();
  if (scanner.peek(PREFIX_TRAIL) !== undefined) {
    const isEquality = /!=|==(?!=)/y;
    isEquality.lastIndex = start;
    const message = isEquality.test(scanner.source)
      ? ".* suffix cannot be used with pre-release, post-release, dev or local versions"
      : ".* suffix can only be used with `==` or `!=` operators";
    scanner.fail(message, start, end + 1);
  }
  if (scanner.peek(LOCAL_TRAIL) !== undefined) {
    scanner.fail("Local version label can only be used with `==` or `!=` operators", start, end);
  }
}

/** Specifiers between commas, the last of which may be followed by one; the text up to where they end, without blanks between them. */
function parseVersions(scanner: DependencyScanner): string {
  let text = "";
  for (;;) {
    const start = scanner.position();
    const specifier = scanSpecifier(scanner.source, start);
    if (specifier === undefined) return text;
    text += scanner.source.slice(start, specifier.end);
    scanner.moveTo(specifier.end);
    checkTrail(scanner, start);
    scanner.skipBlanks();
    if (scanner.take(COMMA) === undefined) return text;
    text += ",";
    scanner.skipBlanks();
  }
}

/** Specifiers, in parentheses or not. */
function parseSpecifiers(scanner: DependencyScanner): string {
  const start = scanner.position();
  const isOpen = scanner.take(OPEN) !== undefined;
  scanner.skipBlanks();
  const text = parseVersions(scanner);
  scanner.skipBlanks();
  if (isOpen && scanner.take(CLOSE) === undefined) {
    scanner.fail("Expected matching RIGHT_PARENTHESIS for LEFT_PARENTHESIS, after version specifier", start);
  }
  return text;
}

/** `; marker` up to the end, or nothing there. */
function parseMarkerPart(scanner: DependencyScanner, start: number, expected: string): Marker | undefined {
  if (scanner.atEnd()) return undefined;
  if (scanner.take(SEMICOLON) === undefined) scanner.fail(`Expected ${expected} or end`, start);
  return parseMarkerToEnd(scanner, "Expected end of dependency specifier");
}

interface Details {
  readonly specifier: SpecifierSet;
  readonly url: string | undefined;
  readonly marker: Marker | undefined;
}

function parseUrlDetails(scanner: DependencyScanner): Details {
  scanner.skipBlanks();
  const start = scanner.position();
  const url = scanner.take(URL_TEXT) ?? scanner.fail("Expected URL after @");
  if (!scanner.atEnd() && scanner.take(BLANKS) === undefined) scanner.fail("Expected whitespace after URL");
  const marker = parseMarkerPart(scanner, start, "semicolon (after URL and whitespace)");
  return { specifier: EMPTY_SPECIFIER, url, marker };
}

function parseSpecifierDetails(scanner: DependencyScanner): Details {
  const start = scanner.position();
  const text = parseSpecifiers(scanner);
  scanner.skipBlanks();
  const expected =
    text === ""
      ? "semicolon (after name with no version specifier)"
      : "comma (within version specifier), semicolon (after version specifier)";
  const marker = parseMarkerPart(scanner, start, expected);
  return { specifier: readSpecifierSet(text, scanner), url: undefined, marker };
}

function readSpecifierSet(text: string, scanner: DependencyScanner): SpecifierSet {
  try {
    return parseSpecifierSet(text);
  } catch (error) {
    if (error instanceof InvalidText) throw new InvalidText("requirement", scanner.source, error.message);
    throw error;
  }
}

function textOf(name: string, extras: readonly string[], { specifier, url, marker }: Details): string {
  let text = extras.length > 0 ? `${name}[${extras.join(",")}]` : name;
  text += specifier.text;
  if (url !== undefined) text += ` @ ${url}${marker === undefined ? "" : " "}`;
  return marker === undefined ? text : `${text}; ${marker.text}`;
}

const known = createBoundedCache<Requirement>(8192);

/**
 * Reads `name[extra]>=1.0; marker` or `name @ url ; marker`, as `packaging.requirements.Requirement` does; throws InvalidText of kind `"requirement"`.
 * The same text mostly gives the same object.
 */
export function parseRequirement(text: string): Requirement {
  const remembered = known.get(text);
  if (remembered !== undefined) return remembered;
  const scanner = createDependencyScanner(text, "requirement");
  scanner.skipBlanks();
  const name = scanner.take(IDENTIFIER) ?? scanner.fail("Expected package name at the start of dependency specifier");
  scanner.skipBlanks();
  const extras = parseExtras(scanner);
  scanner.skipBlanks();
  const details = scanner.take(AT) === undefined ? parseSpecifierDetails(scanner) : parseUrlDetails(scanner);
  const requirement: Requirement = {
    name,
    key: normalizeName(name),
    extras,
    specifier: details.specifier,
    ...(details.url === undefined ? {} : { url: details.url }),
    ...(details.marker === undefined ? {} : { marker: details.marker }),
    text: textOf(name, extras, details),
  };
  known.set(text, requirement);
  return requirement;
}
