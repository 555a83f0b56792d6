/** Linked trees that lie ready: whatever happens to them, an installation leaves what linking leaves, or nothing. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, stopDaemon } from "../harness/daemon-runner.ts";
import { createSpareWorld, killAtFolder, type SpareWorld } from "../harness/spare-world.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";

let world: SpareWorld;
before(async () => {
  world = await createSpareWorld();
});
after(() => world[Symbol.asyncDispose]());

const isComplete = (): void => assert.deepEqual(treeDifferences(snapshotTree(world.root), world.complete), []);

async function installs(through: readonly string[] = []): Promise<void> {
  const { code, stderr } = await world.install({ through });
  assert.deepEqual([code, stderr], [0, ""]);
}

test("R56 a daemon that is killed in the midst of renaming trees into an environment leaves the old one", async () => {
  assert.ok(await killAtFolder(world, 4));
});

test("R56 trees that cannot be renamed into an environment are not used", async () => {
  await world.lay();
  world.disturb("EXDEV");
  await installs();
  assert.ok(world.calm());
  assert.equal(world.used(), false);
  isComplete();
});

test("R37 trees are for the umask that they were made with", async () => {
  await world.lay();
  for (const umask of [0o077, 0o002]) {
    await installs(["sh", "-c", `umask ${umask.toString(8)}; exec "$@"`, "sh"]);
    assert.equal(world.used(), false);
    const expected = new Map(world.complete);
    for (const [path, entry] of world.complete) {
      if (world.pristine.has(path)) continue;
      const mode = (entry.kind === "folder" ? 0o777 : 0o666) & ~umask;
      // The script of an entry point is for all to run, as pip makes it.
      expected.set(path, { ...entry, mode: path.startsWith("bin/") ? mode | 0o555 : mode });
    }
    assert.deepEqual(treeDifferences(snapshotTree(world.root), expected), []);
    const { code } = await world.pipd(["--python", world.root, "uninstall", "-y", "plain", "mixed", "other"]);
    assert.equal(code, 0);
  }
  await installs();
  assert.ok(world.used(), "they still lie there for who can use them");
  isComplete();
});

test("the status says how many trees lie ready, and purging the cache leaves nothing behind", async () => {
  await world.lay();
  const { program } = world;
  const status = await daemonStatus(world.sandbox, { program });
  const trees = status?.program?.caches.spareTrees;
  assert.equal(trees?.entries, 3);
  assert.ok(trees.bytes > 3 * 4096);
  const { stdout } = await world.pipd(["daemon", "status"]);
  assert.match(stdout, /^spares +3 linked trees lie ready, \d+ kB$/m);
  const purged = await world.pipd(["cache", "purge"]);
  assert.equal(purged.code, 0);
  assert.match(
    purged.stdout,
    /^Wheels removed: 3 \(.*\)\nIndex pages removed: \d+\nTrees that lay ready removed: 3 \(.* kB\)\nInterpreters and environments forgotten: \d+\n$/,
  );
  assert.deepEqual(existsSync(world.spares) ? readdirSync(world.spares) : [], []);
  const models = readFileSync(join(world.sandbox.cache, "environments-v1.db"), "latin1");
  assert.ok(!models.includes(world.root), "nor what was known of environments");
  const again = await world.pipd(["cache", "purge"]);
  assert.equal(again.code, 0);
  assert.deepEqual(
    [again.stdout, again.stderr],
    ["Wheels removed: 0 (0 bytes)\nIndex pages removed: 0\n", "WARNING: No matching packages\n"],
  );
});

test("where the disk is nearly full, no trees are made, and those that lie ready go", async () => {
  await world.lay();
  world.disturb("full");
  await installs();
  assert.ok(world.used());
  for (let looks = 0; readdirSync(world.spares).length > 0; looks++) {
    assert.ok(looks < 500);
    await sleep(20);
  }
  assert.ok(world.calm());
  isComplete();
});

test("nothing is made or used where the settings say so, and what was made before goes", async () => {
  await world.pipd(["--python", world.root, "uninstall", "-y", "plain", "mixed", "other"]);
  await world.lay();
  const { program, sandbox } = world;
  const settings = join(sandbox.config, "config.toml");
  appendFileSync(settings, "spare-trees = false\n");
  await stopDaemon(sandbox, { program });
  await installs();
  assert.equal(world.used(), false);
  isComplete();
  await sleep(600);
  assert.deepEqual(readdirSync(world.spares), []);
  assert.equal((await daemonStatus(sandbox, { program }))?.program?.caches.spareTrees.entries, 0);
});
