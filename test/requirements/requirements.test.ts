import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { NUMBERS, REQUIREMENTS } from "./table.ts";

const ROOT = join(import.meta.dirname, "..");
/** The title of a test, or of a row in a table of tests, that starts with numbers. */
const TITLE = /(?:test\(|title: )\s*["'`]((?:R\d+ )+)/g;

/** file -> numbers of the requirements in the titles of its tests. */
function numbersInTitles(): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  for (const entry of readdirSync(ROOT, { recursive: true, encoding: "utf8" })) {
    if (!/\.(test|deep)\.ts$/.test(entry)) continue;
    const numbers = [...readFileSync(join(ROOT, entry), "utf8").matchAll(TITLE)].flatMap(([, prefix]) =>
      prefix!
        .trim()
        .split(" ")
        .map((word) => Number(word.slice(1))),
    );
    if (numbers.length > 0) found.set(entry, new Set(numbers));
  }
  return found;
}

test("every requirement in the table has the tests that it names", () => {
  const titles = numbersInTitles();
  const faults: string[] = [];
  for (const [number, { tests }] of Object.entries(REQUIREMENTS)) {
    if (tests.length === 0) faults.push(`R${number} names no test`);
    for (const file of tests)
      if (titles.get(file)?.has(Number(number)) !== true) faults.push(`R${number}: no test of that name in ${file}`);
  }
  assert.deepEqual(faults, []);
});

test("every test named after a requirement is in the table", () => {
  const faults: string[] = [];
  for (const [file, numbers] of numbersInTitles())
    for (const number of numbers)
      if (REQUIREMENTS[number]?.tests.includes(file) !== true) faults.push(`R${number}: ${file} is missing`);
  assert.deepEqual(faults, []);
});

test("the table has a row for every requirement of the daemon, and for nothing else", () => {
  assert.deepEqual(Object.keys(REQUIREMENTS).map(Number), NUMBERS);
});
