import assert from "node:assert/strict";
import { test } from "node:test";
import { shellPattern } from "../../daemon/standards/shell-pattern.ts";
import { NEWEST, runPython } from "../harness/interpreters.ts";
import { seededRandom } from "../harness/seeded-random.ts";

test("patterns fit the names that they fit for Python", () => {
  const random = seededRandom();
  const some = (pieces: readonly string[], most: number): string =>
    Array.from({ length: Math.floor(random() * most) }, () => pieces[Math.floor(random() * pieces.length)]!).join("");
  const pairs = Array.from({ length: 3000 }, () => [
    some(["a", "b", "-", ".", "é", "💡", "b"], 9),
    some(["a", "b", "-", ".", "é", "*", "**", "?", "[ab]", "[!a]", "[a-é]", "[!b-c]", "["], 7),
  ]);
  // Classes of all that means something in one: ranges that are empty, touch or stand the wrong way, brackets, words of regular expressions.
  const members = ["a", "b", "c", "-", "-", "!", "]", "[", "^", "\\", "&", "|", "~", "é", "💡", "\uFFFD", "*", "?"];
  for (let count = 0; count < 3000; count++)
    pairs.push([some(members, 4), `${some(["*", "[!", "[", "?"], 3)}[${some(members, 8)}]`]);
  const program =
    "import fnmatch, json, sys; print(json.dumps([fnmatch.fnmatchcase(*pair) for pair in json.loads(sys.argv[1])]))";
  const expected = JSON.parse(runPython(NEWEST.executable, ["-c", program, JSON.stringify(pairs)])) as boolean[];
  const wrong = pairs.filter(([name, pattern], index) => shellPattern(pattern!)(name!) !== expected[index]);
  assert.deepEqual(wrong, []);
});

test("no pattern takes long", () => {
  const start = performance.now();
  for (const pattern of [
    "a*".repeat(1000),
    "[".repeat(100_000),
    "[a".repeat(50_000),
    "[!]".repeat(50_000),
    `[${"b-".repeat(50_000)}]`,
    `${"*".repeat(100_000)}b`,
  ])
    assert.equal(shellPattern(pattern)("a".repeat(200)), false);
  assert.ok(performance.now() - start < 5000);
});
