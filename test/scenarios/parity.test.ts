import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compareWays, type ParityCases } from "../harness/parity.ts";
import { INDEX, MORE_SCENARIOS, REQUIREMENT_FILES, SCENARIOS } from "./suite.ts";

const CASES: ParityCases = { ...SCENARIOS, ...MORE_SCENARIOS };
/** The rest is for test/deep. */
const SHORT = ["a package with dependencies, scripts and data", "questions and answers"];

test("R29 R41 R42 commands print, leave with and leave behind the same with the daemon and without", async () => {
  const cases = Object.fromEntries(SHORT.map((name) => [name, CASES[name]!]));
  await compareWays(cases, { files: INDEX }, writeRequirements);
});

async function writeRequirements(work: string): Promise<void> {
  for (const [name, text] of Object.entries(REQUIREMENT_FILES)) writeFileSync(join(work, name), text);
}
