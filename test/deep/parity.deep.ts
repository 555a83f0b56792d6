import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compareWays } from "../harness/parity.ts";
import { INDEX, LONG_SCENARIOS, MORE_SCENARIOS, REQUIREMENT_FILES, SCENARIOS } from "../scenarios/suite.ts";

test("R29 R41 R42 every command of the suite prints, leaves with and leaves behind the same with the daemon and without", async () => {
  const count = await compareWays(
    { ...SCENARIOS, ...LONG_SCENARIOS, ...MORE_SCENARIOS },
    { files: INDEX },
    async (work) => {
      for (const [name, text] of Object.entries(REQUIREMENT_FILES)) writeFileSync(join(work, name), text);
    },
  );
  console.log(`${count} commands`);
});
