import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMAND_FAILED, ERRORS, type ErrorMeaning } from "../../protocol/errors.ts";
import { METHODS } from "../../protocol/methods.ts";

const ROOT = join(import.meta.dirname, "../..");
const README = readFileSync(join(ROOT, "protocol/README.md"), "utf8");

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}

const MADE = /new (?:PipdError|RpcFailure|[A-Z]\w*Error)\(\s*"([a-z][a-z0-9-]*)"\s*,/g;

test("every error code that the daemon makes is in the table", () => {
  const made = new Set(sources("daemon").flatMap((text) => [...text.matchAll(MADE)].map((match) => match[1]!)));
  assert.ok(made.size > 10, "codes were found");
  assert.deepEqual(
    [...made].filter((code) => !Object.hasOwn(ERRORS, code)).sort(),
    [],
    "codes missing from protocol/errors.ts",
  );
});

test("numbers of errors are unique, but for commands that fail", () => {
  const numbers = Object.values<ErrorMeaning>(ERRORS)
    .map(({ rpc }) => rpc)
    .filter((rpc) => rpc !== COMMAND_FAILED);
  assert.equal(new Set(numbers).size, numbers.length);
});

test("the README describes each method as the table has it, and no other", () => {
  const described = [...README.matchAll(/^### `([^`]+)` \((request|notification), (idempotent|mutating)\)$/gm)].map(
    ([, name, kind, effect]) => [name, { kind, effect }],
  );
  const sections = README.split(/^## /m);
  const expected = Object.entries(METHODS).map(([name, { kind, effect }]) => [name, { kind, effect }]);
  const byName = (left: unknown[], right: unknown[]): number => (String(left[0]) < String(right[0]) ? -1 : 1);
  assert.deepEqual(described.toSorted(byName), expected.toSorted(byName));
  const heading = { client: "Methods of the client", server: "Methods of the daemon", both: "Methods of both" };
  for (const [name, { from }] of Object.entries(METHODS))
    assert.ok(
      sections.find((section) => section.startsWith(heading[from]))?.includes(`### \`${name}\``),
      `${name} stands under "${heading[from]}"`,
    );
});

test("the README lists each error as the table has it", () => {
  const rows = [...README.matchAll(/^\| `([a-z0-9-]+)` \| (-?\d+) \| (\d+) \| (.+) \|$/gm)].map(
    ([, code, rpc, exit, meaning]) => ({ code, rpc: Number(rpc), exit: Number(exit), meaning }),
  );
  const expected = Object.entries<ErrorMeaning>(ERRORS).map(([code, { rpc, exit, meaning }]) => ({
    code,
    rpc,
    exit,
    meaning,
  }));
  assert.deepEqual(
    rows,
    expected,
    "paste: " +
      expected.map(({ code, rpc, exit, meaning }) => `| \`${code}\` | ${rpc} | ${exit} | ${meaning} |`).join("\n"),
  );
});

test("what to do about the daemon's own failures is said in the table, and as the README has it", () => {
  const rows = [...README.matchAll(/^\| `([a-z0-9-]+)` \| ([A-Z`][^|]+) \|$/gm)].map(([, code, remedy]) => [
    code,
    remedy,
  ]);
  const expected = Object.entries<ErrorMeaning>(ERRORS).flatMap(([code, { remedy }]) =>
    remedy === undefined ? [] : [[code, remedy]],
  );
  assert.deepEqual(
    rows,
    expected,
    `paste:\n${expected.map(([code, remedy]) => `| \`${code}\` | ${remedy} |`).join("\n")}`,
  );
  // What only a program that breaks the protocol can meet needs no advice for a person.
  const forPrograms =
    /^(?:parse-error|invalid-request|method-not-found|invalid-params|not-initialized|request-cancelled)$/;
  const without = Object.entries<ErrorMeaning>(ERRORS)
    .filter(([code, { rpc, remedy }]) => remedy === undefined && rpc !== COMMAND_FAILED && !forPrograms.test(code))
    .map(([code]) => code);
  assert.deepEqual(without, ["environment-locked"], "has its own: it depends on who holds the lock");
});
