/** What the daemon uses, in long rounds: five minutes of idleness, a thousand commands, large installations, a hostile wheel. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { processUse } from "../harness/process-use.ts";
import { runPipd, startPipd } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { makeWheel } from "../harness/wheel-maker.ts";
import { createWorked, measureIdle } from "../server/idle.ts";
import { measureGrowth } from "../server/memory-growth.ts";
import { findLocalIndex, findPython311 } from "./local-index.ts";

test("R59 R63 five minutes idle after an installation", async (t) => {
  await using worked = await createWorked(30);
  writeFileSync(join(worked.sandbox.config, "config.toml"), "idle-timeout = 0\n");
  assert.equal((await runPipd(worked.sandbox, ["daemon", "restart"])).code, 0);
  const again = ["--python", worked.root, "install", "--force-reinstall", "-i", worked.server.url, "demo1"];
  assert.equal((await runPipd(worked.sandbox, again)).code, 0);
  const { pid } = (await daemonStatus(worked.sandbox))!;
  await sleep(60_000);
  worked.server.resetCounters();
  const { sleeps, cpuMs, rss } = await measureIdle(pid, 300);
  t.diagnostic(`${sleeps} wakings, ${cpuMs} ms of processor in 300 s, ${Math.round(rss / 1e6)} MB`);
  assert.ok(sleeps < 50, `${sleeps} wakings in five minutes`);
  assert.ok(cpuMs <= 300, `${cpuMs} ms in five minutes`);
  assert.ok(rss <= 90e6, `${rss} bytes`);
  assert.equal(worked.server.counters().requests, 0);
});

test("R58 a thousand mixed commands grow the daemon by at most a tenth", async (t) => {
  const { busy, resting } = await measureGrowth(100, 1000, 10_000);
  for (const [what, { before, after }] of Object.entries({ busy, resting: resting! }))
    t.diagnostic(`${what}: ${Math.round(before / 1e6)} MB -> ${Math.round(after / 1e6)} MB`);
  assert.ok(resting!.after <= resting!.before * 1.1, JSON.stringify(resting));
  // With the garbage of which V8 lets half of the heap gather, and the free pages that it keeps.
  assert.ok(busy.after <= busy.before * 1.25, JSON.stringify(busy));
});

test("R59 after a large installation the daemon is small again", async (t) => {
  await using sandbox = createSandbox();
  writeFileSync(join(sandbox.config, "config.toml"), "idle-timeout = 0\n");
  const root = join(sandbox.home, "env");
  assert.equal((await runPipd(sandbox, ["venv", "--python", findPython311().executable, root])).code, 0);
  const words = ["--python", root, "install", ...findLocalIndex().options, "jupyterlab"];
  assert.equal((await runPipd(sandbox, words, { timeout: 600_000 })).code, 0);
  const { pid } = (await daemonStatus(sandbox))!;
  const large = processUse(pid).rss;
  let rss = large;
  for (let waited = 0; waited < 300 && rss > 90e6; waited++) {
    await sleep(1000);
    ({ rss } = processUse(pid));
  }
  t.diagnostic(`${Math.round(large / 1e6)} MB -> ${Math.round(rss / 1e6)} MB`);
  assert.ok(rss <= 90e6, `${rss} bytes`);
});

test("R58 a daemon that stays above memory-limit for a minute makes place for another", async () => {
  await using sandbox = createSandbox();
  writeFileSync(join(sandbox.config, "config.toml"), 'memory-limit = "40MB"\n');
  const pid = await startDaemon(sandbox);
  assert.equal((await runPipd(sandbox, ["list"])).code, 0);
  await sleep(50_000);
  assert.equal((await daemonStatus(sandbox))?.pid, pid, "not before");
  await sleep(30_000);
  const { stderr } = await runPipd(sandbox, ["list"]);
  assert.match(stderr, /^pipd: restarted the daemon \(it used \d+ MB of memory, and memory-limit is 40 MB\)\n/);
});

test("R57 the event loop stays free while a hundred wheels are installed", async (t) => {
  const figures: number[] = [];
  for (let round = 0; round < 5; round++) {
    await using worked = await createWorked(100);
    figures.push(worked.eventLoop?.p99Ms ?? Number.NaN);
    t.diagnostic(JSON.stringify(worked.eventLoop));
  }
  assert.ok(figures.toSorted((a, b) => a - b)[2]! < 50, figures.join(", "));
});

test("R57 a wheel that a worker cannot hold fails alone, and no other run notices", async () => {
  await using worked = await createWorked(5);
  const { sandbox, server, pid, root } = worked;
  const path = join(sandbox.home, "hostile-1.0-py3-none-any.whl");
  // Sixteen million rows: more objects than a thread may have.
  const record = Buffer.alloc(60 * 2 ** 20, "a,,\n");
  writeFileSync(path, await makeWheel({ name: "hostile", record: null, distInfoFiles: { RECORD: record } }));
  const hostile = startPipd(sandbox, ["--python", root, "install", "--no-deps", path], { timeout: 600_000 });
  const other = join(sandbox.home, "other");
  assert.equal((await runPipd(sandbox, ["venv", other])).code, 0);
  const names = Array.from({ length: 5 }, (_, index) => `demo${index}`);
  const honest = await runPipd(sandbox, ["--python", other, "install", "-i", server.url, ...names]);
  assert.equal(honest.code, 0, honest.stderr);
  const { code, stderr } = await hostile.finished;
  assert.equal(code, 1);
  assert.match(stderr, /A worker thread of pipd ended .*memory limit/);
  assert.equal((await daemonStatus(sandbox))?.pid, pid);
});
