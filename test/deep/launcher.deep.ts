/** The native client under the sanitizers of the compiler and under valgrind, with a daemon that sends what nobody should. Needs gcc or clang, and valgrind. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fuzzClient } from "../harness/fuzz-client.ts";
import { runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { type ScriptedDaemon, scriptDaemon } from "../harness/scripted-daemon.ts";
import { seededRandom } from "../harness/seeded-random.ts";

const INSTALLATION = dirname(dirname(TEST_PIPD));
const LAUNCHER = join(import.meta.dirname, "../../client/launcher");
/** How a sanitizer or valgrind ends a program in which it found a fault. */
const FAULT = 99;

const sandbox = createSandbox({
  ASAN_OPTIONS: `exitcode=${FAULT}:detect_leaks=0`,
  UBSAN_OPTIONS: `exitcode=${FAULT}:halt_on_error=1`,
});
let daemon: ScriptedDaemon;
before(async () => {
  daemon = await scriptDaemon(sandbox);
});
after(async () => {
  daemon.close();
  await sandbox.close();
});

/** The test installation with another native client in it. */
function installWith(name: string, flags: readonly string[]): string {
  const root = join(sandbox.folder, name);
  mkdirSync(join(root, ".build"), { recursive: true });
  for (const entry of ["client", "node_modules"]) symlinkSync(join(INSTALLATION, entry), join(root, entry));
  for (const entry of readdirSync(join(INSTALLATION, ".build")))
    if (entry !== "pipd") symlinkSync(join(INSTALLATION, ".build", entry), join(root, ".build", entry));
  const program = join(root, ".build/pipd");
  const sources = readdirSync(LAUNCHER).filter((file) => file.endsWith(".c"));
  const words = ["-std=c11", "-g", "-O1", ...flags, "-o", program, ...sources.map((file) => join(LAUNCHER, file))];
  const { status, stderr } = spawnSync("cc", words, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return program;
}

const ordinary: readonly (readonly [args: readonly string[], stdin: string])[] = [
  [["session", "ä", "caf\udce9", "x".repeat(100_000)], ""],
  [["big", "2000000"], ""],
  [["ask"], "yes\n"],
  [["stdin"], "y".repeat(200_000)],
  [["exit", "7"], ""],
  [["fail"], ""],
];

/** Ordinary commands with the real daemon, then spoilt answers. */
async function check(program: string, through: readonly string[], rounds: number): Promise<void> {
  await using own = createSandbox({ ASAN_OPTIONS: `exitcode=${FAULT}:detect_leaks=0`, LARGE: "x".repeat(100_000) });
  assert.equal((await runPipd(own, ["daemon", "start"], { program: TEST_PIPD })).code, 0);
  for (const [args, stdin] of ordinary) {
    const { code, signal, stderr } = await runPipd(own, args, { program, through, stdin });
    assert.deepEqual([signal, code === FAULT], [null, false], stderr);
    assert.doesNotMatch(stderr, /Sanitizer|runtime error:|==\d+==/);
  }
  await fuzzClient(sandbox, daemon, seededRandom(), rounds, { program, through, fault: FAULT });
}

test("R16 under AddressSanitizer and UndefinedBehaviorSanitizer", async () => {
  await check(installWith("asan", ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]), [], 1000);
});

test("R16 under valgrind", async () => {
  const valgrind = ["valgrind", "-q", `--error-exitcode=${FAULT}`, "--trace-children=no"];
  await check(installWith("valgrind", []), valgrind, 60);
  rmSync(join(sandbox.folder, "valgrind"), { recursive: true });
});
