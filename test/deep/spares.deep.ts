/** Linked trees that lie ready: a daemon killed at each rename of their folders, and an environment on another file system. */
import assert from "node:assert/strict";
import { accessSync, constants, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { NEWEST } from "../harness/interpreters.ts";
import { createSpareWorld, killAtFolder } from "../harness/spare-world.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";

test("R56 a daemon that is killed before each rename of a tree's folder leaves the old environment", async (t) => {
  await using world = await createSpareWorld();
  let point = 0;
  while (await killAtFolder(world, point)) point += 1;
  t.diagnostic(`${point} renames`);
  assert.ok(point > 5);
});

/** A folder that can be written, on another file system than the temporary ones. */
function folderElsewhere(): string | undefined {
  const { dev } = statSync(tmpdir());
  const folders = ["/dev/shm", `/run/user/${process.geteuid?.()}`, "/run", "/var/tmp", homedir(), process.cwd()];
  return folders.find((folder) => {
    try {
      accessSync(folder, constants.W_OK);
      return statSync(folder).dev !== dev;
    } catch {
      return false;
    }
  });
}

test("R56 an environment on another file system than the store gets copies", async (t) => {
  const elsewhere = folderElsewhere();
  assert.ok(elsewhere, "this machine has no second file system that can be written");
  t.diagnostic(elsewhere);
  const folder = realpathSync(mkdtempSync(join(elsewhere, "pipd-t-")));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await using world = await createSpareWorld();
  await world.lay();
  const root = join(folder, "env");
  const works = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await world.pipd(args);
    assert.deepEqual([code, stderr], [0, ""]);
  };
  await works("venv", "-p", NEWEST.executable, root);
  const pristine = snapshotTree(root);
  assert.equal((await world.install({}, root)).code, 0);
  const names = (tree: ReadonlyMap<string, unknown>): readonly string[] => [...tree.keys()].toSorted();
  assert.deepEqual(names(snapshotTree(root)), names(world.complete));
  assert.equal((await world.install()).code, 0);
  assert.ok(world.used(), "the trees still lie there for their own file system");
  await works("--python", root, "uninstall", "-y", "plain", "mixed", "other");
  assert.deepEqual(treeDifferences(snapshotTree(root), pristine), []);
});
