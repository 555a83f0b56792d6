import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseRecord, type RecordRow } from "../standards/dist-info.ts";
import { invalidWheel } from "./wheel.ts";

/** What unpacking found out about a file. */
export interface UnpackedFile {
  readonly path: string;
  readonly size: number;
  /** Urlsafe base64 without padding. */
  readonly sha256: string;
}

/** RECORD's names (those of Python's hashlib) of what is at least as strong as sha256, by Node's names. Weaker ones PEP 427 forbids. */
const STRONG_HASHES: Readonly<Record<string, string>> = {
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
  sha3_256: "sha3-256",
  sha3_384: "sha3-384",
  sha3_512: "sha3-512",
  blake2b: "blake2b512",
  blake2s: "blake2s256",
};

export interface RecordVerdict {
  /** By path, `<algorithm>=<urlsafe base64 without padding>`; empty for RECORD and its signatures. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Compares RECORD with what was unpacked, as PEP 427 asks: every file except RECORD and its signatures is listed with a hash not weaker
 * than sha256, and has it. A listed file that is not there is only a warning (pip and uv install such wheels; nothing unverified gets in).
 * Sizes are not compared: the hash says more.
 * @throws PipdError "invalid-wheel".
 */
export function verifyRecord(
  record: string,
  files: readonly UnpackedFile[],
  wheel: { readonly filename: string; readonly distInfo: string; readonly tree: string },
): RecordVerdict {
  const { filename, distInfo, tree } = wheel;
  const unsigned = new Set(["RECORD", "RECORD.jws", "RECORD.p7s"].map((name) => `${distInfo}/${name}`));
  const listed = new Map<string, string>();
  for (const row of parseRecord(record)) {
    if (unsigned.has(row.path)) continue;
    const hash = strongHash(row, filename);
    const before = listed.get(row.path);
    if (before !== undefined && before !== hash)
      throw invalidWheel(filename, "RECORD lists it twice, differently", row.path);
    listed.set(row.path, hash);
  }
  const hashes = new Map<string, string>();
  for (const file of files) {
    const expected = unsigned.has(file.path) ? "" : listed.get(file.path);
    if (expected === undefined) throw invalidWheel(filename, "RECORD does not list a file of the archive", file.path);
    listed.delete(file.path);
    hashes.set(file.path, expected);
    if (expected !== "" && expected !== digestOf(file, expected, tree)) {
      throw invalidWheel(filename, "the content does not have the hash that RECORD lists", file.path);
    }
  }
  return { hashes, warnings: missingWarnings([...listed.keys()], filename) };
}

function strongHash({ path, hash: text }: RecordRow, filename: string): string {
  const [algorithm = "", digest = ""] = text.split(/=(.*)/s);
  if (text === "") throw invalidWheel(filename, "RECORD lists it without a hash", path);
  if (STRONG_HASHES[algorithm.toLowerCase()] === undefined) {
    throw invalidWheel(
      filename,
      `RECORD lists it with the hash ${JSON.stringify(algorithm)}, not sha256 or better`,
      path,
    );
  }
  return `${algorithm.toLowerCase()}=${digest.replace(/=+$/, "")}`;
}

function digestOf(file: UnpackedFile, expected: string, tree: string): string {
  if (expected.startsWith("sha256=")) return `sha256=${file.sha256}`;
  const algorithm = expected.slice(0, expected.indexOf("="));
  const content = readFileSync(join(tree, file.path));
  return `${algorithm}=${hash(STRONG_HASHES[algorithm] ?? "", content, "base64url")}`;
}

function missingWarnings(missing: readonly string[], filename: string): string[] {
  const [first] = missing;
  if (first === undefined) return [];
  const files = missing.length === 1 ? "a file" : `${missing.length} files`;
  return [`The RECORD of ${filename} lists ${files} that the wheel does not hold: ${JSON.stringify(first)}`];
}
