import { test } from "node:test";
import { seededRandom } from "../harness/seeded-random.ts";
import { createWorlds, interleave } from "../harness/worlds.ts";

test("R37 R38 R39 two callers of one daemon with nothing in common, interleaved, never see each other's world", async () => {
  await using worlds = await createWorlds();
  await interleave(worlds, 2, seededRandom());
});
