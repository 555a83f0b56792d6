/** What a large removal moves away is deleted later, by this daemon or the next one. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NEWEST } from "../harness/interpreters.ts";
import { runPipd, startPipd } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";

/** What pipd keeps in an environment while something is deleted, and the notes of it in the state folder. */
const trashIn = (root: string): readonly string[] =>
  readdirSync(root).filter((name) => /^\.pipd-(transaction|trash)-/.test(name));
const notesIn = ({ state }: Sandbox): readonly string[] => {
  const folder = join(state, "trash");
  return existsSync(folder) ? readdirSync(folder) : [];
};

async function untilTrashIsEmpty(sandbox: Sandbox, root: string): Promise<void> {
  for (let looks = 0; trashIn(root).length > 0 || notesIn(sandbox).length > 0; looks++) {
    assert.ok(looks < 1000, `left: ${[...trashIn(root), ...notesIn(sandbox)].join(", ")}`);
    await sleep(20);
  }
}

async function bigWheel(sandbox: Sandbox, count: number): Promise<string> {
  const wheel = join(sandbox.makeFolder("wheels"), wheelFilename({ name: "big" }));
  const files = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`big/f${index % 30}/m${index}.txt`, `${index}\n`]),
  );
  writeFileSync(wheel, await makeWheel({ name: "big", files }));
  return wheel;
}

test("R43 a large installation that is given up is put back at once, and deleted later", async () => {
  await using sandbox = createSandbox();
  const root = join(sandbox.folder, "env");
  // Trees that lie ready after a first attempt would be in place before anybody can give up.
  writeFileSync(join(sandbox.config, "config.toml"), "spare-trees = false\n");
  const wheel = await bigWheel(sandbox, 3000);
  assert.equal((await runPipd(sandbox, ["venv", "--python", NEWEST.executable, root])).code, 0);
  const before = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  for (let attempt = 0; ; attempt++) {
    const running = startPipd(sandbox, ["--python", root, "install", "--no-compile", wheel]);
    while (!running.child.killed && running.child.exitCode === null) {
      if (trashIn(root).some((name) => existsSync(join(root, name, "journal")))) running.child.kill("SIGINT");
      await new Promise(setImmediate);
    }
    const { signal, code, stdout, stderr } = await running.finished;
    // It was too late for one that was done, and perhaps just about to leave.
    if (!stdout.includes("Successfully installed big")) {
      assert.equal(signal, "SIGINT", stderr);
      assert.match(stderr, /ERROR: Operation cancelled by user/);
      break;
    }
    assert.ok((code === 0 || signal === "SIGINT") && attempt < 20, stderr);
    assert.equal((await runPipd(sandbox, ["--python", root, "uninstall", "-y", "big"])).code, 0);
    await untilTrashIsEmpty(sandbox, root);
  }
  assert.equal(trashIn(root).length, 1, "it is not deleted while anybody waits");
  assert.equal(notesIn(sandbox).length, 1);
  const { stdout } = await runPipd(sandbox, ["--python", root, "list"]);
  assert.doesNotMatch(stdout, /big/);
  await untilTrashIsEmpty(sandbox, root);
  assert.deepEqual(readdirSync(root, { recursive: true, encoding: "utf8" }).sort(), before);
});

test("R56 the trash of a daemon that was killed is emptied by the next one, and holds nobody up", async () => {
  await using sandbox = createSandbox();
  const root = join(sandbox.folder, "env");
  const wheel = await bigWheel(sandbox, 2000);
  const pipd = async (args: readonly string[], daemon = true): Promise<void> => {
    const { code, stderr } = await runPipd(sandbox, ["--python", root, ...args], { daemon });
    assert.equal(code, 0, stderr);
  };
  const trash = (): readonly string[] => trashIn(root);
  const untilEmpty = (): Promise<void> => untilTrashIsEmpty(sandbox, root);
  assert.equal((await runPipd(sandbox, ["venv", "--python", NEWEST.executable, root])).code, 0);
  const kill = (): void => {
    for (const pid of processesOf(sandbox.folder)) process.kill(pid, "SIGKILL");
    assert.equal(trash().length, 1);
  };
  await pipd(["install", wheel]);
  await pipd(["uninstall", "-y", "big"]);
  assert.equal(trash().length, 1, "it is not deleted while anybody waits");
  kill();
  await pipd(["install", wheel]);
  assert.doesNotMatch(trash().join(), /transaction/, "nobody takes it for the change of today");
  await untilEmpty();
  await pipd(["uninstall", "-y", "big"]);
  for (let looks = 0; trash()[0]?.startsWith(".pipd-trash-") !== true; looks++) {
    assert.ok(looks < 1000 && trash().length > 0, "it is being emptied");
    await sleep(5);
  }
  kill();
  await pipd(["install", wheel], false);
  assert.deepEqual(trash(), [], "a client without daemon leaves nothing for later");
  await pipd(["uninstall", "-y", "big"]);
  await untilEmpty();
});
