import assert from "node:assert/strict";
import { readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createRandomText } from "../standards/random-text.ts";
import { startDaemon } from "./daemon-runner.ts";
import { installWithDyingWorkers } from "./dying-worker.ts";
import { NEWEST, type TestInterpreter } from "./interpreters.ts";
import type { KillingOptions } from "./killing.ts";
import { runPipd, startPipd } from "./run-cli.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { snapshotTree, treeDifferences } from "./tree.ts";

/** Two sets of requirements for one environment, and where they come from. */
export interface Packages {
  readonly options: readonly string[];
  readonly old: readonly string[];
  readonly new: readonly string[];
}

export interface KillingWorld extends KillingOptions, AsyncDisposable {
  readonly seed: number;
  readonly packages: Packages;
  readonly interpreter: TestInterpreter;
}

/** A sandbox with an environment, and the steps that lead it from empty through the old set to the new one and back, by every command that changes it. */
export async function createKillingWorld(
  findPackages: (sandbox: Sandbox) => Packages | Promise<Packages>,
  interpreter: TestInterpreter = NEWEST,
): Promise<KillingWorld> {
  const seed = Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const sandbox = createSandbox({ PYTHONDONTWRITEBYTECODE: "1" });
  const root = join(realpathSync(sandbox.makeFolder("project")), "env");
  const packages = await findPackages(sandbox);
  const { program, fuse } = installWithDyingWorkers(sandbox.makeFolder("install"));
  const venv = ["venv", "-p", interpreter.executable, root];
  const run = async (args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runPipd(sandbox, args, { program, timeout: 300_000 });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  // Byte code comes after the answer, whenever it comes: the states are compared without.
  const install = (names: readonly string[]): readonly string[] => [
    "--python",
    root,
    "install",
    "--no-compile",
    "--root-user-action",
    "ignore",
    ...packages.options,
    ...names,
  ];
  await run(venv);
  await run(install(packages.new));
  const everything = join(sandbox.folder, "everything.txt");
  writeFileSync(everything, await run(["--python", root, "freeze"]));
  await run([...venv, "--clear"]);
  const steps = [
    { name: "install", args: install(packages.old) },
    { name: "upgrade", args: install(packages.new) },
    { name: "venv (update)", args: [...venv, "--prompt", "another"] },
    { name: "venv --clear", args: [...venv, "--clear"] },
    { name: "install (new)", args: install(packages.new) },
    {
      name: "uninstall",
      args: ["--python", root, "uninstall", "-y", "--root-user-action", "ignore", "-r", everything],
    },
  ];
  return {
    sandbox,
    random: createRandomText(seed),
    seed,
    root,
    steps,
    program,
    packages,
    interpreter,
    fuse,
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

/** Kills the daemon while it makes an environment where there was none: afterwards there is none, or a whole one, and the next `venv` leaves no trace of it. */
export async function killNewEnvironments(world: KillingWorld, points: number): Promise<void> {
  const { sandbox, random, interpreter, program } = world;
  const folder = realpathSync(sandbox.makeFolder("fresh"));
  const root = join(folder, "env");
  const command = ["venv", "-p", interpreter.executable, root];
  const start = performance.now();
  await runPipd(sandbox, command, { program });
  const length = performance.now() - start;
  const whole = snapshotTree(root);
  for (let point = 0; point < points; point++) {
    rmSync(root, { recursive: true });
    const pid = await startDaemon(sandbox, { program });
    const running = startPipd(sandbox, command, { program });
    await sleep(random.int(1000) * (length / 1000));
    process.kill(pid, "SIGKILL");
    await running.finished;
    const left = snapshotTree(root);
    if (left.size > 0) assert.deepEqual(treeDifferences(left, whole), []);
    assert.equal((await runPipd(sandbox, left.size > 0 ? [...command, "--clear"] : command, { program })).code, 0);
    if (left.size === 0) assert.deepEqual(treeDifferences(snapshotTree(root), whole), []);
    assert.deepEqual(readdirSync(folder), ["env"]);
  }
}
