import type { DependencyScanner } from "./dependency-scanner.ts";
import { normalizeName } from "./name.ts";
import { decodePythonString } from "./python-text.ts";

/** One side of a comparison: a variable by its present name, or a literal. */
export interface MarkerOperand {
  readonly variable: boolean;
  readonly value: string;
}

export interface MarkerComparison {
  readonly left: MarkerOperand;
  readonly operator: string;
  readonly right: MarkerOperand;
}

/** Comparisons and groups with "and" and "or" between them, as written; "and" binds closer. */
export type MarkerExpression = readonly MarkerTerm[];
export type MarkerTerm = MarkerComparison | MarkerExpression | "and" | "or";

export function isGroup(term: MarkerTerm): term is MarkerExpression {
  return Array.isArray(term);
}

const VARIABLE =
  /\b(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_(?:release|system)|platform[._](?:version|machine|python_implementation)|python_implementation|implementation_(?:name|version)|extras?|dependency_groups)\b/y;
const QUOTED = /'[^']*'|"[^"]*"/y;
const COMPARISON = /===|==|~=|!=|<=|>=|<|>/y;
const BOOLEAN = /\b(?:or|and)\b/y;
const IN = /\bin\b/y;
const NOT = /\bnot\b/y;
const BLANKS = /[ \t]+/y;
const OPEN = /\(/y;
const CLOSE = /\)/y;

/** Python gives up at a depth of this order as well; a deeper text would exhaust the stack. */
const DEEPEST = 400;

/** Reads a marker where the scanner stands, up to where its grammar ends; the caller says what may follow. Throws InvalidText of the scanner's kind. */
export function parseMarkerExpression(scanner: DependencyScanner): MarkerExpression {
  return parseTerms(scanner, 0);
}

function parseTerms(scanner: DependencyScanner, depth: number): MarkerExpression {
  const terms: MarkerTerm[] = [parseTerm(scanner, depth)];
  for (;;) {
    const operator = scanner.take(BOOLEAN);
    if (operator !== "and" && operator !== "or") return terms;
    terms.push(operator, parseTerm(scanner, depth));
  }
}

function parseTerm(scanner: DependencyScanner, depth: number): MarkerTerm {
  scanner.skipBlanks();
  const start = scanner.position();
  if (scanner.take(OPEN) === undefined) return parseComparison(scanner);
  if (depth >= DEEPEST) scanner.fail("Parentheses are nested too deeply", start);
  scanner.skipBlanks();
  const group = parseTerms(scanner, depth + 1);
  scanner.skipBlanks();
  if (scanner.take(CLOSE) === undefined) {
    scanner.fail("Expected matching RIGHT_PARENTHESIS for LEFT_PARENTHESIS, after marker expression", start);
  }
  scanner.skipBlanks();
  return group;
}

function parseComparison(scanner: DependencyScanner): MarkerComparison {
  const left = parseOperand(scanner);
  scanner.skipBlanks();
  const operator = parseOperator(scanner);
  scanner.skipBlanks();
  const right = parseOperand(scanner);
  scanner.skipBlanks();
  return normalizeExtra({ left, operator, right });
}

function parseOperand(scanner: DependencyScanner): MarkerOperand {
  const variable = scanner.take(VARIABLE);
  if (variable !== undefined) {
    const name = variable.replace(".", "_");
    return { variable: true, value: name === "python_implementation" ? "platform_python_implementation" : name };
  }
  const start = scanner.position();
  const quoted = scanner.take(QUOTED);
  if (quoted === undefined) return scanner.fail("Expected a marker variable or quoted string");
  const value = decodePythonString(quoted);
  return value === undefined ? scanner.fail("Invalid quoted string", start) : { variable: false, value };
}

function parseOperator(scanner: DependencyScanner): string {
  if (scanner.take(IN) !== undefined) return "in";
  if (scanner.take(NOT) !== undefined) {
    if (scanner.take(BLANKS) === undefined) scanner.fail("Expected whitespace after 'not'");
    if (scanner.take(IN) === undefined) scanner.fail("Expected 'in' after 'not'");
    return "not in";
  }
  const operator = scanner.take(COMPARISON);
  if (operator !== undefined) return operator;
  return scanner.fail("Expected marker operator, one of <=, <, !=, ==, >=, >, ~=, ===, in, not in");
}

/** Names of extras are compared, and shown, normalised (PEP 685). */
function normalizeExtra(comparison: MarkerComparison): MarkerComparison {
  const { left, right } = comparison;
  if (left.variable === right.variable) return comparison;
  const variable = left.variable ? left.value : right.value;
  const isExtra =
    variable === "extra" || (right.variable && (variable === "extras" || variable === "dependency_groups"));
  if (!isExtra) return comparison;
  const normal = (operand: MarkerOperand): MarkerOperand =>
    operand.variable ? operand : { variable: false, value: normalizeName(operand.value) };
  return { ...comparison, left: normal(left), right: normal(right) };
}

/**
 * The text of a marker, equal to `str(packaging.markers.Marker(...))`. Deviation: a literal with both kinds of quotes, which packaging cannot print,
 * is printed with `\x22`.
 */
export function renderMarker(term: MarkerTerm, nested = false): string {
  if (term === "and" || term === "or") return term;
  if (!isGroup(term)) return `${renderOperand(term.left)} ${term.operator} ${renderOperand(term.right)}`;
  const only = term.length === 1 ? term[0] : undefined;
  if (only !== undefined) return renderMarker(only, nested);
  const inner = term.map((part) => renderMarker(part, true)).join(" ");
  return nested ? `(${inner})` : inner;
}

function renderOperand({ variable, value }: MarkerOperand): string {
  if (variable) return value;
  if (!value.includes('"')) return `"${value}"`;
  return value.includes("'") ? `"${value.replaceAll("\\", "\\\\").replaceAll('"', "\\x22")}"` : `'${value}'`;
}
