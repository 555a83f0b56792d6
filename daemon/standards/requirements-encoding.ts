/** The encoding of requirements files: a byte order mark, a comment in the manner of PEP 263, UTF-8, the locale's encoding. */
import { InvalidText } from "./invalid-text.ts";

type ByteOrder = "little" | "big";

/** Marks, longer ones first: the mark of UTF-16 begins that of UTF-32. */
const BYTE_ORDER_MARKS: readonly (readonly [mark: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe, 0, 0], "utf-32-le"],
  [[0, 0, 0xfe, 0xff], "utf-32-be"],
  [[0xff, 0xfe], "utf-16-le"],
  [[0xfe, 0xff], "utf-16-be"],
];

/**
 * Decodes the bytes of a requirements file as pip does. `localeEncoding` is tried last, for files that declare nothing and are not UTF-8.
 * Throws {@link InvalidText} of kind "requirements-encoding" (with empty `text`) for bytes that do not fit and for encodings unknown here.
 */
export function decodeRequirementsFile(bytes: Uint8Array, localeEncoding = "utf-8"): string {
  for (const [mark, encoding] of BYTE_ORDER_MARKS) {
    if (mark.every((byte, index) => bytes[index] === byte)) {
      return decode(bytes.subarray(mark.length), encoding);
    }
  }
  const declared = declaredEncoding(bytes);
  if (declared !== undefined) {
    return decode(bytes, declared);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return decode(bytes, localeEncoding);
  }
}

/** The encoding of the locale that an environment names (`de_DE.ISO-8859-1`); UTF-8 where it names none, as Python has it. */
export function localeEncoding(env: Readonly<Record<string, string>>): string {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return /\.([^@]+)/.exec(locale)?.[1] ?? "utf-8";
}

/** The name in `# -*- coding: name -*-`, when that is one of the first two lines. */
function declaredEncoding(bytes: Uint8Array): string | undefined {
  let start = 0;
  for (let line = 0; line < 2 && start <= bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    if (bytes[start] === 0x23) {
      const name = /coding[:=][\t-\r ]*([-\w.]+)/.exec(latin1(bytes.subarray(start, end)))?.[1];
      if (name !== undefined) {
        return name;
      }
    }
    start = end + 1;
  }
  return undefined;
}

function decode(bytes: Uint8Array, encoding: string): string {
  const name = encoding.toLowerCase().replaceAll("_", "-");
  if (/^(?:latin-?1|l1|cp819|8859|iso-?8859-?1)$/.test(name)) {
    return latin1(bytes);
  }
  if (/^(?:us-)?ascii$/.test(name)) {
    return bytes.every((byte) => byte < 0x80) ? latin1(bytes) : fail(`not valid ${encoding}`);
  }
  const wide = /^utf-?32(?:-?(le|be))?$/.exec(name);
  if (wide !== null) {
    return utf32(bytes, wide[1] === "be" ? "big" : "little");
  }
  const label = name
    .replace(/^(?:cp|windows-?)(125\d|874)$/, "windows-$1")
    .replace(/^utf-?16$/, "utf-16le")
    .replace(/^utf-?16-?(le|be)$/, "utf-16$1")
    .replace(/^(?:utf8|u8|utf|utf-8-sig)$/, "utf-8")
    .replace(/^iso-?8859-?(\d+)$/, "iso-8859-$1");
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: name !== "utf-8-sig" }).decode(bytes);
  } catch (error) {
    // A decoder refuses unknown labels with a RangeError, bad bytes with a TypeError.
    return fail(error instanceof RangeError ? `in an unknown encoding: ${encoding}` : `not valid ${encoding}`);
  }
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return text;
}

function utf32(bytes: Uint8Array, order: ByteOrder): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length % 4 !== 0) {
    return fail("not valid utf-32");
  }
  let text = "";
  for (let offset = 0; offset < bytes.length; offset += 4) {
    const code = view.getUint32(offset, order === "little");
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return fail("not valid utf-32");
    }
    text += String.fromCodePoint(code);
  }
  return text;
}

function fail(what: string): never {
  throw new InvalidText("requirements-encoding", "", `The file is ${what}.`);
}
