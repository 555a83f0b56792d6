import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { isValidName, normalizeName } from "../../daemon/standards/name.ts";
import { parseRequirement } from "../../daemon/standards/requirement.ts";
import { agreeOnRequirements } from "./packaging-agreement.ts";

const REQUIREMENTS: readonly (readonly [written: string, canonical: string])[] = [
  ["a", "a"],
  [" A_b ", "A_b"],
  ["a>=1,<2", "a<2,>=1"],
  ["a (>=1,<2)", "a<2,>=1"],
  ["a(>=1,)", "a>=1"],
  ["a()", "a"],
  ["a >=\n1", "a>=1"],
  ["a[]", "a"],
  ["a[c,B , c]==1.*", "a[B,c]==1.*"],
  ["a===1.0,>=2", "a===1.0,>=2"],
  ["a@https://x/y.zip", "a @ https://x/y.zip"],
  ["a[b] @ https://x/y;z ; os_name=='nt'", 'a[b] @ https://x/y;z ; os_name == "nt"'],
  ["a;python_version<'3'", 'a; python_version < "3"'],
  ["a>1;(python_version<'3')", 'a>1; python_version < "3"'],
  ["a==1.0 ; extra=='X_y'", 'a==1.0; extra == "x-y"'],
  ["foo_", "foo_"],
];

const REJECTED: readonly (readonly [text: string, message: string])[] = [
  ["", "Expected package name at the start of dependency specifier"],
  ["-e .", "Expected package name at the start of dependency specifier"],
  ["./a", "Expected package name at the start of dependency specifier"],
  ["a b", "Expected semicolon (after name with no version specifier) or end"],
  ["a-", "Expected semicolon (after name with no version specifier) or end"],
  ["a=1", "Expected semicolon (after name with no version specifier) or end"],
  ["a>=1 <2", "Expected comma (within version specifier), semicolon (after version specifier) or end"],
  ["a>=1.*", ".* suffix can only be used with `==` or `!=` operators"],
  ["a==1.0a1.*", ".* suffix cannot be used with pre-release, post-release, dev or local versions"],
  ["a>=1+x", "Local version label can only be used with `==` or `!=` operators"],
  ["a[b", "Expected matching RIGHT_BRACKET for LEFT_BRACKET, after extras"],
  ["a[b c]", "Expected comma between extra names"],
  ["a[b,]", "Expected extra name after comma"],
  ["a (>=1", "Expected matching RIGHT_PARENTHESIS for LEFT_PARENTHESIS, after version specifier"],
  ["a @", "Expected URL after @"],
  ["a @ https://user:secret@x/ y", "Expected semicolon (after URL and whitespace) or end"],
  ["a; os_name", "Expected marker operator, one of <=, <, !=, ==, >=, >, ~=, ===, in, not in"],
  ["a; os_name=='x' y", "Expected end of dependency specifier"],
  ["a===1,https://user:secret@x/", "Invalid specifier: 'https://user:****@x/'"],
];

test("requirements print canonically", () => {
  for (const [written, canonical] of REQUIREMENTS) {
    assert.equal(parseRequirement(written).text, canonical);
    assert.equal(parseRequirement(canonical).text, canonical);
  }
});

test("a requirement has its parts", () => {
  const { specifier, marker, ...rest } = parseRequirement("Zope.Interface[test,Docs] >= 5.0 ; python_version > '3.7'");
  assert.deepEqual(rest, {
    name: "Zope.Interface",
    key: "zope-interface",
    extras: ["Docs", "test"],
    text: 'Zope.Interface[Docs,test]>=5.0; python_version > "3.7"',
  });
  assert.equal(specifier.text, ">=5.0");
  assert.equal(marker?.text, 'python_version > "3.7"');
  assert.equal(parseRequirement("a @ file:///b").url, "file:///b");
});

test("what is no requirement is refused with the reason, and without passwords", () => {
  for (const [text, message] of REJECTED)
    assert.throws(() => parseRequirement(text), { kind: "requirement", text, message });
});

test("hostile texts of a megabyte take no longer than reading them", () => {
  const million = 1_000_000;
  for (const text of [
    `a${"-".repeat(million)}`,
    `a[${"b,".repeat(million / 2)}`,
    `a==1${".1".repeat(million / 2)}x`,
    `a${">=1,".repeat(million / 4)}=`,
    `a;${"(".repeat(million)}`,
    `a ${" ".repeat(million)}x`,
  ]) {
    assert.throws(
      () => parseRequirement(text),
      (error) => error instanceof InvalidText && error.message.length < 300,
    );
  }
});

test("names are normalised and checked", () => {
  for (const [name, normal] of [
    ["Foo__Bar", "foo-bar"],
    ["a.-_b", "a-b"],
    ["_x", "-x"],
    ["requests", "requests"],
  ] as const) {
    assert.equal(normalizeName(name), normal);
  }
  for (const name of ["a", "A1", "a-b", "a..b"]) assert.ok(isValidName(name), name);
  for (const name of ["", "-a", "a-", "a b", "é", "a\n", "ſ"]) assert.ok(!isValidName(name), name);
});

test("requirements are read and printed as in packaging", (t) => agreeOnRequirements(t, 1000));
