import { test } from "node:test";
import { compareOutdated, OUTDATED_CASES } from "./outdated-round.ts";

test("list --outdated and --uptodate say what pip says, and ask no page that is fresh", async () => {
  // All of them are for test/deep.
  await compareOutdated(OUTDATED_CASES.slice(0, 3));
});
