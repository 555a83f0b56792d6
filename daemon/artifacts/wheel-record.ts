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
  /** By path, as RECORD writes it; empty for RECORD and its signatures. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Compares RECORD with what was unpacked, as PEP 427 asks: every file except RECORD and its signatures is listed with a hash not weaker
 * than sha256, and has it. A listed file that is not there is only a warning (pip and uv install such wheels; nothing unverified gets in).
 * Sizes are not compared: the hash says more. Digests in hex (gmsh's wheels) or with padding are read, too.
 * @throws PipdError "invalid-wheel".
 */
export function verifyRecord(
  record: string,
  files: readonly UnpackedFile[],
  wheel: { readonly filename: string; readonly distInfo: string; readonly tree: string },
): RecordVerdict {
  const { filename, distInfo, tree } = wheel;
  const unsigned = new Set(["RECORD", "RECORD.jws", "RECORD.p7s"].map((name) => `${distInfo}/${name}`));
  const listed = new Map<string, ListedHash>();
  for (const row of parseRecord(record)) {
    if (unsigned.has(row.path)) continue;
    const hash = listedHash(row, filename);
    const before = listed.get(row.path);
    if (before !== undefined && (before.algorithm !== hash.algorithm || before.digest !== hash.digest)) {
      throw invalidWheel(filename, "RECORD lists it twice, differently", row.path);
    }
    listed.set(row.path, hash);
  }
  const hashes = new Map<string, string>();
  for (const file of files) {
    if (unsigned.has(file.path)) continue;
    const expected = listed.get(file.path);
    if (expected === undefined) throw invalidWheel(filename, "RECORD does not list a file of the archive", file.path);
    if (expected.digest !== digestOf(file, expected.algorithm, tree)) {
      throw invalidWheel(filename, "the content does not have the hash that RECORD lists", file.path);
    }
    listed.delete(file.path);
    hashes.set(file.path, expected.text);
  }
  return { hashes, warnings: missingWarnings([...listed.keys()], filename) };
}

interface ListedHash {
  /** As written. */
  readonly text: string;
  /** Node's name. */
  readonly algorithm: string;
  /** Urlsafe base64 without padding, whatever RECORD uses. */
  readonly digest: string;
}

function listedHash({ path, hash: text }: RecordRow, filename: string): ListedHash {
  if (text === "") throw invalidWheel(filename, "RECORD lists it without a hash", path);
  const [name = "", written = ""] = text.split(/=(.*)/s);
  const algorithm = STRONG_HASHES[name.toLowerCase()];
  if (algorithm === undefined) {
    throw invalidWheel(filename, `RECORD lists it with the hash ${JSON.stringify(name)}, not sha256 or better`, path);
  }
  if (!/^[\w+/-]+=*$/.test(written)) throw invalidWheel(filename, "RECORD lists it with a hash that is none", path);
  const isHex = written.length >= 64 && /^[0-9a-f]+$/i.test(written);
  return { text, algorithm, digest: Buffer.from(written, isHex ? "hex" : "base64").toString("base64url") };
}

function digestOf(file: UnpackedFile, algorithm: string, tree: string): string {
  if (algorithm === "sha256") return file.sha256;
  return hash(algorithm, readFileSync(join(tree, file.path)), "base64url");
}

function missingWarnings(missing: readonly string[], filename: string): string[] {
  const [first] = missing;
  if (first === undefined) return [];
  const files = missing.length === 1 ? "a file" : `${missing.length} files`;
  return [`The RECORD of ${filename} lists ${files} that the wheel does not hold: ${JSON.stringify(first)}`];
}
