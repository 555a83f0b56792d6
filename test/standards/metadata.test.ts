import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetadata, parseMetadataFields } from "../../daemon/standards/metadata.ts";
import { metadataJson } from "../../daemon/standards/metadata-json.ts";
import {
  pythonJsonString,
  pythonRepr,
  splitLines,
  splitWords,
  translateNewlines,
} from "../../daemon/standards/python-lines.ts";
import { stripPythonSpace } from "../../daemon/standards/python-text.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const FIELDS = [
  ..."Metadata-Version Name Version Summary Description Description-Content-Type Keywords Home-page Author".split(" "),
  ..."Author-email License License-Expression License-File Classifier Requires-Dist Requires-Python Project-URL".split(
    " ",
  ),
  ..."Provides-Extra Dynamic Import-Name Platform requires-dist NAME X-Other Obsoletes-Dist Maintainer".split(" "),
];
const VALUES = [
  "foo",
  "1.0",
  "a, b ,c",
  "a b\tc",
  "",
  " ",
  "é ☃ 𝄞",
  "foo>=1; extra == 'x'",
  "a: b",
  "trailing  ",
  "\u0085x",
  "UNKNOWN",
];
const ENDS = ["\n", "\n", "\n", "\n", "\r\n", "\r"];
const CONTINUATIONS = ["        text", "       |text", "\ttext", "  ", " .", "        ", "   deep  ", "        \ttext"];
const ODD = [
  "no colon",
  "From somebody",
  ": no name",
  "Näme: x",
  "A B: x",
  "\u2028",
  "From: y",
  "\t",
  ">x",
  "\x00a: b",
  "~: x",
];
const BODIES = ["", "# Title\n\ntext\n", "\n\n  indented", "Name: in body\n", "é\r\nb\r", "\n"];

function message(random: Random): string {
  const end = random.pick(ENDS);
  const lines = random.list(8, () => {
    if (random.chance(0.06)) {
      return random.pick(ODD);
    }
    const value = random.pick(VALUES);
    const separator = random.pick([": ", ": ", ": ", ":", ":\t ", " :"]);
    const more = random.chance(0.2)
      ? [random.pick(CONTINUATIONS), ...random.list(3, () => random.pick(CONTINUATIONS))]
      : [];
    return [random.pick(FIELDS) + separator + value, ...more].join(end);
  });
  const body = random.chance(0.6) ? end + random.pick(BODIES) : "";
  return lines.join(end) + random.pick([end, end, end, ""]) + body;
}

const { cases, seed } = pipCases<unknown>("metadata", (random) => [
  ...Array.from({ length: 1500 }, (): Question => ["metadata", message(random)]),
  ...Array.from(
    { length: 400 },
    (): Question => [
      "text_facts",
      random.text(8, [...VALUES, ...ODD, "'", '"', "\\", "\r\n", "\f", "\x1c", "\x7f", "\ufeff", "\u00ad"]),
    ],
  ),
]);

interface Answer {
  readonly headers: readonly (readonly [string, readonly string[]])[];
  readonly json: readonly (readonly [string, unknown])[];
}

test(`core metadata as Python and pip read it (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "metadata")) {
    const text = question[1] as string;
    const { headers, json } = answer as Answer;
    const metadata = parseMetadata(text);
    const fields = parseMetadataFields(text);
    // Python appends the body as one more Description.
    const expected = new Map(headers);
    const descriptions = expected.get("description") ?? [];
    const own =
      metadata.description !== undefined && descriptions.length > (metadata.headers.get("description")?.length ?? 0);
    const withBody = new Map([...metadata.headers, ...(own ? [["description", descriptions] as const] : [])]);
    assert.deepEqual(withBody, expected, JSON.stringify(text));
    assert.deepEqual(Object.entries(metadataJson(metadata)), json, JSON.stringify(text));
    const { description: _body, ...rest } = metadata;
    assert.deepEqual({ ...fields }, rest);
    assert.equal(metadata.name, expected.get("name")?.[0] ?? "");
    assert.deepEqual(metadata.requiresDist, (expected.get("requires-dist") ?? []).map(stripPythonSpace));
  }
});

test(`lines, words and quoted forms of text as Python has them (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "text_facts")) {
    const text = question[1] as string;
    const mine = [
      pythonRepr(text),
      splitLines(text),
      splitWords(text),
      pythonJsonString(text),
      translateNewlines(text),
    ];
    assert.deepEqual(mine, answer, JSON.stringify(text));
  }
});

test("all fields a command shows have names of their own", () => {
  const metadata = parseMetadata(
    "Metadata-Version: 2.4\nName: A\nVersion: 1\nSummary: s\nHome-page: h\nAuthor: a\nAuthor-email: e\nLicense: l\nLicense-Expression: MIT\nRequires-Python: >=3\nProvides-Extra: x\nRequires-Dist:\n b\n\nBody\n",
  );
  const { headers: _, ...fields } = metadata;
  assert.deepEqual(fields, {
    metadataVersion: "2.4",
    name: "A",
    version: "1",
    summary: "s",
    homePage: "h",
    author: "a",
    authorEmail: "e",
    license: "l",
    licenseExpression: "MIT",
    requiresPython: ">=3",
    providesExtra: ["x"],
    requiresDist: ["b"],
    description: "Body\n",
  });
});
