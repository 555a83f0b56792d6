import { createBoundedCache } from "./bounded-cache.ts";
import { createDependencyScanner, type DependencyScanner } from "./dependency-scanner.ts";
import { InvalidText, quoteForMessage } from "./invalid-text.ts";
import {
  isGroup,
  type MarkerComparison,
  type MarkerExpression,
  type MarkerTerm,
  parseMarkerExpression,
  renderMarker,
} from "./marker-parser.ts";
import { specifierMatchesText, tryParseSpecifier } from "./specifier.ts";

/** What markers are evaluated against (PEP 508): the variables of one interpreter. `extra` is apart. */
export type MarkerEnvironment = Readonly<
  Record<
    | "implementation_name"
    | "implementation_version"
    | "os_name"
    | "platform_machine"
    | "platform_python_implementation"
    | "platform_release"
    | "platform_system"
    | "platform_version"
    | "python_full_version"
    | "python_version"
    | "sys_platform",
    string
  >
>;

/** A parsed marker. Immutable. */
export interface Marker {
  /** Equal to `str(packaging.markers.Marker(...))`. */
  readonly text: string;
  /** What `markerMentionsExtra` gives. */
  readonly mentionsExtra: boolean;
  /** What `evaluateMarker` asks. */
  readonly test: MarkerTest;
}

type MarkerTest = (environment: MarkerEnvironment, extra: string) => boolean;

/** Variables that are compared as versions where the other side is one. */
const VERSION_VARIABLES: ReadonlySet<string> = new Set([
  "implementation_version",
  "platform_release",
  "python_full_version",
  "python_version",
]);

const VARIABLES: ReadonlySet<string> = new Set<keyof MarkerEnvironment>([
  "implementation_name",
  "implementation_version",
  "os_name",
  "platform_machine",
  "platform_python_implementation",
  "platform_release",
  "platform_system",
  "platform_version",
  "python_full_version",
  "python_version",
  "sys_platform",
]);

function undefinedMarker(text: string, message: string): InvalidText {
  return new InvalidText("marker", text, message);
}

/** Finds the value of a variable when the marker is evaluated. */
function lookUp(variable: string, text: string): (environment: MarkerEnvironment, extra: string) => string {
  if (variable === "extra") return (_environment, extra) => extra;
  if (variable === "python_full_version") {
    // A Python built from a source checkout calls itself 3.13.0+, which is not a version.
    return ({ python_full_version: version }) => (version.endsWith("+") ? `${version}local` : version);
  }
  if (VARIABLES.has(variable)) return (environment) => environment[variable as keyof MarkerEnvironment];
  return () => {
    throw undefinedMarker(text, `${quoteForMessage(variable)} is not a variable markers of requirements can use`);
  };
}

/** Compares as text: order has no meaning there, so `<` and `>` never hold and `<=` and `>=` mean equality, as in packaging. */
function compareTexts(left: string, operator: string, right: string, text: string): boolean {
  switch (operator) {
    case "in":
      return right.includes(left);
    case "not in":
      return !right.includes(left);
    case "==":
    case "<=":
    case ">=":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
    case ">":
      return false;
    default:
      throw undefinedMarker(text, `Undefined ${operator} on ${quoteForMessage(left)} and ${quoteForMessage(right)}.`);
  }
}

/** Makes the test of one comparison. Which side is the variable decides how it is compared; two variables compare the first with the name of the second. */
function compileComparison({ left, operator, right }: MarkerComparison): MarkerTest {
  const variable = left.variable ? left.value : right.value;
  const source = renderMarker({ left, operator, right });
  const value = lookUp(variable, source);
  const isVersion = VERSION_VARIABLES.has(variable);
  if (left.variable) {
    const specifier = isVersion ? tryParseSpecifier(operator + right.value) : undefined;
    if (specifier !== undefined)
      return (environment, extra) => specifierMatchesText(specifier, value(environment, extra));
    return (environment, extra) => compareTexts(value(environment, extra), operator, right.value, source);
  }
  return (environment, extra) => {
    const found = value(environment, extra);
    const specifier = isVersion ? tryParseSpecifier(operator + found) : undefined;
    if (specifier !== undefined) return specifierMatchesText(specifier, left.value);
    return compareTexts(left.value, operator, found, source);
  };
}

/** Makes the test of an expression. Every comparison is made even where the answer is known: one without meaning is an error wherever it stands. */
function compile(expression: MarkerExpression): MarkerTest {
  const alternatives: MarkerTest[][] = [[]];
  for (const term of expression) {
    if (term === "or") alternatives.push([]);
    else if (term !== "and") alternatives.at(-1)?.push(isGroup(term) ? compile(term) : compileComparison(term));
  }
  const only = alternatives.length === 1 && alternatives[0]?.length === 1 ? alternatives[0][0] : undefined;
  if (only !== undefined) return only;
  return (environment, extra) => {
    let any = false;
    for (const tests of alternatives) {
      let all = true;
      for (const test of tests) if (!test(environment, extra)) all = false;
      if (all) any = true;
    }
    return any;
  };
}

function mentions(term: MarkerTerm, variable: string): boolean {
  if (term === "and" || term === "or") return false;
  if (isGroup(term)) return term.some((part) => mentions(part, variable));
  return term.left.variable ? term.left.value === variable : term.right.value === variable;
}

const known = createBoundedCache<Marker>(4096);

/**
 * Reads the marker that the rest of the scanner's text is; fails with `expectation` where more follows. The same marker is met in many requirements:
 * its text mostly gives the same object.
 */
export function parseMarkerToEnd(scanner: DependencyScanner, expectation: string): Marker {
  const text = scanner.source.slice(scanner.position());
  const remembered = known.get(text);
  if (remembered !== undefined) {
    scanner.moveTo(scanner.source.length);
    return remembered;
  }
  const expression = parseMarkerExpression(scanner);
  if (!scanner.atEnd()) scanner.fail(expectation);
  const marker = {
    text: renderMarker(expression),
    mentionsExtra: mentions(expression, "extra"),
    test: compile(expression),
  };
  known.set(text, marker);
  return marker;
}

/** Reads `python_version < "3.9" and extra == "test"`, as `packaging.markers.Marker` does; throws InvalidText of kind `"marker"`. */
export function parseMarker(text: string): Marker {
  return parseMarkerToEnd(createDependencyScanner(text, "marker"), "Expected end of marker expression");
}

/**
 * Whether the marker holds, exactly as `packaging.markers.Marker.evaluate({..., "extra": extra})`; `extra` is a normalised name, or "" for none.
 * Throws InvalidText of kind `"marker"` where a comparison has no meaning (`os_name ~= "x"`) or names a variable that is not there.
 */
export function evaluateMarker(marker: Marker, environment: MarkerEnvironment, extra = ""): boolean {
  return marker.test(environment, extra);
}

/** Whether the marker asks for `extra`; where it does not, its value is the same for every extra. */
export function markerMentionsExtra(marker: Marker): boolean {
  return marker.mentionsExtra;
}
