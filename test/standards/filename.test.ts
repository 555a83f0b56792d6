import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isSdistFilename,
  isWheelFilename,
  parseSdistFilename,
  parseTagSet,
  parseWheelFilename,
} from "../../daemon/standards/filename.ts";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { normalizeName } from "../../daemon/standards/name.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const NAMES = ["foo", "Foo_Bar", "foo.bar", "a__b", "_x", "naïve", "foo+bar", "", "zope.interface", "foo-bar", "3to2"];
const VERSIONS = [
  "1.0",
  "1",
  "2.0.post1",
  "1.0_1",
  "1.0+local.1",
  "1.0+a_b",
  "1!2.0rc1",
  "x",
  "",
  "2024.1.0.dev3",
  "v1.0",
];
const BUILDS = ["", "-1", "-0", "-20240101", "-1abc", "-1.2_x", "-abc", "-"];
const TAG_SETS = [
  "py3-none-any",
  "py2.py3-none-any",
  "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64",
  "CP39-ABI3-Win_AMD64",
  "cp38.cp39-abi3.none-linux_x86_64.any",
  "py3-none",
  "py3..py2-none-any",
  "py3-none-any-",
  "3py-none-any",
  "py3.py3-none-any",
  "py3-none-any.",
  "py 3-none-any",
];
const ENDINGS = [".whl", ".whl", ".whl", ".whl", ".WHL", ".whl.metadata", ""];
const SDIST_ENDINGS = [
  ".tar.gz",
  ".zip",
  ".tgz",
  ".tar",
  ".tar.bz2",
  ".tbz",
  ".tar.xz",
  ".txz",
  ".tlz",
  ".tar.lz",
  ".tar.lzma",
  ".TAR.GZ",
  ".tar.zip",
  ".egg",
  ".exe",
  ".whl",
  ".gz",
  "",
  ".tar.Z",
  ".Tar.gz",
];

function wheelName(random: Random): string {
  return `${random.pick(NAMES)}-${random.pick(VERSIONS)}${random.pick(BUILDS)}-${random.pick(TAG_SETS)}${random.pick(ENDINGS)}`;
}

function sdistName(random: Random): string {
  const middle = random.pick(["-", "-", "-", "", "_", "--"]);
  const end = random.pick(["", "", "", "-py3.8", "-py310", "-1", "-macosx10.9"]);
  return random.pick(NAMES) + middle + random.pick(VERSIONS) + end + random.pick(SDIST_ENDINGS);
}

const PROJECTS = ["foo", "foo-bar", "a-b", "zope-interface", "-x", "3to2"];
const { cases, seed } = pipCases<unknown>("filename", (random) => [
  ...Array.from({ length: 1500 }, (): Question => ["wheel_filename", wheelName(random)]),
  ...Array.from({ length: 600 }, (): Question => ["sdist_filename", sdistName(random)]),
  ...Array.from({ length: 1500 }, (): Question => ["index_sdist", sdistName(random), random.pick(PROJECTS)]),
  ...[".tar.gz", "-1.0.tar.gz", "-.zip"].map((name): Question => ["sdist_filename", name]),
]);
const casesOf = (name: string): [string, string, unknown][] =>
  cases
    .filter(({ question }) => question[0] === name)
    .map(({ question, answer }) => [question[1] as string, question[2] as string, answer]);

test(`file names of wheels as packaging reads them (seed ${seed})`, () => {
  for (const [filename, , answer] of casesOf("wheel_filename")) {
    let mine: unknown;
    try {
      const wheel = parseWheelFilename(filename);
      const [number, suffix] = wheel.build ?? [];
      const build = number === undefined ? null : [number, suffix];
      mine = { key: wheel.key, version: wheel.version.text, build, tags: [...wheel.tags].sort() };
    } catch (error) {
      assert.ok(error instanceof InvalidText && error.kind === "wheel-filename" && error.text === filename);
      mine = { error: error.message };
    }
    assert.deepEqual(mine, answer, filename);
    assert.equal(isWheelFilename(filename), filename.endsWith(".whl"));
  }
});

test(`file names of source distributions as packaging reads them (seed ${seed})`, () => {
  for (const [filename, , answer] of casesOf("sdist_filename")) {
    // What packaging refuses for its ending alone may be something only pip unpacks.
    if (/\.(?:tar\.gz|zip)$/.test(filename) && isSdistFilename(filename)) {
      assert.deepEqual(readSdist(filename), answer, filename);
    }
  }
});

test(`files of an index as pip takes them for source distributions (seed ${seed})`, () => {
  for (const [filename, project, answer] of casesOf("index_sdist")) {
    const mine = readSdist(filename, project);
    const expected = answer as { version: string; python: string | null } | null;
    assert.deepEqual(mine && { version: mine.version, python: mine.pythonVersion ?? null }, expected, filename);
  }
});

function readSdist(
  filename: string,
  project?: string,
): { key: string; version: string; pythonVersion?: string } | null {
  try {
    const { version, ...rest } = parseSdistFilename(
      filename,
      project === undefined ? undefined : normalizeName(project),
    );
    return { ...rest, version: version.text };
  } catch (error) {
    assert.ok(error instanceof InvalidText && error.kind === "sdist-filename");
    return null;
  }
}

test("a tag set too large to expand is invalid", () => {
  const many = Array.from({ length: 300 }, (_, index) => `p${index}`).join(".");
  assert.throws(() => parseWheelFilename(`a-1-${many}-${many}-${many}.whl`), /invalid tag component/);
  assert.equal(parseTagSet("py3-none"), undefined);
  assert.deepEqual(parseTagSet("py2.py3-none-any"), ["py2-none-any", "py3-none-any"]);
});

test("tag sets are shared between files", () => {
  assert.equal(parseWheelFilename("a-1-py3-none-any.whl").tags, parseWheelFilename("b-2-py3-none-any.whl").tags);
});
