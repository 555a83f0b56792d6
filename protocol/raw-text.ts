/**
 * Bytes of the system (arguments, paths, variables) as text, in the manner of Python's `surrogateescape` (PEP 383): each byte that is not part of
 * UTF-8 becomes one lone surrogate, U+DC80 to U+DCFF. So every such text is its bytes again, and text in UTF-8 stays as it is (R40).
 */

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of any bytes. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const length = characterLength(bytes, at);
      text += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : strict.decode(bytes.subarray(at, at + length));
      at += Math.max(1, length);
    }
    return text;
  }
}

/** The bytes of a text that `textOfBytes` made. Other lone surrogates become U+FFFD, as everywhere. */
export function bytesOfText(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else bytes.push(...encoder.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** Text for people: lone surrogates as Python writes them in messages (`\udce9`). */
export function printable(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(/\p{Surrogate}/gu, (code) => `\\u${code.charCodeAt(0).toString(16)}`);
}

/** How many bytes the character at `at` has, or 0 when no character of UTF-8 is there. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length < 2) return length;
  try {
    strict.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
