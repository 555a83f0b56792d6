import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import { compatibleTags, type TagFacts, tagRanks } from "../../daemon/standards/tag.ts";
import { type TargetPython, targetTags } from "../../daemon/standards/target-tag.ts";
import { pipCases, type Question } from "./pip-oracle.ts";

const LINUX: TagFacts = {
  implementationName: "cpython",
  versionInfo: [3, 11],
  configVariables: {
    Py_DEBUG: 0,
    Py_GIL_DISABLED: null,
    WITH_PYMALLOC: 1,
    Py_UNICODE_SIZE: null,
    EXT_SUFFIX: ".cpython-311-x86_64-linux-gnu.so",
    py_version_nodot: "311",
  },
  hasRefcount: false,
  extensionSuffixes: [".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so"],
  maxUnicode: 0x10ffff,
  system: "Linux",
  platform: "linux-x86_64",
  pointerBits: 64,
  glibc: "2.36",
  muslLoader: null,
  elf: { elfClass: 2, encoding: 1, machine: 62, flags: 0 },
  manylinuxRefused: null,
  macVersion: null,
  macMachine: null,
  iosRelease: null,
  multiarch: "x86_64-linux-gnu",
  androidApiLevel: null,
  pyemscriptenVersion: null,
};

const X86_32 = { elfClass: 1, encoding: 1, machine: 3, flags: 0 };
const ARM_HARD = { elfClass: 1, encoding: 1, machine: 40, flags: 0x05000400 };
const variables = (changes: Partial<TagFacts["configVariables"]>): TagFacts["configVariables"] => ({
  ...LINUX.configVariables,
  ...changes,
});

/** The interpreters there are, each as far as it differs from CPython 3.11 on a usual Linux. */
const WORLDS: readonly Partial<TagFacts>[] = [
  {},
  { manylinuxRefused: ["2_17_x86_64", "2_5_x86_64"] },
  { manylinuxRefused: [] },
  { glibc: "2.20-2014.11" },
  { glibc: "3.1" },
  { glibc: "2.3" },
  { glibc: null, muslLoader: "musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n" },
  { glibc: null, muslLoader: "something else\nVersion 1.2.4\n" },
  { pointerBits: 32, elf: X86_32 },
  { pointerBits: 32 },
  { platform: "linux-i686", pointerBits: 32, elf: X86_32 },
  { platform: "linux-aarch64", elf: { ...X86_32, elfClass: 2, machine: 183 } },
  { platform: "linux-aarch64", pointerBits: 32, elf: ARM_HARD },
  { platform: "linux-armv7l", pointerBits: 32, elf: ARM_HARD },
  { platform: "linux-armv7l", pointerBits: 32, elf: { ...ARM_HARD, flags: 0x05000000 } },
  { platform: "linux-riscv64", glibc: "2.39" },
  { platform: "linux-mips", glibc: "2.39" },
  { platform: "cli", glibc: null },
  { configVariables: variables({ Py_DEBUG: 1 }) },
  { configVariables: variables({ Py_DEBUG: null }), hasRefcount: true },
  { configVariables: variables({ Py_DEBUG: null }), extensionSuffixes: ["_d.pyd"] },
  { configVariables: variables({ py_version_nodot: null }) },
  { versionInfo: [3, 7], configVariables: variables({ py_version_nodot: "37" }) },
  { versionInfo: [2, 7], configVariables: variables({ py_version_nodot: 27, WITH_PYMALLOC: 0, Py_UNICODE_SIZE: 4 }) },
  { versionInfo: [3, 2], configVariables: variables({ WITH_PYMALLOC: null }), maxUnicode: 0xffff },
  { versionInfo: [3, 13], configVariables: variables({ py_version_nodot: "313", Py_GIL_DISABLED: 1 }) },
  { versionInfo: [3, 15], configVariables: variables({ py_version_nodot: "315", Py_GIL_DISABLED: 1, Py_DEBUG: 1 }) },
  { versionInfo: [3, 15], configVariables: variables({ py_version_nodot: "315", Py_GIL_DISABLED: 0 }) },
  {
    implementationName: "pypy",
    versionInfo: [3, 10],
    configVariables: variables({ EXT_SUFFIX: ".pypy310-pp73-x86_64-linux-gnu.so", py_version_nodot: "310" }),
  },
  {
    implementationName: "graalpy",
    configVariables: variables({ EXT_SUFFIX: ".graalpy-38-native-x86_64-darwin.dylib" }),
  },
  { implementationName: "pyston", configVariables: variables({ EXT_SUFFIX: ".pyston-23-x86_64-linux-gnu.so" }) },
  { implementationName: "ironpython", configVariables: variables({ EXT_SUFFIX: ".pyd" }) },
  { implementationName: "python", configVariables: variables({ EXT_SUFFIX: ".cp310-win_amd64.pyd" }) },
  { implementationName: "rustpython" },
  { system: "Windows", platform: "win-amd64", glibc: null, elf: null },
  { system: "Windows", platform: "win32", pointerBits: 32, glibc: null, elf: null },
  { system: "FreeBSD", platform: "freebsd-14.1-release-amd64", glibc: null },
  { system: "Emscripten", platform: "emscripten-3.1.58-wasm32", pyemscriptenVersion: "2026_0", pointerBits: 32 },
  { system: "Emscripten", platform: "emscripten-3.1.58-wasm32", pointerBits: 32 },
  { system: "Android", platform: "android-24-arm64-v8a", androidApiLevel: 24 },
  { system: "Android", platform: "android-9-x86.64", androidApiLevel: 9 },
  { system: "iOS", iosRelease: "17.4.1", multiarch: "arm64-iphoneos" },
  { system: "iOS", iosRelease: "11.0", multiarch: "arm64-iphoneos" },
  ...["14.2.1", "11.0", "10.15.7", "10.6", "10.4", "10.3", "26.0"].flatMap((macVersion) =>
    ["arm64", "x86_64", "i386", "ppc", "ppc64", "intel"].map((macMachine) => ({
      system: "Darwin",
      platform: "macosx-11.0-universal2",
      glibc: null,
      elf: null,
      macVersion,
      macMachine,
    })),
  ),
  { system: "Darwin", macVersion: "10.5", macMachine: "x86_64", pointerBits: 32 },
  { system: "Darwin", macVersion: "10.5", macMachine: "ppc64", pointerBits: 32 },
];

const TARGETS: readonly TargetPython[] = [
  {},
  { version: "3" },
  { version: "39", platforms: ["manylinux2014_x86_64"] },
  { version: "313", platforms: ["manylinux2014_aarch64", "manylinux_2_17_aarch64"], abis: ["cp313", "abi3", "none"] },
  { version: "313", abis: ["cp313t", "abi3t"], platforms: ["macosx_14_0_arm64", "macosx_11_0_arm64"] },
  { platforms: ["manylinux2010_i686", "manylinux1_i686", "any"] },
  { platforms: ["macosx_10_9_x86_64", "macosxcustom_10_9_x86_64", "macosx_odd"], implementation: "cp" },
  { platforms: ["ios_13_2_arm64_iphoneos", "android_21_arm64_v8a", "win_amd64"], version: "312" },
  { implementation: "pp", version: "310", abis: ["pypy310_pp73"] },
  { implementation: "py", version: "3", abis: ["none"], platforms: ["Any-Thing"] },
];

const ask = (facts: TagFacts, target: TargetPython): Question => [
  "target_tags",
  facts,
  target.version ?? null,
  target.platforms ?? null,
  target.implementation ?? null,
  target.abis ?? null,
];

/** What the probe reports about the Python of this machine. */
function probedFacts(): TagFacts {
  const probe = path.resolve(import.meta.dirname, "../../daemon/assets/probe.py");
  const run = spawnSync("python3", ["-S", "-B", probe, "token:"], { encoding: "utf8" });
  const line = run.stdout.split("\n").find((one) => one.startsWith("token:")) ?? "";
  return (JSON.parse(line.slice("token:".length)) as { readonly tagFacts: TagFacts }).tagFacts;
}

const worlds = WORLDS.map((changes) => ({ ...LINUX, ...changes }));
const pypy = worlds.find((facts) => facts.implementationName === "pypy") ?? LINUX;
const { cases } = pipCases<readonly string[]>("tag", () => [
  ...[...worlds, probedFacts()].map((facts): Question => ["system_tags", facts]),
  ...[LINUX, pypy].flatMap((facts) => TARGETS.map((target) => ask(facts, target))),
]);

test("tags of every kind of interpreter are those of packaging, in its order", () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "system_tags")) {
    const tags = compatibleTags(question[1] as TagFacts);
    assert.deepEqual(tags, answer, JSON.stringify(question[1]));
    assert.equal(tagRanks(tags).get(tags[0] ?? ""), 0);
  }
});

test("tags of a target Python are those of pip", () => {
  for (const { question, answer } of cases.filter((one) => one.question[0] === "target_tags")) {
    const [, facts, version, platforms, implementation, abis] = question;
    const given = { version, platforms, implementation, abis };
    const target = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null)) as TargetPython;
    assert.deepEqual(targetTags(facts as TagFacts, target), answer, JSON.stringify(target));
  }
});

test("a tag that occurs twice keeps its better rank", () => {
  assert.deepEqual(
    [...tagRanks(["a-b-c", "d-e-f", "a-b-c"])],
    [
      ["a-b-c", 0],
      ["d-e-f", 1],
    ],
  );
});

test("an interpreter without an EXT_SUFFIX has no tags", () => {
  const facts = { ...LINUX, implementationName: "odd", configVariables: variables({ EXT_SUFFIX: null }) };
  assert.throws(() => compatibleTags(facts), /EXT_SUFFIX/);
});
