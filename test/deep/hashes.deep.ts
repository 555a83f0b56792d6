import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Finished } from "../harness/run-cli.ts";
import { plainText, type Twins } from "../harness/twins.ts";
import { createHashWorld, HASH_CASES, type HashWorld } from "../scenarios/hash-cases.ts";

/** The lines that say what is wrong, without the notices that only one of the two gives. */
function complaint({ stderr }: Finished, twins: Twins): readonly string[] {
  return plainText(stderr, twins)
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "" && !/^(hint: |WARNING: The directory|\[notice\])/.test(line));
}

describe("hash-checking mode is pip's, in what is installed and in what is said", () => {
  let world: HashWorld;
  before(async () => {
    world = await createHashWorld();
  });
  after(() => world.twins[Symbol.asyncDispose]());

  for (const one of HASH_CASES) {
    test(one.title, async () => {
      const { twins, words } = world;
      const { pip, pipd } = await twins.both(words(one));
      assert.deepEqual([pipd.code, pip.code], "fails" in one.ends ? [1, 1] : [0, 0], pip.stderr + pipd.stderr);
      if ("fails" in one.ends && one.differs === undefined) assert.match(pip.stderr, one.ends.fails);
      if (one.differs === undefined) assert.deepEqual(complaint(pipd, twins), complaint(pip, twins));
      assert.deepEqual(twins.differences(), []);
      if ("installs" in one.ends) await twins.both(["uninstall", "-y", "app", "lib", "builds"]);
    });
  }
});
