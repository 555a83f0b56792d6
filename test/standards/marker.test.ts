import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import {
  evaluateMarker,
  type MarkerEnvironment,
  markerMentionsExtra,
  parseMarker,
} from "../../daemon/standards/marker.ts";
import { agreeOnMarkers } from "./packaging-agreement.ts";

const ENVIRONMENT: MarkerEnvironment = {
  implementation_name: "cpython",
  implementation_version: "3.11.7",
  os_name: "posix",
  platform_machine: "x86_64",
  platform_python_implementation: "CPython",
  platform_release: "5.15.0-91-generic",
  platform_system: "Linux",
  platform_version: "#101-Ubuntu SMP",
  python_full_version: "3.11.7",
  python_version: "3.11",
  sys_platform: "linux",
};

/** A marker, its canonical text and its value in the environment above with the extra "test". */
const MARKERS: readonly (readonly [written: string, canonical: string, value: boolean])[] = [
  ["python_version<'3.9'", 'python_version < "3.9"', false],
  ["python_version >= '3.9'", 'python_version >= "3.9"', true],
  ["'3.9' <= python_version", '"3.9" <= python_version', true],
  ["'3.9' >= python_version", '"3.9" >= python_version', false],
  ["python_version in '3.10 3.11'", 'python_version in "3.10 3.11"', true],
  ["python_version not  in '2.7'", 'python_version not in "2.7"', true],
  ["python_version == '3.*'", 'python_version == "3.*"', true],
  ["python_full_version ~= '3.11.2'", 'python_full_version ~= "3.11.2"', true],
  ["python_version === '3.11'", 'python_version === "3.11"', true],
  ["platform_release >= '5.0'", 'platform_release >= "5.0"', false],
  ["platform_release >= 'x'", 'platform_release >= "x"', false],
  ["os.name == 'posix' and sys.platform=='linux'", 'os_name == "posix" and sys_platform == "linux"', true],
  ["python_implementation == 'CPython'", 'platform_python_implementation == "CPython"', true],
  ["platform.python_implementation == 'CPython'", 'platform_python_implementation == "CPython"', true],
  [
    "platform.machine=='x86_64' and platform.version != ''",
    'platform_machine == "x86_64" and platform_version != ""',
    true,
  ],
  ["sys_platform < 'zzz'", 'sys_platform < "zzz"', false],
  ["sys_platform >= 'linux'", 'sys_platform >= "linux"', true],
  ["extra == 'Test'", 'extra == "test"', true],
  ["'T_e.st' != extra", '"t-e-st" != extra', true],
  [
    "os_name=='nt' or os_name=='posix' and extra=='no'",
    'os_name == "nt" or os_name == "posix" and extra == "no"',
    false,
  ],
  [
    "(os_name=='nt' or os_name=='posix') and extra=='test'",
    '(os_name == "nt" or os_name == "posix") and extra == "test"',
    true,
  ],
  ["((os_name=='nt'))or( ('a'in extra) )", 'os_name == "nt" or "a" in extra', false],
  ["os_name == 'a\"b'", "os_name == 'a\"b'", false],
  ["os_name == '\\x70osix'", 'os_name == "posix"', true],
  ["os_name == sys_platform", "os_name == sys_platform", false],
  ["'linux' == 'sys_platform'", '"linux" == "sys_platform"', true],
];

const REJECTED: readonly (readonly [text: string, message: string])[] = [
  ["", "Expected a marker variable or quoted string"],
  ["python_version", "Expected marker operator, one of <=, <, !=, ==, >=, >, ~=, ===, in, not in"],
  ["python_version = '3'", "Expected marker operator, one of <=, <, !=, ==, >=, >, ~=, ===, in, not in"],
  ["python_version > 3", "Expected a marker variable or quoted string"],
  ["python_version > '3", "Expected a marker variable or quoted string"],
  ["python_version > '3' and", "Expected a marker variable or quoted string"],
  ["python_version > '3' extra", "Expected end of marker expression"],
  ["(python_version > '3'", "Expected matching RIGHT_PARENTHESIS for LEFT_PARENTHESIS, after marker expression"],
  ["python_version not '3'", "Expected 'in' after 'not'"],
  ["python_version not'3'", "Expected whitespace after 'not'"],
  ["python_versions > '3'", "Expected a marker variable or quoted string"],
  ["os_name == '\\x4'", "Invalid quoted string"],
  ["os_name == 'a\nb'", "Invalid quoted string"],
];

const WITHOUT_MEANING = [
  "os_name ~= 'x'",
  "os_name === 'x'",
  "python_version ~= 'x'",
  "'x' in extras",
  "'a' == 'b'",
  "os_name == 'posix' or os_name ~= '1.0'",
];

test("markers print canonically and hold where they should", () => {
  for (const [written, canonical, value] of MARKERS) {
    const marker = parseMarker(written);
    assert.equal(marker.text, canonical);
    assert.equal(evaluateMarker(marker, ENVIRONMENT, "test"), value, written);
    assert.equal(parseMarker(canonical).text, canonical);
  }
});

test("what is no marker is refused with the reason", () => {
  for (const [text, message] of REJECTED) assert.throws(() => parseMarker(text), { kind: "marker", text, message });
});

test("a comparison without meaning is an error, wherever it stands", () => {
  for (const text of WITHOUT_MEANING) {
    const marker = parseMarker(text);
    assert.throws(
      () => evaluateMarker(marker, ENVIRONMENT),
      (error) => error instanceof InvalidText && error.kind === "marker",
      text,
    );
  }
});

test("without an extra, extra is empty", () => {
  assert.equal(evaluateMarker(parseMarker("extra == 'test'"), ENVIRONMENT), false);
  assert.equal(evaluateMarker(parseMarker("extra == ''"), ENVIRONMENT), true);
  assert.equal(evaluateMarker(parseMarker("extra != 'test'"), ENVIRONMENT), true);
});

test("a Python built from a checkout has a full version nevertheless", () => {
  const environment = { ...ENVIRONMENT, python_full_version: "3.13.0+" };
  assert.equal(evaluateMarker(parseMarker("python_full_version >= '3.13'"), environment), true);
});

test("markers know whether they ask for extra", () => {
  for (const [text, expected] of [
    ["os_name == 'extra'", false],
    ["os_name == 'x' and (python_version > '3' or extra == 'a')", true],
    ["'a' == extra", true],
    ["'a' == 'extra'", true],
    ["os_name == extra", false],
  ] as const) {
    assert.equal(markerMentionsExtra(parseMarker(text)), expected, text);
  }
});

test("hostile texts of a megabyte take no longer than reading them", () => {
  const million = 1_000_000;
  for (const text of [
    "(".repeat(million),
    `'${"a".repeat(million)}`,
    " ".repeat(million),
    `os_name == 'a'${" or os_name == 'a'".repeat(million / 16)} or`,
  ]) {
    assert.throws(
      () => parseMarker(text),
      (error) => error instanceof InvalidText && error.message.length < 300,
    );
  }
  assert.ok(evaluateMarker(parseMarker(`os_name == 'posix'${" or os_name == 'a'".repeat(10_000)}`), ENVIRONMENT));
});

test("markers are read, printed and evaluated as in packaging", (t) => agreeOnMarkers(t, 900));
