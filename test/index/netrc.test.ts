import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { parseNetrc } from "../../daemon/index/netrc.ts";

const TEXTS: readonly string[] = [
  "",
  "machine a login b password c\n",
  "machine a\n  login b\n  password c\nmachine d login e password f",
  "default login x password y",
  'machine a login "b c" password "d\\"e"',
  "machine a login b\\ c password p#w",
  "machine a login b password #secret",
  "# comment\nmachine a login b password c # trailing words\nmachine d user e account f password g",
  "#comment without space machine x\nmachine a login b password c",
  "machine a login b #c d e\npassword f\n",
  "macdef init\ncd /pub\nbin\n\nmachine a login b password c",
  "machine a login b password c\nmacdef m\nx\n\nmachine d login e password f",
  "macdef never ends\nx",
  "machine",
  "machine a password only",
  "machine a login l machine b login m",
  "machine a login b passwort c",
  "login b",
  "machine a login b password c\r\nmachine d login e password f\r\n",
  'machine a login "" password ""',
  'machine "a b" login c password d',
  "machine a login ünïcode password pä€ß",
  "machine a login b password c machine a login d password e",
];

const ORACLE = `
import json, netrc, os, sys, tempfile
answers = []
for text in json.load(sys.stdin):
    with tempfile.NamedTemporaryFile("w", newline="", encoding="utf-8", delete=False) as file:
        file.write(text)
    try:
        answers.append({host: list(entry) for host, entry in netrc.netrc(file.name).hosts.items()})
    except netrc.NetrcParseError:
        answers.append(None)
    os.unlink(file.name)
json.dump(answers, sys.stdout)
`;

test("netrc files are read as Python reads them", () => {
  const { stdout, stderr } = spawnSync("python3", ["-c", ORACLE], { input: JSON.stringify(TEXTS), encoding: "utf8" });
  assert.notEqual(stdout, "", stderr);
  const expected = JSON.parse(stdout) as readonly unknown[];
  for (const [at, text] of TEXTS.entries()) {
    assert.deepEqual(answerOf(text), expected[at], JSON.stringify(text));
  }
});

function answerOf(text: string): unknown {
  try {
    return Object.fromEntries(
      [...parseNetrc(text)].map(([host, entry]) => [host, [entry.login, entry.account, entry.password]]),
    );
  } catch {
    return null;
  }
}
