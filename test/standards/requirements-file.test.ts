import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import {
  decodeRequirementsFile,
  parseRequirementsFile,
  type RequirementsLine,
} from "../../daemon/standards/requirements-file.ts";
import { pipCases, type Question, type Random } from "./pip-oracle.ts";

const REQUIREMENTS = [
  "foo",
  "foo==1.0",
  "foo >= 1, <2 ; python_version < '3.9'",
  "./local path",
  "foo @ https://e.org/foo-1.0.zip#sha256=ab",
  "git+https://e.org/a.git@v1#egg=a",
  "foo[bar]==1.0",
  'foo; extra == "a b"',
  "https://e.org/${TOKEN}/foo.zip",
  "${UNSET}-${EMPTY}-${lower}-$TOKEN-${CHAIN}${TOKEN}",
];
const OPTIONS = [
  "-i https://e.org/simple",
  "--index-url=https://e.org",
  "--pypi-url x",
  "--extra-index-url 'a b'",
  "--extra-index-url=",
  "--no-index",
  "-r other.txt",
  "-rother.txt",
  '--requirement="o t.txt"',
  "-c c.txt",
  "--constraint c.txt",
  "-e .",
  "--editable=git+x",
  "-e ./a\\ b",
  "-f links",
  "--find-links=./x",
  "--no-binary :all:",
  "--no-binary=a,b",
  "--only-binary a",
  "--prefer-binary",
  "--pre",
  "--pre=1",
  "--require-hashes",
  "--no-require-hashes",
  "--require",
  "--no",
  "--all-releases x,y",
  "--only-final :all:",
  "--trusted-host h:1",
  "--use-feature fast-deps",
  "--use-feature=odd",
  "--hash=sha256:ab",
  "--hash sha384:cd",
  "--hash md5:1",
  "--hash=odd",
  "-C k=v",
  "-Ck=w",
  "--config-settings=k=",
  "--config-settings 'a b=c d'",
  "-C odd",
  "--unknown",
  "-x",
  "-",
  "--",
  "--index",
  "--ext a",
  "'unclosed",
  "--hash",
  "-",
  "--no-binary -x",
  "-i ''",
  "--=x",
];
const JOINTS = [" ", " ", "  ", "\t", " \\\n", "\\\n    ", " # comment\n", "#", " \\\n# comment\n"];
const LINES = [
  "# only a comment",
  "",
  "   ",
  "#--pre",
  " # indented \\",
  "\\",
  "\\\\",
  "a\\",
  "foo#bar",
  "foo\u00a0# x",
  "\u2028",
];

function file(random: Random): string {
  const lines = random.list(5, () => {
    if (random.chance(0.2)) {
      return random.pick(LINES);
    }
    const pieces = random.chance(0.6) ? [random.pick(REQUIREMENTS)] : [];
    pieces.push(...random.list(random.chance(0.5) ? 1 : 3, () => random.pick(OPTIONS)));
    return pieces.reduce((all, piece) => all + random.pick(JOINTS) + piece, "");
  });
  return lines.join(random.pick(["\n", "\n", "\n", "\r\n", "\r", "\f"]));
}

const ENVIRONMENT = { TOKEN: "s$&cret", EMPTY: "", lower: "no", CHAIN: "${TOKEN}" };
const bytes = (...parts: (string | readonly number[])[]): string =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part)))).toString(
    "base64",
  );
const ENCODED = [
  bytes("foo é"),
  bytes([0xef, 0xbb, 0xbf], "foo é"),
  bytes([0xff, 0xfe], Buffer.from("foo é\n𝄞", "utf16le").toJSON().data),
  bytes([0xfe, 0xff, 0, 0x66]),
  bytes([0xff, 0xfe, 0, 0, 0x66, 0, 0, 0, 0x1e, 0xd1, 1, 0]),
  bytes([0, 0, 0xfe, 0xff, 0, 0, 0, 0x66]),
  bytes("# -*- coding: latin-1 -*-\nfoo ", [0xe9]),
  bytes("\n# coding=ISO-8859-15\n", [0xa4]),
  bytes("\n\n# coding: latin-1\n", "é"),
  bytes(" # coding: ascii\né"),
  bytes("# coding: ascii\né"),
  bytes("# coding: nonsense\nfoo"),
  bytes("# vim: set fileencoding=cp1252 :\n", [0x80]),
  bytes("# coding: utf_8\nfoo é"),
  bytes("# coding: utf-8\n", [0xe9]),
  bytes("# coding: koi8-r\n", [0xc1, 0xc2]),
  bytes([0xff, 0xfe, 0x66]),
];

const { cases, seed } = pipCases<unknown>("requirements-file", (random) => [
  ...OPTIONS.flatMap((option): Question[] => [
    ["requirements", option, ENVIRONMENT],
    ["requirements", `foo==1 ${option}`, ENVIRONMENT],
  ]),
  ...Array.from({ length: 1000 }, (): Question => ["requirements", file(random), ENVIRONMENT]),
  ...ENCODED.map((data): Question => ["decoded", data]),
]);

function plain(line: RequirementsLine): unknown {
  if (line.kind === "option") {
    return ["option", line.name, line.value, line.lineNumber];
  }
  const settings = Object.entries(line.configSettings);
  return [line.kind, line.text, line.kind === "requirement" ? line.hashes : [], settings, line.lineNumber];
}

/** pip keeps hashes by algorithm, this by occurrence. */
const sortHashes = (line: unknown): unknown =>
  Array.isArray(line) && Array.isArray(line[2])
    ? [line[0], line[1], [...(line[2] as string[])].sort(), ...line.slice(3)]
    : line;

test(`requirements files as pip reads them (seed ${seed})`, () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "requirements")) {
    let mine: unknown;
    try {
      mine = {
        lines: parseRequirementsFile(question[1] as string, ENVIRONMENT)
          .map(plain)
          .map(sortHashes),
      };
    } catch (error) {
      assert.ok(error instanceof InvalidText && error.kind === "requirements-file", String(error));
      mine = { error: error.message };
    }
    const { lines, error } = answer as { lines?: unknown[]; error?: string };
    assert.deepEqual(
      mine,
      lines === undefined ? { error } : { lines: lines.map(sortHashes) },
      JSON.stringify(question[1]),
    );
  }
});

test("encodings as pip finds them", () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "decoded")) {
    let mine: string | null = null;
    try {
      mine = decodeRequirementsFile(Buffer.from(question[1] as string, "base64"));
    } catch (error) {
      assert.ok(error instanceof InvalidText && error.kind === "requirements-encoding");
    }
    assert.equal(mine, answer, question[1] as string);
  }
  assert.equal(decodeRequirementsFile(Uint8Array.of(0x66, 0xe9), "ISO-8859-1"), "fé");
});

test("a message about a line hides the password in it", () => {
  assert.throws(
    () => parseRequirementsFile("-i https://user:secret@e.org/simple --odd", {}),
    (error: Error) => error.message.includes("https://user:****@e.org") && !error.message.includes("secret"),
  );
});

test("a long line of white space is read in linear time", () => {
  const long = " ".repeat(300_000);
  assert.deepEqual(parseRequirementsFile(`foo${long}x${long}#c\n${"\\".repeat(100_000)}x`, {}).length, 2);
});
