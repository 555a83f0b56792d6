import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { createWorked, measureIdle } from "./idle.ts";
import { measureGrowth } from "./memory-growth.ts";

void describe("what the daemon uses", { concurrency: 3 }, () => {
  test("R59 an idle daemon sleeps, and is small", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox);
    for (const words of [["list"], ["--version"]]) assert.equal((await runPipd(sandbox, words)).code, 0);
    await sleep(1000);
    const { sleeps, cpuMs, rss } = await measureIdle(pid, 10);
    // Ten a minute, but one timer of half a minute may fall into this sixth of one with a few steps.
    assert.ok(sleeps <= 10, `it woke ${sleeps} times in ten seconds`);
    assert.ok(cpuMs <= 20, `it worked for ${cpuMs} ms in ten seconds`);
    assert.ok(rss <= 90e6, `it takes ${rss} bytes`);
  });

  test("R57 R63 a hundred wheels leave the event loop free, and nothing is asked for when the command has ended", async () => {
    await using worked = await createWorked(100);
    worked.server.resetCounters();
    const { eventLoop } = worked;
    assert.ok(eventLoop !== undefined && eventLoop.samples > 10, JSON.stringify(eventLoop));
    // The long round asks for 50 ms; here others use the machine too.
    assert.ok(eventLoop.p99Ms < 1000, JSON.stringify(eventLoop));
    await sleep(4000);
    const { requests } = worked.server.counters();
    assert.equal(requests, 0);
  });

  test("R57 a worker that crashes fails only the run that it worked for", async () => {
    await using sandbox = createSandbox();
    const program = TEST_PIPD;
    const pid = await startDaemon(sandbox, { program });
    const other = startPipd(sandbox, ["worker", "later", "1500"], { program });
    await other.seen("handed over");
    for (const kind of ["exit", "uncaught"]) {
      const { code, stderr } = await runPipd(sandbox, ["worker", kind], { program });
      assert.notEqual(code, 0);
      assert.match(stderr, /A worker thread of pipd ended \(exit code \d\) while it did the task/);
    }
    assert.deepEqual((await other.finished).stdout, "handed over\ndone\n");
    assert.equal((await runPipd(sandbox, ["worker", "thread"], { program })).code, 0);
    assert.equal((await daemonStatus(sandbox, { program }))?.pid, pid);
  });

  test("R58 a hundred mixed commands leave no more memory behind than thirty", async () => {
    const { before, after } = (await measureGrowth(30, 100)).busy;
    assert.ok(after <= before * 1.2, `${before} bytes before, ${after} after`);
  });
});
