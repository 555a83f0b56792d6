import assert from "node:assert/strict";
import { test } from "node:test";
import { intersectSpecifiers, parseSpecifierSet, specifierContains } from "../../daemon/standards/specifier.ts";
import { compareVersions, parseVersion, type Version } from "../../daemon/standards/version.ts";
import {
  complementRange,
  EMPTY_RANGE,
  FULL_RANGE,
  intersectRanges,
  isEmptyRange,
  isSubsetRange,
  rangeContains,
  rangeOf,
  rangesDisjoint,
  rangesEqual,
  renderRange,
  singletonRange,
  unionRanges,
  type VersionRange,
} from "../../daemon/standards/version-range.ts";
import { agreeOnRelations } from "./packaging-agreement.ts";
import { createRandomText, type RandomText } from "./random-text.ts";

const range = (specifiers: string): VersionRange => rangeOf(parseSpecifierSet(specifiers));

const RENDERED: readonly (readonly [range: VersionRange, text: string])[] = [
  [FULL_RANGE, "any version"],
  [EMPTY_RANGE, "no version"],
  [range(">=1.0,<2.0"), ">=1.0,<2.0"],
  [range("==1.5"), "==1.5"],
  [range("==1.5+cu12"), "==1.5+cu12"],
  [range("===1.5"), "==1.5"],
  [singletonRange(parseVersion("1.5")), "==1.5"],
  [range("!=1.3"), "!=1.3"],
  [range("!=1.3,!=1.4.*"), "!=1.3,!=1.4.*"],
  [range("==1.3.*"), "==1.3.*"],
  [range("~=1.4.2"), ">=1.4.2,<1.5"],
  [range("<2.0,!=1.3,>=1.0"), ">=1.0,!=1.3,<2.0"],
  [range(">1.0,<=2.0"), ">1.0,<=2.0"],
  [range(">1.0.post1"), ">1.0.post1"],
  [range("<1.0rc1"), "<1.0rc1"],
  [range(">=v1.0.0"), ">=1.0.0"],
  [unionRanges(range(">=1.0,<2.0"), range(">=3.0")), ">=1.0,<2.0 or >=3.0"],
  [unionRanges(range("==1.0"), range("==2.0,!=2.0+x")), "==1.0 or >=2.0,!=2.0+x,<=2.0"],
  [complementRange(range(">=1.0,<2.0")), "<1.0 or >=2.0"],
  [complementRange(range("==1.5")), "!=1.5"],
  [complementRange(range(">1.0")), "<=1.0"],
];

test("ranges are told in the words of specifiers", () => {
  for (const [given, text] of RENDERED) assert.equal(renderRange(given), text);
});

test("equal sets of versions have equal keys, however they were written", () => {
  const equal: readonly (readonly [VersionRange, VersionRange])[] = [
    [range(">=0.dev0"), FULL_RANGE],
    [range("<0"), EMPTY_RANGE],
    [range("==1.0"), range(">=1.0,<=1.0.0")],
    [range("!=1.0"), complementRange(range("==1"))],
    [range("~=1.4.2"), range(">=1.4.2,==1.4.*")],
    [range("<=1.0.post1"), complementRange(range(">1.0.post1"))],
    [range(">1.0a1"), range(">=1.0a2.dev0")],
    [range(">1.0a1,<1.0a2.dev0"), EMPTY_RANGE],
    [unionRanges(range("<1.5"), range(">=1.5.dev0")), FULL_RANGE],
    [unionRanges(range("==1.0.*"), range("==1.1.*")), range(">=1.0.dev0,<1.2")],
  ];
  for (const [a, b] of equal) {
    assert.ok(rangesEqual(a, b), `${renderRange(a)} and ${renderRange(b)}`);
    assert.deepEqual(a.keys, b.keys);
  }
  assert.ok(!rangesEqual(range("==1.0"), singletonRange(parseVersion("1.0"))));
  assert.ok(!isEmptyRange(range(">1.0,<1.0.0.0.1")));
});

/** A range made from others, so that it has shapes no specifier set has. */
function randomRange(random: RandomText, depth: number): VersionRange {
  if (depth === 0)
    return random.chance(0.2) ? singletonRange(parseVersion(random.plainVersion())) : range(random.plainSpecifiers());
  const a = randomRange(random, depth - 1);
  const b = randomRange(random, depth - 1);
  return random.pick([unionRanges(a, b), intersectRanges(a, b), complementRange(a)]);
}

/** Versions at and around all places where a range of plain versions can begin or end. */
function someVersions(random: RandomText): readonly Version[] {
  return Array.from({ length: 60 }, () => parseVersion(random.plainVersion()));
}

test("ranges obey the laws of sets", (t) => {
  const seed = Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = createRandomText(seed);
  for (let round = 0; round < 250; round += 1) {
    const [a, b, c] = [randomRange(random, 2), randomRange(random, 2), randomRange(random, 1)];
    const about = `${renderRange(a)} | ${renderRange(b)} | ${renderRange(c)}, seed ${seed}`;
    const same = (x: VersionRange, y: VersionRange): void => assert.deepEqual(x.keys, y.keys, about);
    const not = complementRange;
    same(not(unionRanges(a, b)), intersectRanges(not(a), not(b)));
    same(not(intersectRanges(a, b)), unionRanges(not(a), not(b)));
    same(not(not(a)), a);
    same(unionRanges(a, not(a)), FULL_RANGE);
    same(intersectRanges(a, not(a)), EMPTY_RANGE);
    same(intersectRanges(a, unionRanges(b, c)), unionRanges(intersectRanges(a, b), intersectRanges(a, c)));
    same(unionRanges(a, intersectRanges(a, b)), a);
    assert.equal(isSubsetRange(a, b), isEmptyRange(intersectRanges(a, not(b))), about);
    assert.equal(isSubsetRange(a, b), rangesEqual(unionRanges(a, b), b), about);
    assert.equal(rangesDisjoint(a, b), isEmptyRange(intersectRanges(a, b)), about);
    for (const version of someVersions(random)) {
      const [inA, inB] = [rangeContains(a, version), rangeContains(b, version)];
      assert.equal(rangeContains(unionRanges(a, b), version), inA || inB, `${version.text}: ${about}`);
      assert.equal(rangeContains(intersectRanges(a, b), version), inA && inB, `${version.text}: ${about}`);
      assert.equal(rangeContains(not(a), version), !inA, `${version.text}: ${about}`);
    }
    assert.ok(
      a.keys.every((key, i) => i === 0 || (a.keys[i - 1] as string) < key),
      about,
    );
  }
});

test("a long range finds its versions", () => {
  const excluded = Array.from({ length: 500 }, (_, i) => `!=${i}.5`).join(",");
  const long = range(excluded);
  assert.equal(long.keys.length, 1001);
  for (let i = 0; i < 500; i += 1) {
    assert.ok(!rangeContains(long, parseVersion(`${i}.5`)));
    assert.ok(rangeContains(long, parseVersion(`${i}.6`)));
  }
});

test("a singleton is one version alone", () => {
  const random = createRandomText(7);
  const versions = someVersions(random);
  for (const one of versions) {
    for (const other of versions) {
      assert.equal(
        rangeContains(singletonRange(one), other),
        compareVersions(one, other) === 0,
        `${one.text} ${other.text}`,
      );
    }
  }
});

test("ranges contain what their specifiers contain", (t) => {
  const seed = Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`seed ${seed}`);
  const random = createRandomText(seed);
  for (let round = 0; round < 300; round += 1) {
    const [a, b] = [parseSpecifierSet(random.plainSpecifiers()), parseSpecifierSet(random.plainSpecifiers())];
    const both = intersectSpecifiers(a, b);
    for (const version of someVersions(random)) {
      const about = `${version.text} in ${a.text} and ${b.text}, seed ${seed}`;
      assert.equal(rangeContains(rangeOf(a), version), specifierContains(a, version, true), about);
      assert.equal(
        rangeContains(intersectRanges(rangeOf(a), rangeOf(b)), version),
        specifierContains(a, version) && specifierContains(b, version),
        about,
      );
    }
    assert.ok(
      rangesEqual(rangeOf(both), intersectRanges(rangeOf(a), rangeOf(b))),
      `${a.text} and ${b.text}, seed ${seed}`,
    );
  }
});

test("ranges relate as packaging's do", (t) => agreeOnRelations(t, 700));
