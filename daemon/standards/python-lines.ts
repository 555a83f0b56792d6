/** Operations of Python's `str` on lines and words that file formats of Python packaging lean on; JavaScript's own differ in what ends a line. */
import { isPythonSpace } from "./python-text.ts";

const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** `str.splitlines()`: the lines without their ends, which include form feeds and the Unicode separators. No line follows the last end. */
export function splitLines(text: string): string[] {
  const lines = text.split(LINE_END);
  if (lines.at(-1) === "") {
    lines.pop();
  }
  return lines;
}

/** `str.split()`: the words between runs of white space. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = -1;
  for (let index = 0; index <= text.length; index++) {
    const inWord = index < text.length && !isPythonSpace(text.charCodeAt(index));
    if (inWord && start < 0) {
      start = index;
    } else if (!inWord && start >= 0) {
      words.push(text.slice(start, index));
      start = -1;
    }
  }
  return words;
}

/** What reading a file in Python's text mode does to line ends: `\r\n` and `\r` become `\n`. */
export function translateNewlines(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** Not printable for Python: control, format, surrogate, private and unassigned characters, and every space but U+0020. */
const NOT_PRINTABLE = /[\p{C}\p{Z}]/u;

/** `repr(text)`: in single quotes unless that would need an escape that double quotes do not. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const character of text) {
    if (character === quote) {
      out += `\\${character}`;
    } else if (character !== " " && NOT_PRINTABLE.test(character)) {
      out += ESCAPES.get(character) ?? escapeCodePoint(character.codePointAt(0) ?? 0);
    } else {
      out += ESCAPES.get(character) ?? character;
    }
  }
  return out + quote;
}

function escapeCodePoint(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) {
    return `\\x${hex.padStart(2, "0")}`;
  }
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** `json.dumps(text)`: a JSON string of ASCII characters only. */
export function pythonJsonString(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
