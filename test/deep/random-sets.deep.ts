/**
 * Resolves random sets of the projects of this machine's local indexes with pip and with pipd, which must pick the same or refuse both. The seed
 * is printed and PIPD_TEST_SEED repeats it; PIPD_DEEP_LIMIT bounds the number of sets, while developing.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeName } from "../../daemon/standards/name.ts";
import type { Finished } from "../harness/run-cli.ts";
import { createTwins } from "../harness/twins.ts";
import { createRandomText, type RandomText } from "../standards/random-text.ts";
import { findLocalIndex, findPython311, type LocalIndex } from "./local-index.ts";

const SETS = Number(process.env["PIPD_DEEP_LIMIT"] ?? 100);
const LARGEST = 6;

/** A project; where the index has a choice, often with a specifier; at times with one that nothing satisfies. */
function randomRequirement(
  random: RandomText,
  [key, versions]: readonly [string, readonly { text: string }[]],
): string {
  if (random.chance(0.02)) return `${key}>${versions.at(-1)?.text}`;
  if (versions.length === 1 || random.chance(0.3)) return key;
  return key + random.pick(["==", "!=", ">=", "<="]) + random.pick(versions).text;
}

function randomSets({ projects }: LocalIndex, random: RandomText): readonly (readonly string[])[] {
  const all = [...projects];
  return Array.from({ length: SETS }, () => [
    ...new Set(Array.from({ length: 1 + random.int(LARGEST) }, () => randomRequirement(random, random.pick(all)))),
  ]);
}

/** What a dry run would install, sorted; undefined when it refuses. */
function pickedBy({ code, stdout, stderr }: Finished): readonly string[] | undefined {
  if (code === 1) return undefined;
  assert.equal(code, 0, stderr);
  const report = JSON.parse(stdout) as { install: { metadata: { name: string; version: string } }[] };
  return report.install.map(({ metadata }) => `${normalizeName(metadata.name)}==${metadata.version}`).toSorted();
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  return [await work(), performance.now() - start];
}

test("random sets of the local indexes: pip's choice", async (t) => {
  const index = findLocalIndex();
  const seed = Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`PIPD_TEST_SEED=${seed}`);
  await using twins = await createTwins({}, findPython311());
  const options = ["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", "-", "-q"];
  const count = { picked: 0, refused: 0, projects: 0, pipMs: 0, pipdMs: 0 };
  const different: string[] = [];
  for (const [number, set] of randomSets(index, createRandomText(seed)).entries()) {
    const args = ["install", ...options, ...index.options, ...set];
    const [pip, pipMs] = await timed(() => twins.pip(args));
    const [pipd, pipdMs] = await timed(() => twins.pipd(args, { timeout: 300_000 }));
    const [expected, actual] = [pickedBy(pip), pickedBy(pipd)];
    count.pipMs += pipMs;
    count.pipdMs += pipdMs;
    count.projects += actual?.length ?? 0;
    count[actual === undefined ? "refused" : "picked"]++;
    if (JSON.stringify(actual) === JSON.stringify(expected)) continue;
    const ours = actual?.filter((pin) => expected?.includes(pin) !== true).join(" ") ?? pipd.stderr;
    const theirs = expected?.filter((pin) => actual?.includes(pin) !== true).join(" ") ?? pip.stderr;
    different.push(`${number} ${set.join(" ")}\n  pipd: ${ours}\n  pip: ${theirs}`);
  }
  t.diagnostic(
    `${SETS} sets: ${count.picked} picked (${count.projects} projects), ${count.refused} refused, ${different.length} different; ` +
      `pip ${(count.pipMs / 1000).toFixed(1)} s, pipd ${(count.pipdMs / 1000).toFixed(1)} s`,
  );
  assert.deepEqual(different, []);
});
