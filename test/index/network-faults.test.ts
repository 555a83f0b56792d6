import { after, test } from "node:test";
import { createSandbox } from "../harness/sandbox.ts";
import { faultCases, runFaultCase } from "./fault-run.ts";
import { FAULTS } from "./network-faults.ts";

const sandbox = createSandbox();
after(() => sandbox.close());

test("a fault of the network is mended, or told once and does no harm", { concurrency: 4 }, async (t) => {
  await Promise.all(faultCases(FAULTS, true).map((one) => t.test(one.title, () => runFaultCase(sandbox, one))));
});
