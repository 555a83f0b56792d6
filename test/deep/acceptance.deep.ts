/**
 * Real projects of this machine's local indexes, installed, used and removed by pipd and by pip in environments of Python 3.11 that are twins.
 * PIPD_DEEP_ONLY names other projects, while developing.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PLAIN_ENVIRONMENT } from "../harness/interpreters.ts";
import type { Finished } from "../harness/run-cli.ts";
import { snapshotTree, type Tree, treeDifferences } from "../harness/tree.ts";
import { comparable, createTwins, type Twins } from "../harness/twins.ts";
import { findLocalIndex, findPython311 } from "./local-index.ts";

const PROJECTS = (
  process.env["PIPD_DEEP_ONLY"] ??
  "requests flask black jupyterlab six pyyaml jaraco-context zope-interface greenlet " +
    "libclang dill ninja fonttools ruamel-yaml django scipy pandas"
).split(" ");

const index = findLocalIndex();
const python = findPython311();
const TIMEOUT = { timeout: 600_000 };

for (const project of PROJECTS) {
  test(project, async (t) => {
    await using twins = await createTwins({}, python);
    const [before, scriptsBefore] = [snapshotTree(twins.root), scriptsOf(twins.root)];
    const args = ["install", ...index.options, project];

    const [ours, ourMs] = await timed(() => twins.pipd(args, TIMEOUT));
    const [theirs, theirMs] = await timed(() => twins.pip(args));
    assert.equal(theirs.code, 0, theirs.stderr);
    assert.equal(ours.code, 0, ours.stderr);
    assert.deepEqual(successLines(ours), successLines(theirs));
    assert.deepEqual(treeDifferences(comparable(twins.root), comparable(twins.pipRoot)), []);
    await verifyByteCode(twins);
    const names = await verifyQueries(twins);
    const scripts = scriptsOf(twins.root).filter((name) => !scriptsBefore.includes(name));
    const broken = verifyScripts(twins, scripts);

    const settled = byteCode(twins.root).size;
    await verifyRemoval(twins, names, before);
    await verifyRemovalAtOnce(twins, args, names, before);
    await verifyRemovalByPip(twins, args, names, before);
    t.diagnostic(
      `${names.length} distributions, ${settled} .pyc, ${scripts.length} scripts; pipd ${ourMs.toFixed(0)} ms, pip ${theirMs.toFixed(0)} ms`,
    );
    reportBroken(t, broken);
  });
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const start = performance.now();
  return [await work(), performance.now() - start];
}

function successLines({ stdout }: Finished): readonly string[] {
  return stdout.split("\n").filter((line) => line.startsWith("Successfully installed"));
}

/** pip lists and checks pipd's environment as it does its own. @returns the names of the distributions */
async function verifyQueries(twins: Twins): Promise<readonly string[]> {
  const [inOurs, inTheirs] = [await twins.pipOnOurs(["check"]), await twins.pip(["check"])];
  assert.deepEqual(inOurs, inTheirs);
  const [ours, theirs] = [
    await twins.pipOnOurs(["list", "--format", "json"]),
    await twins.pip(["list", "--format", "json"]),
  ];
  assert.deepEqual(ours, theirs);
  return (JSON.parse(ours.stdout) as { name: string }[]).map(({ name }) => name);
}

function byteCode(root: string): Tree {
  return new Map([...snapshotTree(root, { normalize: () => "" })].filter(([path]) => path.endsWith(".pyc")));
}

/** Waits for the daemon's work after its answer: then there is the byte code that pip has made, listed and valid. */
async function verifyByteCode(twins: Twins): Promise<void> {
  const expected = byteCode(twins.pipRoot);
  await becomesEmpty(() => treeDifferences(byteCode(twins.root), expected), "the same byte code as with pip");
  const words = [join(import.meta.dirname, "verify-byte-code.py"), join(twins.root, "lib/python3.11/site-packages")];
  const faults = execFileSync(python.executable, words, { env: PLAIN_ENVIRONMENT, encoding: "utf8" });
  assert.equal(faults, "", "byte code is listed and valid");
}

function scriptsOf(root: string): readonly string[] {
  return readdirSync(join(root, "bin"));
}

/** Starts each script of both environments; their ends must be alike. @returns scripts that fail in both */
function verifyScripts({ sandbox, root, pipRoot }: Twins, scripts: readonly string[]): readonly string[] {
  const cwd = join(sandbox.home, "elsewhere");
  mkdirSync(cwd, { recursive: true });
  const start = (environment: string, script: string, option: string): readonly [number | null, string] => {
    const env = { ...sandbox.env, PYTHONDONTWRITEBYTECODE: "1", PATH: `${environment}/bin:${sandbox.env["PATH"]}` };
    const { status, error, stderr } = spawnSync(join(environment, "bin", script), [option], {
      cwd,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 60_000,
    });
    return [status, error === undefined ? stderr.replaceAll(environment, "{env}") : String(error)];
  };
  return scripts.flatMap((script) => {
    let failures = "";
    for (const option of ["--help", "--version"]) {
      const [[status, stderr], [theirStatus, theirStderr]] = [
        start(root, script, option),
        start(pipRoot, script, option),
      ];
      assert.equal(status, theirStatus, `${script} ${option}\npipd: ${stderr}\npip: ${theirStderr}`);
      assert.equal(failsToStart(stderr), failsToStart(theirStderr), `${script}: ${stderr}`);
      if (status === 0) return [];
      failures += ` ${option}: ${status} ${stderr.trim().split("\n").at(-1)}`;
    }
    return [`${script}:${failures}`];
  });
}

function failsToStart(stderr: string): boolean {
  return /ImportError|ModuleNotFoundError|ENOENT|EACCES|ENOEXEC|bad interpreter/.test(stderr);
}

function reportBroken(t: TestContext, broken: readonly string[]): void {
  for (const script of broken) t.diagnostic(`fails with pip and pipd alike: ${script}`);
}

/** pipd's removal leaves the tree that was there before, byte for byte; its trash is emptied after the answer. */
async function verifyRemoval(twins: Twins, names: readonly string[], before: Tree): Promise<void> {
  const { code, stderr } = await twins.pipd(["uninstall", "-y", ...names], TIMEOUT);
  assert.equal(code, 0, stderr);
  const isTrash = (path: string): boolean => /^\.pipd-(transaction|trash)-/.test(path);
  assert.deepEqual(treeDifferences(snapshotTree(twins.root, { ignore: isTrash }), before), [], "nothing is left");
  await becomesEmpty(() => readdirSync(twins.root).filter(isTrash), "the trash is emptied");
  assert.deepEqual(treeDifferences(snapshotTree(twins.root), before), [], "nor is anything when the trash is gone");
}

/** Looks again while the daemon works on after its answer. */
async function becomesEmpty(differences: () => readonly string[], what: string): Promise<void> {
  let found = differences();
  for (let waited = 0; waited < 120_000 && found.length > 0; waited += 250) {
    await sleep(250);
    found = differences();
  }
  assert.deepEqual(found, [], what);
}

/** Byte code is still on its way when the removal comes. */
async function verifyRemovalAtOnce(
  twins: Twins,
  install: readonly string[],
  names: readonly string[],
  before: Tree,
): Promise<void> {
  assert.equal((await twins.pipd(install, TIMEOUT)).code, 0);
  await verifyRemoval(twins, names, before);
}

/** pip removes what pipd has installed. */
async function verifyRemovalByPip(
  twins: Twins,
  install: readonly string[],
  names: readonly string[],
  before: Tree,
): Promise<void> {
  assert.equal((await twins.pipd(install, TIMEOUT)).code, 0);
  await verifyByteCode(twins);
  for (const { code, stderr } of [
    await twins.pipOnOurs(["uninstall", "-y", ...names]),
    await twins.pip(["uninstall", "-y", ...names]),
  ])
    assert.equal(code, 0, stderr);
  const files = (tree: Tree): Tree => new Map([...tree].filter(([, { kind }]) => kind !== "folder"));
  assert.deepEqual(treeDifferences(files(snapshotTree(twins.root)), files(before)), [], "pip's removal leaves no file");
  assert.deepEqual(
    treeDifferences(comparable(twins.root), comparable(twins.pipRoot)),
    [],
    "nor more folders than usual",
  );
}
