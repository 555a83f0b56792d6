import { createHash, type Hash } from "node:crypto";
import { readSync } from "node:fs";
import { MISMATCH } from "../index/digests.ts";
import { PipdError } from "../std/errors.ts";
import type { Stop } from "../std/worker-pool.ts";

/**
 * The hashes somebody gives for one file, as `<algorithm>:<hex>`: an index page, a URL fragment, the `--hash` options of a requirement.
 * The file must have one of them. Several demands on a file (the index's and the user's) are separate lists, each to be met.
 */
export type HashDemand = readonly string[];

/** By algorithm, lower-case hex. */
export type Digests = ReadonlyMap<string, string>;

/** What pip compares, by hashlib's names, which Node shares. */
const ALGORITHMS: ReadonlySet<string> = new Set(["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]);

function split(text: string): { readonly algorithm: string; readonly digest: string } {
  const colon = text.indexOf(":");
  return { algorithm: text.slice(0, colon).toLowerCase(), digest: text.slice(colon + 1).toLowerCase() };
}

/** The demand that an index's `hashes` object makes. Empty (no demand) when it names no algorithm known here. */
export function demandOf(hashes: Readonly<Record<string, string>>): HashDemand {
  return Object.entries(hashes)
    .filter(([algorithm]) => ALGORITHMS.has(algorithm.toLowerCase()))
    .map(([algorithm, digest]) => `${algorithm}:${digest}`);
}

/** The algorithms that must be computed to judge the demands, always with sha256. */
export function algorithmsOf(demands: readonly HashDemand[]): readonly string[] {
  return [...new Set(["sha256", ...demands.flat().map((text) => split(text).algorithm)])].filter((name) =>
    ALGORITHMS.has(name),
  );
}

/**
 * Whether the digests meet all demands: true, or false when only further algorithms could tell.
 * @throws PipdError "hash-mismatch", in pip's words, when one cannot be met; `subject` is what it says of which file
 */
export function checkHashes(subject: string, demands: readonly HashDemand[], digests: Digests): boolean {
  let certain = true;
  for (const demand of demands.filter((list) => list.length > 0)) {
    const wanted = demand.map(split);
    if (wanted.some(({ algorithm, digest }) => digests.get(algorithm) === digest)) continue;
    if (wanted.some(({ algorithm }) => ALGORITHMS.has(algorithm) && !digests.has(algorithm))) certain = false;
    else throw mismatch(subject, wanted, digests);
  }
  return certain;
}

function mismatch(subject: string, wanted: readonly ReturnType<typeof split>[], digests: Digests): PipdError {
  const comparisons = [...Map.groupBy(wanted, ({ algorithm }) => algorithm)].map(([algorithm, group]) => {
    const expected = group.map(({ digest }) => digest).toSorted();
    const lines = expected.map((digest, at) => `        Expected ${at === 0 ? algorithm : "    or"} ${digest}`);
    return [...lines, `             Got        ${digests.get(algorithm) ?? "?"}`].join("\n");
  });
  return new PipdError("hash-mismatch", [MISMATCH, `    ${subject}:`, comparisons.join("\n\n")].join("\n"));
}

/** Digests of a whole open file, read once. @throws what `stop` throws */
export function hashFile(descriptor: number, algorithms: readonly string[], stop: Stop): Digests {
  const hashes = algorithms.map((algorithm): readonly [string, Hash] => [algorithm, createHash(algorithm)]);
  const buffer = Buffer.allocUnsafeSlow(2 ** 20);
  for (let position = 0; ; ) {
    const count = readSync(descriptor, buffer, 0, buffer.length, position);
    if (count === 0) break;
    stop.throwIfStopped();
    position += count;
    for (const [, hash] of hashes) hash.update(buffer.subarray(0, count));
  }
  return new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest("hex")]));
}
