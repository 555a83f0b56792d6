import { test } from "node:test";
import { compareOutdated, OUTDATED_CASES } from "../scenarios/outdated-round.ts";

test("list --outdated and --uptodate say what pip says, whatever they are asked", async () => {
  await compareOutdated(OUTDATED_CASES);
});
