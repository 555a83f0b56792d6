import assert from "node:assert/strict";
import { test } from "node:test";
import {
  directUrlJson,
  directUrlRequirement,
  parseDirectUrl,
  renderDirectUrl,
} from "../../daemon/standards/direct-url.ts";
import { parseRecord, parseWheelFile, renderRecord, sortRows } from "../../daemon/standards/dist-info.ts";
import { parseEntryPoints, scriptOf } from "../../daemon/standards/entry-points.ts";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const RECORD_PIECES = [
  "a/b.py",
  "sha256=AbC_-",
  ",",
  ",",
  '"',
  '""',
  "\n",
  "\r\n",
  "12",
  "é",
  "\f",
  " ",
  "../../bin/x",
  "\r",
];
const PATHS = [
  "a.py",
  "b,c.py",
  'q"uote',
  "é.py",
  "\u{1d11e}.py",
  "\uff5e.py",
  "../../../bin/x",
  "new\nline",
  "a b",
  "Z",
  "",
  "#",
];
const ENTRY_LINES = [
  "[console_scripts]",
  "[gui_scripts]",
  "[ other ]",
  "[[x]]",
  "# comment",
  "",
  "a = b:c",
  "a=b.c:d.e [x, y]",
  " b  =  m : f ",
  "no equals",
  "a = b:c",
  "x = y = z",
  "\ta = m:g",
  "é = ü:ö",
];
const SCRIPT_NAMES = [
  "a",
  "a-b.c",
  "../x",
  "sub/x",
  "sub/../y",
  ".",
  "..",
  "../bin/z",
  "/abs/x",
  "/w/bin/in",
  "a=b",
  "é",
  "a b",
  "a\\b",
  "[a",
  "./q",
];
const SCRIPT_VALUES = [
  "m:f",
  "m.n:f.g",
  "m",
  "m:f [x]",
  "m:f[x,y=z]",
  "m:f [",
  "m:f:g",
  "m:f.g:h",
  "!!",
  "m : f",
  "m:f extra",
  "m:f [x] y",
  "a = m:f",
  "",
  "m:f]",
];

function wheelText(random: Random): string {
  const version = random.pick(["1.0", "1", " 1.9 ", "2.0", "x", "1.", "1.+1", "1_0.0", "", "-1.0", "1. 0"]);
  const lines = [
    `Wheel-Version: ${version}`,
    `Root-Is-Purelib: ${random.pick(["true", "True", "false", "", "true "])}`,
    "Tag: py3-none-any",
    "Generator: x",
  ];
  return random.list(6, () => random.pick([...lines, "Build: 1", "odd", " more"])).join("\n");
}

function directUrl(random: Random): string {
  const url = random.pick([
    "https://e.org/a.zip",
    "https://u:p@e.org/a",
    "https://${U}:${P}@e.org/a",
    "ssh://git@e.org/a",
    "file:///x",
    "file:x",
    "/x",
    "git@x",
    "https://${U}@h/",
    3,
    null,
  ]);
  const hashes = random.pick([undefined, {}, { sha256: "1" }, { md5: "2", sha256: "1" }, { sha256: 1 }, [], null]);
  const hash = random.pick([undefined, "sha256=1", "sha256=2", "odd", "md5=2", 1, null]);
  const origins = {
    archive_info: { hashes, hash },
    vcs_info: {
      vcs: random.pick(["git", null, 1]),
      commit_id: random.pick(["c0ffee", undefined]),
      requested_revision: random.pick([undefined, "v1", 2]),
    },
    dir_info: { editable: random.pick([undefined, true, false, null, "yes"]) },
  };
  const names = random.list(1, () => random.pick(["archive_info", "vcs_info", "dir_info"] as const));
  names.push(random.pick(["archive_info", "archive_info", "vcs_info", "dir_info"] as const));
  const chosen = Object.fromEntries(names.map((name) => [name, random.chance(0.05) ? "odd" : origins[name]]));
  const json = JSON.stringify({ ...chosen, url, subdirectory: random.pick([undefined, undefined, "sub", 1, "", "é"]) });
  return random.chance(0.03) ? `${json}}` : random.chance(0.02) ? "[]" : json;
}

const { cases, seed } = pipCases<unknown>("dist-info", (random) => [
  ...Array.from({ length: 600 }, (): Question => ["record", random.text(14, RECORD_PIECES)]),
  ...Array.from(
    { length: 200 },
    (): Question => [
      "render_record",
      random.list(6, () => [random.pick(PATHS), random.pick(["", "sha256=x"]), random.pick(["", "1", "10"])]),
    ],
  ),
  ...Array.from({ length: 200 }, (): Question => ["wheel_file", wheelText(random)]),
  ...Array.from(
    { length: 300 },
    (): Question => [
      "entry_points",
      random.list(8, () => random.pick(ENTRY_LINES)).join(random.pick(["\n", "\n", "\r\n", "\f"])),
    ],
  ),
  ...SCRIPT_NAMES.flatMap((name) => SCRIPT_VALUES.map((value): Question => ["script", `${name} = ${value}`, "/w/bin"])),
  ...Array.from({ length: 800 }, (): Question => ["direct_url", directUrl(random)]),
]);
const casesOf = (name: string): (readonly [Question, unknown])[] =>
  cases.filter(({ question }) => question[0] === name).map(({ question, answer }) => [question, answer]);

function orError(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof InvalidText, String(error));
    return { error: error.message };
  }
}

test(`RECORD is read as Python's csv module reads it, and written as pip writes it (seed ${seed})`, () => {
  for (const [[, text], answer] of casesOf("record")) {
    assert.deepEqual(
      parseRecord(text as string).map((row) => Object.values(row)),
      (answer as string[][]).map((row) => row.slice(0, 3)),
      JSON.stringify(text),
    );
  }
  for (const [[, rows], answer] of casesOf("render_record")) {
    const mine = (rows as [string, string, string][]).map(([path, hash, size]) => ({ path, hash, size }));
    assert.equal(renderRecord(mine), answer);
    const [some, others] = [mine.filter((_, at) => at % 3 === 0), mine.filter((_, at) => at % 3 !== 0)];
    assert.equal(renderRecord(some, sortRows(others)), answer, "some of them sorted before");
  }
});

test("a RECORD may share more rows with others than a call has arguments", () => {
  const rows = Array.from({ length: 200_000 }, (_, at) => ({ path: `a/${at}`, hash: "", size: "" }));
  const own = { path: "z", hash: "", size: "1" };
  assert.equal(renderRecord([own], sortRows(rows)), renderRecord([own, ...rows]));
});

test(`WHEEL (seed ${seed})`, () => {
  for (const [[, text], answer] of casesOf("wheel_file")) {
    const mine = orError(() => {
      const wheel = parseWheelFile(text as string);
      return { version: wheel.wheelVersion, purelib: wheel.rootIsPurelib, tags: wheel.tags };
    });
    const expected = answer as { tags?: readonly string[] };
    const tags = expected.tags?.map((tag) => tag.trim());
    assert.deepEqual(mine, tags === undefined ? expected : { ...expected, tags }, JSON.stringify(text));
  }
});

test(`entry points as importlib.metadata reads them (seed ${seed})`, () => {
  for (const [[, text], answer] of casesOf("entry_points")) {
    const mine = orError(() =>
      [...parseEntryPoints(text as string).groups.values()].flat().map((one) => [one.group, one.name, one.value]),
    );
    // Groups are gathered here: the same entries, group by group.
    const order = [...new Set((answer as string[][] | null)?.map(([group]) => group))];
    const expected = (answer as string[][] | null)?.toSorted((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
    assert.deepEqual("error" in (mine as object) ? undefined : mine, expected, JSON.stringify(text));
  }
  const { console, gui } = parseEntryPoints(
    "[console_scripts]\na = m:f [x, y]\nb=n\na=m:g\n[gui_scripts]\nw = m.n:o.p\n",
  );
  assert.deepEqual(
    console.map((one) => [one.name, one.module, one.attrs]),
    [
      ["a", "m", "g"],
      ["b", "n", ""],
    ],
  );
  assert.deepEqual(gui, [
    { group: "gui_scripts", name: "w", value: "m.n:o.p", module: "m.n", attrs: "o.p", extras: [] },
  ]);
});

test("scripts of entry points as pip makes or refuses them", () => {
  for (const [[, specification, folder], answer] of casesOf("script")) {
    const [name = "", ...value] = (specification as string).split(" = ");
    const entryPoint = { group: "console_scripts", name, value: value.join(" = "), module: "", attrs: "", extras: [] };
    const mine = orError(() => {
      const script = scriptOf(entryPoint, folder as string);
      return script === undefined ? null : { name: script.name, module: script.module, attrs: script.attrs };
    });
    assert.deepEqual(mine, answer, specification as string);
  }
  const entry = { group: "console_scripts", name: "x", value: "m:A.b", module: "m", attrs: "A.b", extras: [] };
  assert.equal(scriptOf(entry, "/w/bin")?.importName, "A");
});

test(`direct_url.json as pip reads and writes it (seed ${seed})`, () => {
  for (const [[, text], answer] of casesOf("direct_url")) {
    const expected = answer as { error?: string; text: string; report: string; requirement: string | null };
    const mine = orError(() => {
      const direct = parseDirectUrl(text as string);
      return {
        text: renderDirectUrl(direct),
        report: directUrlJson(direct),
        requirement: directUrlRequirement("a-b", direct),
      };
    });
    if (expected.error === undefined) {
      const report = JSON.parse(expected.report) as Record<string, unknown>;
      const requirement = expected.requirement ?? (mine as { requirement: string }).requirement;
      assert.deepEqual(mine, { text: expected.text, report, requirement }, text as string);
      assert.deepEqual(Object.keys((mine as { report: object }).report), Object.keys(report));
    } else {
      assert.ok("error" in (mine as object), `${text as string}: ${expected.error}`);
      if (!expected.error.includes("'list'") && !(text as string).startsWith("[")) {
        assert.deepEqual(mine, { error: expected.error }, text as string);
      }
    }
  }
});
