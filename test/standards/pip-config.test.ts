import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import {
  normalizeConfigKey,
  parseConfig,
  parseConfigDocument,
  renderConfig,
} from "../../daemon/standards/pip-config.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const LINES = [
  "[global]",
  "[global]",
  "[install]",
  "[DEFAULT]",
  "[ odd ] name]",
  "[a] ; comment",
  " [indented]",
  "[]",
  "[",
  "[x",
  "index-url = https://e.org/%(x)s",
  "Index_URL: http://b",
  "timeout=60",
  "no-cache-dir",
  "= value",
  ": x",
  "a = b = c",
  "a:b=c",
  "# comment",
  "; comment",
  "key = value ; not a comment",
  "key = value # neither",
  "  # indented comment",
  "",
  "   ",
  "	",
  "find-links =",
  "    /one",
  "    /two # not a comment",
  "	three",
  "  deeper = no key",
  "--Trusted_Host = h",
  "trusted-host=i",
  "é = ü",
  "k\xA0= v\xA0",
  "key =\vx",
  "extra",
  "__x__ = y",
  "value = 'quoted' \"both\" \\n",
];

function file(random: Random): string {
  const lines = random.list(9, () => random.pick(LINES));
  const body = [...(random.chance(0.85) ? [random.pick(["[global]", "[install]", "[DEFAULT]"])] : []), ...lines];
  return body.join(random.pick(["\n", "\n", "\r\n", "\r"])) + random.pick(["\n", "", "\n\n"]);
}

const { cases, seed } = pipCases<unknown>("pip-config", (random) =>
  Array.from({ length: 2500 }, (): Question => ["config", file(random)]),
);

test(`configuration files as Python and pip read and write them (seed ${seed})`, () => {
  for (const { question, answer } of cases) {
    const text = question[1] as string;
    let mine: unknown;
    try {
      const sections = [...parseConfig(text, "pip.conf")].map(([name, section]) => [name, [...section]]);
      mine = { sections, written: renderConfig(parseConfigDocument(text)) };
    } catch (error) {
      assert.ok(error instanceof InvalidText && error.kind === "pip-config" && error.text === text, String(error));
      mine = { error: error.message };
    }
    assert.deepEqual(withoutWording(mine), withoutWording(answer), JSON.stringify(text));
  }
});

/** Lines in messages differ between versions of Python (whether the line end is shown). */
function withoutWording(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer).replaceAll(String.raw`\\n'`, "'"));
}

test("keys are spelled as pip looks them up", () => {
  assert.equal(normalizeConfigKey("--No_Cache-Dir"), "no-cache-dir");
  assert.equal(normalizeConfigKey("Timeout"), "timeout");
});
