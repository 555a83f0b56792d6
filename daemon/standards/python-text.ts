/** What Python means by white space (`str.isspace`, `\s`); JavaScript's `\s` has one more (U+FEFF) and lacks six. */
export function isPythonSpace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** The first position at or after `at` that is not white space. */
export function skipPythonSpace(text: string, at: number): number {
  let position = at;
  while (position < text.length && isPythonSpace(text.charCodeAt(position))) position += 1;
  return position;
}

/** Python's `text.strip()`. */
export function stripPythonSpace(text: string): string {
  const start = skipPythonSpace(text, 0);
  let end = text.length;
  while (end > start && isPythonSpace(text.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** The order of Python's strings, by code point: JavaScript's `<` differs where a text leaves the basic plane. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above every other unit.
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
  }
  return a.length - b.length;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

const HEX_LENGTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** One escape, `body[at]` being the character after the backslash: what it stands for and where it ends. */
function readEscape(body: string, at: number): readonly [string, number] | undefined {
  const letter = body[at];
  if (letter === undefined) return undefined;
  const simple = SIMPLE_ESCAPES[letter];
  if (simple !== undefined) return [simple, at + 1];
  const length = HEX_LENGTHS[letter];
  if (length !== undefined) {
    const digits = body.slice(at + 1, at + 1 + length);
    const code = Number.parseInt(digits, 16);
    if (digits.length !== length || !/^[0-9a-f]+$/i.test(digits) || code > 0x10ffff) return undefined;
    return [String.fromCodePoint(code), at + 1 + length];
  }
  const octal = /^[0-7]{1,3}/.exec(body.slice(at, at + 3))?.[0];
  if (octal !== undefined) return [String.fromCharCode(Number.parseInt(octal, 8)), at + octal.length];
  // Python looks `\N{...}` up in the Unicode database, which is not here.
  return letter === "N" ? undefined : [`\\${letter}`, at + 1];
}

/**
 * The value of a one-line Python string literal, quotes included, as `ast.literal_eval` has it; undefined where Python would refuse it.
 * Deviation: `\N{...}` is refused.
 */
export function decodePythonString(literal: string): string | undefined {
  const body = literal.slice(1, -1);
  if (body.includes("\0") || !body.isWellFormed()) return undefined;
  if (!body.includes("\\")) return /[\r\n]/.test(body) ? undefined : body;
  let value = "";
  let at = 0;
  while (at < body.length) {
    const char = body[at] as string;
    if (char === "\n" || char === "\r") return undefined;
    if (char !== "\\") {
      value += char;
      at += 1;
      continue;
    }
    const newline = body.startsWith("\r\n", at + 1) ? 2 : body[at + 1] === "\r" ? 1 : 0;
    const read = newline > 0 ? (["", at + 1 + newline] as const) : readEscape(body, at + 1);
    if (read === undefined) return undefined;
    value += read[0];
    at = read[1];
  }
  return value;
}
