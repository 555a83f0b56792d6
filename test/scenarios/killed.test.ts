/** A short round of test/deep/kill.deep.ts with made wheels. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { killAtRandom } from "../harness/killing.ts";
import { createKillingWorld, killNewEnvironments, type Packages } from "../harness/killing-world.ts";
import type { Sandbox } from "../harness/sandbox.ts";
import { makeWheel, type WheelSpec, wheelFilename } from "../harness/wheel-maker.ts";

/** More than 1,500 files, so that worker threads link them; names and folders that come, go and stay. */
async function madeWheels(sandbox: Sandbox): Promise<Packages> {
  const folder = sandbox.makeFolder("wheels");
  const spec = (name: string, version: string, from: number): WheelSpec => ({
    name,
    version,
    files: Object.fromEntries(
      Array.from({ length: 800 }, (_, index) => [
        `${name}/p${(index + from) % 20}/m${index + from}.py`,
        `x = "${version} ${index}"\n`,
      ]),
    ),
    data: { data: { [`share/${name}.txt`]: version } },
    entryPoints: { console_scripts: { [name]: `${name}:main` } },
  });
  const specs = [spec("a", "1.0", 0), spec("a", "2.0", 10), spec("b", "1.0", 0), spec("b", "2.0", 5)];
  for (const each of specs) writeFileSync(join(folder, wheelFilename(each)), await makeWheel(each));
  return { options: ["--no-index", "--find-links", folder], old: ["a==1.0", "b==1.0"], new: ["a==2.0", "b==2.0"] };
}

test("R44 R56 daemon, client, program and worker threads killed at random points of every change", async (t) => {
  await using world = await createKillingWorld(madeWheels);
  t.diagnostic(`PIPD_TEST_SEED=${world.seed}`);
  const figures = await killAtRandom(world, ["daemon", "client", "worker", "program"], 8);
  t.diagnostic(JSON.stringify(figures));
  assert.equal(figures.old + figures.new, 8);
  await killNewEnvironments(world, 2);
});
