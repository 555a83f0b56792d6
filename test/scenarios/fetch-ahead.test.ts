/** Wheels come while the resolution goes on; nothing comes that is not needed, nothing twice, and the words are those of pip's order. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { noise } from "../harness/noise.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createTwins, servedWheels, type Twins } from "../harness/twins.ts";

let twins: Twins;
before(async () => {
  twins = await createTwins({
    files: await servedWheels([
      { name: "app", version: "1.0", requires: ["b"] },
      { name: "b", version: "1.0", requires: ["c"] },
      { name: "c", version: "1.0", requires: ["d"] },
      { name: "d", version: "1.0" },
      { name: "clash", version: "1.0", requires: ["lib", "zold"] },
      { name: "lib", version: "2.0", files: { "lib/bulk.bin": noise(2_000_000, 1) } },
      { name: "lib", version: "1.0" },
      { name: "zold", version: "1.0", requires: ["lib<2"] },
      { name: "early", version: "1.0", requires: ["a0<2", "zbig"] },
      { name: "a0", version: "1.0", requires: ["a1<2"] },
      { name: "a1", version: "1.0", requires: ["a2<2"] },
      { name: "a2", version: "1.0", requires: ["a3<2"] },
      { name: "a3", version: "1.0" },
      { name: "zbig", version: "1.0", files: { "zbig/bulk.bin": noise(2_000_000, 2) } },
      { name: "wrong", version: "1.0", requires: ["a0<2", "wide", "b1<2"] },
      { name: "b1", version: "1.0", requires: ["wide<2"] },
      { name: "wide", version: "2.0", files: { "wide/bulk.bin": noise(2_000_000, 3) } },
      { name: "wide", version: "1.0" },
    ]),
    latency: 60,
  });
});
after(() => twins[Symbol.asyncDispose]());

const install = (...args: readonly string[]) =>
  runPipd(twins.sandbox, ["--python", twins.root, "install", ...args], { env: { PIP_INDEX_URL: twins.server.url } });

const linesOf = (text: string, start: string): readonly string[] =>
  text.split("\n").filter((line) => line.startsWith(start));

async function stageIsEmpty(): Promise<void> {
  const stage = join(twins.sandbox.cache, "wheels-v1", ".stage");
  for (let waited = 0; waited < 100 && readdirSync(stage).length > 0; waited++) await sleep(50);
  assert.deepEqual(readdirSync(stage), []);
}

test("an installation fetches the first wheel while the last is not known yet, and asks for nothing twice", async () => {
  const { code, stdout, stderr } = await install("app");
  assert.equal(code, 0, stderr);
  const { pages, metadata, files } = twins.server.counters();
  assert.deepEqual({ pages, metadata, files }, { pages: 4, metadata: 4, files: 4 });
  const order = [...twins.server.seen.keys()];
  const at = (path: string): number => order.indexOf(`/files/${path}`);
  assert.ok(at("app-1.0-py3-none-any.whl") < at("d-1.0-py3-none-any.whl.metadata"), order.join("\n"));
  assert.deepEqual(
    [linesOf(stdout, "Collecting").length, linesOf(stdout, "Downloading").length, linesOf(stdout, "Using cached")],
    [4, 4, []],
  );
  assert.ok(stdout.lastIndexOf("Collecting") < stdout.indexOf("Downloading"), stdout);
});

test("a large wheel is fetched while others are still decided on, a version that is then not taken is given up", async () => {
  twins.server.resetCounters();
  const early = await install("early");
  assert.equal(early.code, 0, early.stderr);
  const order = [...twins.server.seen.keys()];
  const at = (path: string): number => order.indexOf(`/files/${path}`);
  assert.ok(at("zbig-1.0-py3-none-any.whl") >= 0);
  assert.ok(at("zbig-1.0-py3-none-any.whl") < at("a2-1.0-py3-none-any.whl.metadata"), order.join("\n"));
  assert.equal(twins.server.counters().files, 6);
  const wrong = await install("wrong");
  assert.equal(wrong.code, 0, wrong.stderr);
  assert.match(wrong.stdout, /Successfully installed b1-1\.0 wide-1\.0 wrong-1\.0/);
  await stageIsEmpty();
});

test("a dry run fetches no wheel; one whose version is taken back is given up", async () => {
  twins.server.resetCounters();
  const dry = await install("--dry-run", "clash");
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal(twins.server.counters().files, 0);
  await runPipd(twins.sandbox, ["cache", "purge"]);
  const { code, stdout, stderr } = await install("clash");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /Successfully installed clash-1\.0 lib-1\.0 zold-1\.0/);
  await stageIsEmpty();
});

test("after cache purge a resolution asks for everything again, as the first one did", async () => {
  const asked: object[] = [];
  for (let round = 0; round < 2; round++) {
    await runPipd(twins.sandbox, ["cache", "purge"]);
    twins.server.resetCounters();
    const { code, stderr } = await install("--dry-run", "--ignore-installed", "app");
    assert.equal(code, 0, stderr);
    const { pages, metadata, notModified } = twins.server.counters();
    asked.push({ pages, metadata, notModified });
  }
  const everything = { pages: 4, metadata: 4, notModified: 0 };
  assert.deepEqual(asked, [everything, everything]);
});
