import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { createHashWorld, HASH_CASES, type HashWorld } from "./hash-cases.ts";

describe("hash-checking mode", () => {
  let world: HashWorld;
  before(async () => {
    world = await createHashWorld();
  });
  after(() => world.twins[Symbol.asyncDispose]());

  for (const one of HASH_CASES) {
    test(one.title, async () => {
      const { twins, words } = world;
      const untouched = snapshotTree(twins.root);
      const { code, stdout, stderr } = await twins.pipd(words(one));
      if ("fails" in one.ends) {
        assert.equal(code, 1, stderr);
        assert.match(stderr, one.ends.fails);
        assert.deepEqual(treeDifferences(snapshotTree(twins.root), untouched), []);
        return;
      }
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^Successfully installed ${one.ends.installs.replaceAll(".", "\\.")}$`, "m"));
      await twins.pipd(["uninstall", "-y", "app", "lib", "builds"]);
    });
  }

  test("what is installed already is not checked, as in pip", async () => {
    const { twins, words } = world;
    await twins.pipd(["install", "lib==1.5"]);
    const wrong = { title: "", requirements: [`lib==1.5 --hash=sha256:${"ab".repeat(32)}`], ends: { installs: "" } };
    const { code, stdout } = await twins.pipd(words(wrong));
    assert.deepEqual([code, /Requirement already satisfied: lib==1\.5/.test(stdout)], [0, true]);
    await twins.pipd(["uninstall", "-y", "lib"]);
  });
});
