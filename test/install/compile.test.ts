/** Byte code: made once in the store, linked with the wheel or afterwards, valid for Python. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createCompiler, linkByteCode } from "../../daemon/install/compile.ts";
import { bytecodeFolder } from "../../daemon/store/wheel-store.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";
import { createSandbox } from "./sandbox.ts";

const SPEC: WheelSpec = {
  name: "code",
  files: {
    "code_one/__init__.py": "def where():\n    return where.__code__.co_filename\n",
    "code_one/deep/er.py": "x = 1\n",
    "code_one/broken.py": "def (:\n",
    "code_one/nul.py": "\0",
    "code_one/odd.name.py": "y = 2\n",
    "code_two.py": "print('stolen answer')\n",
  },
};
const never = (): AbortSignal => new AbortController().signal;

test("compiled once for all who ask; files that do not compile are passed over", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const [wheel] = await sandbox.wheels(SPEC);
  assert.ok(wheel);
  const compiler = createCompiler({ processes: 1 });
  t.after(() => compiler.close());
  const ask = (): Promise<ReadonlySet<string>> => compiler.compileInStore(wheel, environment.facts, never());
  const answers = await Promise.all([ask(), ask(), ask()]);
  const expected = ["code_one/__init__.py", "code_one/deep/er.py", "code_one/odd.name.py", "code_two.py"];
  for (const answer of [...answers, await ask()]) assert.deepEqual([...answer].sort(), expected);
  const tag = environment.facts.cacheTag ?? "";
  assert.deepEqual(readdirSync(join(bytecodeFolder(wheel, tag), "code_one/__pycache__")).sort(), [
    `__init__.${tag}.pyc`,
    `odd.name.${tag}.pyc`,
  ]);
  assert.deepEqual(
    readdirSync(wheel.folder).filter((name) => name.startsWith(".")),
    [],
  );
});

test("linked in the same transaction, used by Python, removed with the package", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const pristine = snapshotTree(environment.root);
  const [wheel] = await sandbox.wheels(SPEC);
  assert.ok(wheel);
  const compiler = createCompiler();
  t.after(() => compiler.close());
  await compiler.compileInStore(wheel, environment.facts, never());
  for (const linkMode of ["auto", "copy"] as const) {
    await environment.install([wheel], { compile: true, target: environment.target({}, { linkMode }) });
    const tag = environment.facts.cacheTag ?? "";
    const byteCode = readFileSync(join(environment.site, `code_one/__pycache__/__init__.${tag}.pyc`));
    const source = statSync(join(environment.site, "code_one/__init__.py"));
    assert.equal(byteCode.readUInt32LE(4), 0, "a timestamp, no hash");
    assert.equal(byteCode.readUInt32LE(8), Math.floor(source.mtimeMs / 1000), linkMode);
    assert.equal(byteCode.readUInt32LE(12), source.size);
    const python = join(environment.root, "bin/python");
    const { stdout, stderr } = spawnSync(python, ["-vc", "import code_one; print(code_one.where())"], {
      encoding: "utf8",
      env: {},
    });
    assert.equal(stdout, `${join(environment.site, "code_one/__init__.py")}\n`);
    assert.match(stderr, /code object from '.*code_one\/__pycache__\/__init__\..*\.pyc'/);
    await environment.uninstall("code");
    assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);
  }
});

test("linked afterwards what RECORD already lists, unless the installation has changed", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const pristine = snapshotTree(environment.root);
  const [wheel] = await sandbox.wheels(SPEC);
  assert.ok(wheel);
  const compiler = createCompiler();
  t.after(() => compiler.close());
  const { wheels } = await environment.install([wheel], { compile: true });
  const installed = wheels[0];
  assert.ok(installed);
  assert.equal(installed.byteCode, "later");
  const record = readFileSync(join(installed.infoFolder, "RECORD"), "utf8");
  const tag = environment.facts.cacheTag ?? "";
  assert.ok(record.includes(`code_one/deep/__pycache__/er.${tag}.pyc,,`));
  assert.equal(await linkByteCode(environment.target(), installed, never()), 0, "nothing is compiled yet");

  await compiler.compileInStore(wheel, environment.facts, never());
  assert.equal(await linkByteCode(environment.target(), installed, AbortSignal.abort()), 0);
  writeFileSync(join(environment.site, "__pycache__"), "in the way");
  assert.equal(await linkByteCode(environment.target(), installed, never()), 3);
  assert.equal(await linkByteCode(environment.target(), installed, never()), 0, "all there");
  assert.ok(existsSync(join(environment.site, `code_one/deep/__pycache__/er.${tag}.pyc`)));

  rmSync(join(environment.site, "__pycache__"));
  await environment.uninstall("code");
  assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);
  await environment.install([wheel], { compile: false });
  assert.equal(await linkByteCode(environment.target(), installed, never()), 0, "another installation");
  assert.ok(!readFileSync(join(installed.infoFolder, "RECORD"), "utf8").includes(".pyc"));
});

test("an interpreter that does not work is an error, an abort ends the work, and both leave nothing", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const [wheel] = await sandbox.wheels(SPEC);
  assert.ok(wheel);
  const compiler = createCompiler();
  t.after(() => compiler.close());
  for (const executable of ["/bin/false", join(sandbox.folder, "nothing")]) {
    await assert.rejects(compiler.compileInStore(wheel, { ...environment.facts, executable }, never()));
  }
  const controller = new AbortController();
  const asked = compiler.compileInStore(wheel, environment.facts, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  assert.ok((await compiler.compileInStore(wheel, environment.facts, never())).size > 0);
  assert.deepEqual(
    readdirSync(wheel.folder).filter((name) => name.startsWith(".")),
    [],
  );
});
