/** What a large removal moves away is deleted later, by this daemon or the next one. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NEWEST } from "../harness/interpreters.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";

test("R56 the trash of a daemon that was killed is emptied by the next one, and holds nobody up", async () => {
  await using sandbox = createSandbox();
  const root = join(sandbox.folder, "env");
  const wheel = join(sandbox.makeFolder("wheels"), wheelFilename({ name: "big" }));
  const files = Object.fromEntries(
    Array.from({ length: 2000 }, (_, index) => [`big/f${index % 30}/m${index}.txt`, `${index}\n`]),
  );
  writeFileSync(wheel, await makeWheel({ name: "big", files }));
  const pipd = async (args: readonly string[], daemon = true): Promise<void> => {
    const { code, stderr } = await runPipd(sandbox, ["--python", root, ...args], { daemon });
    assert.equal(code, 0, stderr);
  };
  const trash = (): readonly string[] => readdirSync(root).filter((name) => /^\.pipd-(transaction|trash)-/.test(name));
  const notes = (): readonly string[] => readdirSync(join(sandbox.state, "trash"));
  const untilEmpty = async (): Promise<void> => {
    for (let looks = 0; trash().length > 0 || notes().length > 0; looks++) {
      assert.ok(looks < 1000, `left: ${[...trash(), ...notes()].join(", ")}`);
      await sleep(20);
    }
  };
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
