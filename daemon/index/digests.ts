import { createHash, getHashes, type Hash } from "node:crypto";
import { PipdError } from "../std/errors.ts";

/** Hashes of bytes as they come: always SHA-256, and whatever else is to be compared. */
export interface Digests {
  update(chunk: Uint8Array): void;
  /** Hex by algorithm. Ends the computation. */
  digest(): Readonly<Record<string, string>>;
}

/** What pip says above every list of hashes that do not match. */
export const MISMATCH =
  "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, please update the hashes. " +
  "Otherwise, examine the package contents carefully; someone may have tampered with them.";

/** `expected` is what an index gives: hex by algorithm. Algorithms this Node does not know are left out. */
export function createDigests(expected: Readonly<Record<string, string>>): Digests {
  const known = getHashes();
  const names = new Set(["sha256", ...Object.keys(expected).filter((name) => known.includes(name))]);
  const hashes = new Map<string, Hash>([...names].map((name) => [name, createHash(name)]));
  return {
    update(chunk) {
      for (const hash of hashes.values()) {
        hash.update(chunk);
      }
    },
    digest: () => Object.fromEntries([...hashes].map(([name, hash]) => [name, hash.digest("hex")])),
  };
}

/** The PipdError "hash-mismatch", in pip's words, if any of the hashes differs; undefined if all that were computed agree. */
export function mismatchOf(
  what: string,
  expected: Readonly<Record<string, string>>,
  got: Readonly<Record<string, string>>,
): PipdError | undefined {
  for (const [name, digest] of Object.entries(expected)) {
    const actual = got[name];
    if (actual !== undefined && actual !== digest.toLowerCase()) {
      const lines = [
        MISMATCH,
        `    ${what}:`,
        `        Expected ${name} ${digest}`,
        `             Got        ${actual}`,
      ];
      return new PipdError("hash-mismatch", lines.join("\n"));
    }
  }
  return undefined;
}
