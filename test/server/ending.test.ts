import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { startIndexServer } from "../harness/index-server.ts";
import { PIPD, runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { servedWheels } from "../harness/twins.ts";
import { dialDaemon } from "./raw-connection.ts";

const program = TEST_PIPD;

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    assert.ok(waited < 20_000, `it never came to that: ${what}`);
    await sleep(20);
  }
}

const isGone = (sandbox: Sandbox, pid: number) => (): boolean => !processesOf(sandbox.folder).includes(pid);

function configure(sandbox: Sandbox, text: string): void {
  writeFileSync(join(sandbox.config, "config.toml"), text);
}

void describe("the end of a daemon", { concurrency: 4 }, () => {
  test("R26 a run that ends in time ends as always, and connections without one do not keep the daemon", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const idle = await dialDaemon(sandbox);
    const running = startPipd(sandbox, ["stubborn", "800"], { program });
    await running.seen("waiting");
    process.kill(pid, "SIGTERM");
    const next = await runPipd(sandbox, ["process"], { program });
    assert.notEqual((JSON.parse(next.stdout) as { readonly pid: number }).pid, pid, "the next one serves already");
    const { code, stderr } = await running.finished;
    assert.deepEqual([code, stderr], [0, ""]);
    await idle.closed;
    await until(isGone(sandbox, pid), "it ends with its last run");
  });

  test("R26 a run over the deadline is cancelled, and given up five seconds later", async () => {
    await using sandbox = createSandbox();
    configure(sandbox, "drain-timeout = 0.5\n");
    const pid = await startDaemon(sandbox, { program });
    const [obedient, stubborn] = [["wait"], ["stubborn", "60000"]].map((words) =>
      startPipd(sandbox, words, { program }),
    );
    for (const running of [obedient!, stubborn!]) await running.seen("waiting");
    const from = performance.now();
    process.kill(pid, "SIGTERM");
    const cancelled = await obedient!.finished;
    assert.deepEqual([cancelled.code, cancelled.stdout], [1, "waiting\ncleaned up\n"]);
    const { code, stderr } = await stubborn!.finished;
    const elapsed = performance.now() - from;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^ERROR: The pipd daemon ended \(SIGTERM\) before this command did\.\nHINT: Run the command again/,
    );
    assert.ok(elapsed > 5400, `given up after ${elapsed.toFixed(0)} ms`);
    await until(isGone(sandbox, pid), "it ends");
  });

  test("R26 a command that is cancelled by the end of the daemon says so", async () => {
    await using sandbox = createSandbox();
    configure(sandbox, "drain-timeout = 0.2\n");
    const files = await servedWheels([{ name: "demo" }]);
    const faults = { "/simple/demo/": { stall: { after: 0, milliseconds: 30_000 } } };
    const server = await startIndexServer({ files, faults });
    try {
      const root = join(sandbox.home, "env");
      assert.equal((await runPipd(sandbox, ["venv", root])).code, 0);
      const pid = (await daemonStatus(sandbox))!.pid;
      const running = startPipd(sandbox, ["--python", root, "install", "-i", server.url, "demo"], { program: PIPD });
      await until(() => server.counters().requests > 0, "the page is asked for");
      process.kill(pid, "SIGTERM");
      const { code, stderr } = await running.finished;
      assert.equal(code, 1);
      assert.match(stderr, /ERROR: The pipd daemon is ending \(SIGTERM\) and has cancelled this command\.\n/);
    } finally {
      await server.close();
    }
  });

  test("R27 an editor's connection keeps the daemon, its end lets it go; 0 is never", async () => {
    await using sandbox = createSandbox();
    configure(sandbox, "idle-timeout = 0.3\n");
    const pid = await startDaemon(sandbox, { program });
    const editor = await dialDaemon(sandbox);
    await sleep(1000);
    assert.ok(!isGone(sandbox, pid)(), "it stays while somebody is connected");
    editor.socket.destroy();
    await until(isGone(sandbox, pid), "it leaves");
    configure(sandbox, "idle-timeout = 0\n");
    const another = await startDaemon(sandbox, { program });
    assert.equal((await daemonStatus(sandbox, { program }))?.idleExitMs, 0);
    await sleep(500);
    assert.ok(!isGone(sandbox, another)());
  });

  test("R27 commands that come while the daemon leaves do not notice", async () => {
    await using sandbox = createSandbox();
    configure(sandbox, "idle-timeout = 0.3\n");
    for (let round = 0; round < 10; round++) {
      const { code, stderr, stdout } = await runPipd(sandbox, ["both", "works"], { program });
      assert.deepEqual([code, stderr, stdout], [0, "", "works\n"], `round ${round}`);
      // The client's own start takes some of the time, so these fall around the moment of leaving.
      await sleep(150 + round * 15);
    }
  });
});
