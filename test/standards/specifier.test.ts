import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import {
  EMPTY_SPECIFIER,
  intersectSpecifiers,
  isPinned,
  mentionsPrerelease,
  parseSpecifierSet,
  type SpecifierSet,
  specifierContains,
} from "../../daemon/standards/specifier.ts";
import { parseVersion } from "../../daemon/standards/version.ts";
import { rangeContains, rangeOf } from "../../daemon/standards/version-range.ts";
import { agreeOnSets } from "./packaging-agreement.ts";

/** PEP 440, "Version specifiers": what matches and what does not. */
const MATCHES: readonly (readonly [specifiers: string, matching: string, others: string])[] = [
  ["", "0.dev0 1.0 1!0", ""],
  ["~=2.2", "2.2 2.2.post3 2.9 2.2+x", "2.1 3.0.dev1 3 2.2rc1 1!2.3"],
  ["~=1.4.5a4", "1.4.5a4 1.4.5 1.4.9", "1.4.5a3 1.5.dev1"],
  ["==1.1", "1.1 1.1.0 1.1+local", "1.1.post1 1.1a1 1.1.dev1 1.1.1"],
  ["==1.1+a", "1.1+a 1.1.0+a", "1.1 1.1+a.b 1.1+b"],
  ["==1.1.*", "1.1 1.1.post1 1.1a1 1.1.dev0 1.1.9 1.1+x", "1.2.dev0 1.10 1"],
  ["!=1.1", "1.1.post1 1.1a1 1.2", "1.1 1.1.0 1.1+x"],
  ["!=1.1+a", "1.1 1.1+b", "1.1+a"],
  ["!=1.1.*", "1.0 1.2.dev0", "1.1 1.1a1 1.1.post1"],
  ["<=1.7", "1.7 1.7+x 1.7rc1", "1.7.post1 1.7.1"],
  [">=1.7", "1.7 1.7+x 1.7.post1", "1.7rc1 1.6"],
  [">1.7", "1.7.1 1.7.0.1 1.8", "1.7 1.7.post3 1.7+x 1.7.post1+x"],
  [">1.7.post2", "1.7.post3 1.7.1 1.7.post3.dev0", "1.7.post2 1.7.post2+x 1.7"],
  [">1.7a1", "1.7a2.dev0 1.7b1 1.7", "1.7a1 1.7a1.post1 1.7a1+x"],
  [">1.7.dev1", "1.7.dev2 1.7a1", "1.7.dev1 1.7.dev1+x"],
  ["<1.7", "1.6 1.6.post9", "1.7 1.7rc1 1.7.dev0 1.7a1"],
  ["<1.7rc2", "1.7rc1 1.7.dev0 1.6", "1.7rc2 1.7"],
  ["<1.7.post1", "1.7", "1.7.post1.dev0 1.7.post1"],
  ["<0", "", "0 0.dev0"],
  ["===1.0", "1.0", "1.0.0 1 1.0+x"],
  ["===1.0.RC1", "", "1.0rc1 1.0"],
  ["===1.0RC1", "1.0rc1", "1.0"],
  ["===whatever,>=1", "", "1 2"],
  [">=1,<2,!=1.5", "1 1.4 1.6", "1.5 2 0"],
];

const CANONICAL: readonly (readonly [string, string])[] = [
  ["", ""],
  [" , ,", ""],
  [">= 1.0 ,<2", "<2,>=1.0"],
  ["==1.0,==1.0.0", "==1.0"],
  ["~=1.0.0,~=1.0.0", "~=1.0.0"],
  ["==v1.0-RC1", "==v1.0-RC1"],
  ["=== a/b", "===a/b"],
  ["==1.*,!=1.2.*", "!=1.2.*,==1.*"],
];

const REJECTED = [
  "1.0",
  "=1.0",
  "=>1",
  "~=1",
  "~=1.0+x",
  ">=1.0.*",
  "<1+x",
  "==1.0a1.*",
  "==1.*.2",
  "== 1 2",
  "==",
  ">1;",
  "==1.0\ufeff",
  "===a b",
  ">=1 <2",
  `==${"1".repeat(4301)}`,
];

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

test("operators match as PEP 440 has it, as text and as ranges", () => {
  for (const [specifiers, matching, others] of MATCHES) {
    const set = parseSpecifierSet(specifiers);
    for (const [list, expected] of [
      [matching, true],
      [others, false],
    ] as const) {
      for (const text of words(list)) {
        assert.equal(specifierContains(set, parseVersion(text)), expected, `${text} in ${specifiers}`);
        // Ranges hold versions, not texts: 1.0.0 is the version 1.0.
        if (set.comparesText && !expected) continue;
        assert.equal(
          rangeContains(rangeOf(set), parseVersion(text)),
          expected,
          `${text} in the range of ${specifiers}`,
        );
      }
    }
  }
});

test("sets have a canonical text", () => {
  for (const [written, canonical] of CANONICAL) assert.equal(parseSpecifierSet(written).text, canonical, written);
});

test("what is no specifier is refused", () => {
  for (const text of REJECTED) {
    assert.throws(
      () => parseSpecifierSet(text),
      (error) => error instanceof InvalidText && error.kind === "specifier",
      text,
    );
  }
});

test("hostile texts of a megabyte take no longer than reading them", () => {
  const million = 1_000_000;
  for (const text of [
    `==1${".1".repeat(million / 2)}x`,
    `>=1.0${"-1".repeat(million / 2)}`,
    `==${" ".repeat(million)}`,
    `~=${"1".repeat(million)}`,
  ]) {
    assert.throws(
      () => parseSpecifierSet(text),
      (error) => error instanceof InvalidText && error.message.length < 300,
    );
  }
  assert.equal(parseSpecifierSet(",".repeat(million)), EMPTY_SPECIFIER);
  const exclusions = parseSpecifierSet(Array.from({ length: 20_000 }, (_, i) => `!=1.${i}`).join(","));
  assert.equal(specifierContains(exclusions, parseVersion("1.19999")), false);
  assert.equal(specifierContains(exclusions, parseVersion("1.20000")), true);
});

test("sets know whether they pin and whether they name a pre-release", () => {
  const facts = (text: string): readonly boolean[] => {
    const set = parseSpecifierSet(text);
    return [isPinned(set), mentionsPrerelease(set)];
  };
  assert.deepEqual(facts(""), [false, false]);
  assert.deepEqual(facts("==1.0"), [true, false]);
  assert.deepEqual(facts(">0,==1.0rc1"), [true, true]);
  assert.deepEqual(facts("===x"), [true, false]);
  assert.deepEqual(facts("===1.0.dev1"), [true, true]);
  assert.deepEqual(facts("==1.*,!=1.0a1"), [false, false]);
  assert.deepEqual(facts("<2.0b1"), [false, true]);
});

test("two sets become one", () => {
  const both = (a: string, b: string): SpecifierSet => intersectSpecifiers(parseSpecifierSet(a), parseSpecifierSet(b));
  assert.equal(both("", ""), EMPTY_SPECIFIER);
  assert.equal(both(">=1", "").text, ">=1");
  assert.equal(both("", "<2").text, "<2");
  assert.equal(both(">=1,!=1.5", "<2,>=1.0").text, "!=1.5,<2,>=1");
  assert.equal(rangeContains(rangeOf(both(">=1", "<2")), parseVersion("2.0")), false);
});

test("sets print, match and filter as in packaging", (t) => agreeOnSets(t, 700));
