import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzDaemon } from "../harness/fuzz.ts";
import { TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { stopClient } from "../harness/stopped-client.ts";

test("R16 spoilt frames for 60 seconds", async () => {
  await fuzzDaemon("frames", TEST_PIPD, seededRandom(), 60_000);
});

test("R16 parameters of any shape for 60 seconds", async () => {
  await fuzzDaemon("parameters", undefined, seededRandom(), 60_000);
});

test("R45 a client stopped for 60 seconds during 100 MB of output costs under 32 MB", async () => {
  await using sandbox = createSandbox();
  const growth = await stopClient(sandbox, 100_000_000, 60_000);
  console.log(`the daemon grew by ${(growth / 1e6).toFixed(1)} MB`);
  assert.ok(growth < 32e6, `${growth} bytes`);
});
