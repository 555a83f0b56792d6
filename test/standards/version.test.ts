import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { compareVersions, parseVersion, tryParseVersion } from "../../daemon/standards/version.ts";
import { agreeOnOrder, agreeOnVersions } from "./packaging-agreement.ts";
import { createRandomText } from "./random-text.ts";

const SPELLINGS: readonly (readonly [written: string, canonical: string])[] = [
  ["1", "1"],
  ["v1.0", "1.0"],
  [" \n1.0\t", "1.0"],
  ["01.002", "1.2"],
  ["0!1.0", "1.0"],
  ["2!1.0", "2!1.0"],
  ["1.0ALPHA-1", "1.0a1"],
  ["1.0.beta", "1.0b0"],
  ["1.0c2", "1.0rc2"],
  ["1.0preview_3", "1.0rc3"],
  ["1.0-1", "1.0.post1"],
  ["1.0.r4", "1.0.post4"],
  ["1.0rev", "1.0.post0"],
  ["1.0.post.", "1.0.post0"],
  ["1.0dev", "1.0.dev0"],
  ["1.0a1-2.dev_3+Ubuntu-01_x", "1.0a1.post2.dev3+ubuntu.1.x"],
  ["1.0a--1", "1.0a0.post1"],
  ["20240101.123456789012345678901", "20240101.123456789012345678901"],
];

const REJECTED = [
  "",
  ".",
  "1.",
  ".1",
  "1..2",
  "1.0.x",
  "1.0+",
  "1.0+a..b",
  "1.0 .0",
  "1!",
  "a1",
  "1.0-",
  "1.0--1",
  "1.0post1post2",
  "\u0661",
  "1.0\ufeff",
  "vv1",
  "1.0+ſ",
  "1".repeat(4301),
];

/** PEP 440, "Summary of permitted suffixes and relative ordering", and the local versions after it. */
const ASCENDING =
  "0.dev0 0 1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+0a 1.0+abc 1.0+abc.a 1.0+abc.5 1.0+abc.7 1.0+5 1.0+10 1.0.post456.dev34 1.0.post456 1.0.0.1 1.0.15 1.1.dev1 1.1 1.10 9.0 10.0 99999999999999999999.0 1!0.1".split(
    " ",
  );

test("every spelling has its canonical one", () => {
  for (const [written, canonical] of SPELLINGS) assert.equal(parseVersion(written).text, canonical, written);
});

test("what is no version is refused, and named", () => {
  for (const text of REJECTED) {
    assert.equal(tryParseVersion(text), undefined, text);
    assert.throws(
      () => parseVersion(text),
      (error) =>
        error instanceof InvalidText && error.kind === "version" && error.text === text && error.message.length < 300,
    );
  }
});

test("keys are in the order of PEP 440", () => {
  const shuffled = createRandomText(1);
  const versions = ASCENDING.map(parseVersion).sort(() => shuffled.int(3) - 1);
  assert.deepEqual(
    versions.sort((a, b) => (a.key < b.key ? -1 : 1)).map((version) => version.text),
    ASCENDING,
  );
  assert.equal(compareVersions(parseVersion("1.0"), parseVersion("1.0.0")), 0);
});

test("hostile texts of a megabyte take no longer than reading them", () => {
  const million = 1_000_000;
  const texts = [
    "1".repeat(million),
    "1.".repeat(million / 2),
    `1${"a".repeat(million)}`,
    `1.0+${"a.".repeat(million / 2)}`,
    `${" ".repeat(million)}x`,
    `1${"-1".repeat(million / 2)}`,
  ];
  for (const text of texts) assert.equal(tryParseVersion(text), undefined);
  assert.equal(parseVersion(`1${".1".repeat(million / 2)}`).release.length, million / 2 + 1);
});

test("versions are read as packaging reads them", (t) => agreeOnVersions(t, 1000));

test("versions are ordered as packaging orders them", (t) => agreeOnOrder(t, 1000));
