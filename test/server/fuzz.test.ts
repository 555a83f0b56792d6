import { test } from "node:test";
import { fuzzDaemon } from "../harness/fuzz.ts";
import { TEST_PIPD } from "../harness/run-cli.ts";
import { seededRandom } from "../harness/seeded-random.ts";

test("R16 spoilt frames end their own connection, and the daemon serves on", async () => {
  await fuzzDaemon("frames", TEST_PIPD, seededRandom(), 2000);
});

test("R16 parameters of any shape are answered, and the daemon serves on", async () => {
  await fuzzDaemon("parameters", undefined, seededRandom(), 2000);
});
