import { test } from "node:test";
import { checkAgreement } from "../scenarios/agreement.ts";
import { LONG_SCENARIOS, SCENARIOS } from "../scenarios/suite.ts";

for (const [name, commands] of Object.entries({ ...SCENARIOS, ...LONG_SCENARIOS }))
  test(`pip and pipd agree: ${name}`, async () => await checkAgreement(commands));
