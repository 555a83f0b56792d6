import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ACCEPT_HEADER,
  checkInterfaceVersion,
  fileOfAnchor,
  type IndexFile,
  parseJsonPage,
} from "../../daemon/standards/index-page.ts";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { joinUrl, quotePath, quoteUrl, unquote } from "../../daemon/standards/url.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const PAGES = [
  "https://e.org/simple/foo/",
  "https://e.org/simple/foo",
  "http://u:p@h:8080/a/../b/?q=1",
  "file:///srv/simple/foo/index.html",
  "https://e.org",
];
const URLS = [
  "foo-1.0.whl",
  "../../packages/ab/foo-1.0-py3-none-any.whl",
  "https://files.e.org/a/foo%2B1.0+cu-py3-none-any.whl",
  "//cdn.e.org/foo-1.0.tar.gz",
  "/root/foo 1.0.zip",
  "https://e.org/a@b/c%2fd/foo-1.0.zip",
  "?x=1",
  "./a/./b/../foo-1.tgz",
  "https://e.org/f%C3%A9o-1.0.whl?token=a%20b",
  "http://e.org",
  "https://e.org/foo-1.0.whl/",
  "f%ffo-1.0.zip",
  "https://e.org/a\u00e9\u{1d11e}'()*!~.zip",
  "ftp://e.org//double//foo-1.zip",
  "..",
  "/",
  "a%zz-1.0.zip",
];
const FRAGMENTS = [
  "",
  "",
  "#sha256=abc",
  "#egg=foo&md5=1&sha256=2",
  "#sha1=",
  "#SHA256=x",
  "#a#sha512=1",
  "#subdirectory=x",
];
const METADATA = [undefined, undefined, true, false, null, { sha256: "ab" }, { md5: "1" }, {}, "sha256=cd", ""];
const YANKED = [undefined, false, true, null, "", "broken", "é"];

const link = (random: Random): string => random.pick(URLS) + random.pick(FRAGMENTS);

function entry(random: Random): Record<string, unknown> {
  return {
    url: link(random),
    hashes: random.pick([undefined, {}, { sha256: "ff" }, { sha256: "ff", blake2b: "00" }]),
    "requires-python": random.pick([undefined, null, "", ">=3.8", "bad"]),
    yanked: random.pick(YANKED),
    "core-metadata": random.pick(METADATA.filter((value) => typeof value !== "string")),
    "dist-info-metadata": random.pick(METADATA.filter((value) => typeof value !== "string")),
    "upload-time": random.pick([undefined, null, "2024-01-02T03:04:05.678Z"]),
    size: random.pick([undefined, null, 12]),
  };
}

function anchor(random: Random): Record<string, string> {
  const values = {
    href: link(random),
    "data-requires-python": random.pick([undefined, "", ">=3.8"]),
    "data-yanked": random.pick([undefined, undefined, "", "broken"]),
    "data-core-metadata": random.pick([undefined, undefined, "true", "sha256=ab", "md5=1", "odd", ""]),
    "data-dist-info-metadata": random.pick([undefined, "true", "sha256=cd"]),
    rel: "internal",
  };
  return JSON.parse(JSON.stringify(values)) as Record<string, string>;
}

const { cases, seed } = pipCases<unknown>("index-page", (random) => [
  ...Array.from({ length: 800 }, (): Question => ["json_link", entry(random), random.pick(PAGES)]),
  ...Array.from({ length: 600 }, (): Question => ["anchor_link", anchor(random), random.pick(PAGES)]),
  ...Array.from(
    { length: 300 },
    (): Question => ["urls", random.pick([...PAGES, ...URLS]), random.pick(["x:foo", "X:/y", link(random)])],
  ),
]);

interface Answer {
  readonly filename: string;
  readonly url: string;
  readonly hashes: readonly (readonly [string, string])[];
  readonly requiresPython: string | null;
  readonly yanked: string | null;
  readonly coreMetadata: string | true | null;
  readonly uploadTime: boolean;
}

/** pip's link in the terms of an IndexFile. pip takes a name without any file from the host; a file on an index has one. */
function expectFile(file: IndexFile | undefined, answer: Answer | null, about: string): void {
  assert.equal(file === undefined, answer === null, about);
  if (file === undefined || answer === null) {
    return;
  }
  assert.deepEqual(
    {
      filename: /\.(?:whl|zip|tgz|tar\.gz)$/.test(answer.filename) ? file.filename : answer.filename,
      url: file.url,
      hashes: new Map(Object.entries(file.hashes)),
      requiresPython: file.requiresPython ?? null,
      yanked: file.yanked === false ? null : file.yanked,
      coreMetadata: file.coreMetadata === false ? null : file.coreMetadata,
      uploadTime: file.uploadTime !== undefined,
    },
    { ...answer, hashes: new Map(answer.hashes) },
    about,
  );
}

test(`entries of JSON pages as pip takes them (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "json_link")) {
    const [, given, page] = question as [string, Record<string, unknown>, string];
    const text = JSON.stringify({ meta: { "api-version": "1.4" }, name: "foo", files: [given] });
    expectFile(parseJsonPage(text, page)[0], answer as Answer | null, JSON.stringify(question));
  }
});

test(`anchors of HTML pages as pip takes them (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "anchor_link")) {
    const [, attributes, base] = question as [string, Record<string, string>, string];
    expectFile(fileOfAnchor(attributes, "", base), answer as Answer | null, JSON.stringify(question));
  }
});

test(`URLs joined and quoted as Python does (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "urls")) {
    const [, base, reference] = question as [string, string, string];
    const joined = joinUrl(base, reference);
    assert.deepEqual(
      [joined, quoteUrl(joined), unquote(reference), quotePath(reference)],
      answer,
      JSON.stringify(question),
    );
  }
});

test("pages that are no pages, and pages of another time", () => {
  const page = "https://e.org/simple/foo/";
  for (const text of [
    "",
    "<html>",
    "[]",
    "null",
    '{"meta": {"api-version": "2.0"}}',
    '{"meta": {"api-version": "10"}}',
  ]) {
    assert.throws(
      () => parseJsonPage(text, page),
      (error) => error instanceof InvalidText && error.kind === "index-page",
    );
  }
  for (const text of [
    "{}",
    '{"files": null}',
    '{"files": [null, 1, {}, {"url": null}]}',
    '{"meta": {"api-version": "1.99"}}',
    '{"meta": null}',
    '{"meta": {"api-version": "odd"}}',
  ]) {
    assert.deepEqual(parseJsonPage(text, page), []);
  }
  assert.doesNotThrow(() => checkInterfaceVersion("1.7"));
  assert.match(ACCEPT_HEADER, /^application\/vnd\.pypi\.simple\.v1\+json, /);
});

test("sizes and times are kept, and the name of the page stands in where a URL has none", () => {
  const files = [
    {
      filename: "foo-1.0.tar.gz",
      url: "https://e.org/download?id=7",
      size: 5,
      "upload-time": "2024-01-02T03:04:05Z",
      hashes: { sha256: "ab", odd: 1 },
    },
  ];
  assert.deepEqual(parseJsonPage(JSON.stringify({ files }), "https://e.org/simple/foo/"), [
    {
      filename: "foo-1.0.tar.gz",
      url: "https://e.org/download?id=7",
      hashes: { sha256: "ab" },
      size: 5,
      uploadTime: "2024-01-02T03:04:05Z",
      yanked: false,
      coreMetadata: false,
    },
  ]);
  assert.equal(fileOfAnchor({}, "foo-1.zip", "https://e.org/"), undefined);
  assert.equal(fileOfAnchor({ href: "/get/7" }, " foo-1.zip ", "https://e.org/")?.filename, "foo-1.zip");
});
