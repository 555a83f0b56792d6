import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { openExclusiveLock } from "../../daemon/store/exclusive-lock.ts";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { daemonFolder, until } from "./daemon-files.ts";
import { checkRace, checkStopStart } from "./start-race.ts";

const program = TEST_PIPD;
const DAEMON = join(dirname(dirname(TEST_PIPD)), ".build/daemon.js");

/** A second daemon process for the same folders, as a client would start it. */
async function secondDaemon(sandbox: Sandbox): Promise<{ readonly code: number | null; readonly outcome: string }> {
  const { folders } = (await daemonStatus(sandbox, { program }))!;
  const child = spawn(process.execPath, [DAEMON, `--folders=${JSON.stringify(folders)}`, "--spawned"], {
    env: sandbox.env,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  let outcome = "";
  child.stdio[3]!.on("data", (chunk: Buffer) => {
    outcome += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, outcome };
}

void describe("how a daemon starts", { concurrency: 2 }, () => {
  test("R17 the daemon holds its lock for life, through one descriptor, and the system frees it", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    for (const args of [["process"], ["daemon", "status"], ["daemon", "log"]])
      assert.equal((await runPipd(sandbox, args, { program })).code, 0);
    const path = join(daemonFolder(sandbox), "lock.db");
    const descriptors = readdirSync(`/proc/${pid}/fd`).filter((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
      } catch {
        return false;
      }
    });
    assert.equal(descriptors.length, 1);
    assert.equal(openExclusiveLock(path), "busy");
    process.kill(pid, "SIGKILL");
    await until(() => {
      const lock = openExclusiveLock(path);
      if (lock !== "busy") lock.release();
      return lock !== "busy";
    });
  });

  test("R19 who loses the election leaves with 75, says so, and touches nothing", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const folder = daemonFolder(sandbox);
    const look = (): unknown =>
      readdirSync(folder)
        .sort()
        .map((name) => {
          const { ino, size, mtimeMs, mode } = lstatSync(join(folder, name));
          return { name, ino, size, mtimeMs, mode };
        });
    const before = look();
    const { code, outcome } = await secondDaemon(sandbox);
    assert.equal(code, 75);
    assert.equal(outcome, '{"error":"lost-election","reason":"another daemon is already running"}\n');
    assert.deepEqual(look(), before);
    assert.equal((await daemonStatus(sandbox, { program }))?.pid, pid);
  });

  test("R19 a client that is killed once its daemon is on the way costs no second one", async () => {
    await using sandbox = createSandbox();
    const installed = installationIn(sandbox, "installed");
    const running = startPipd(sandbox, ["process"], { program: installed.program });
    await until(() => installed.starts().length > 0);
    running.child.kill("SIGKILL");
    await running.finished;
    const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program: installed.program });
    assert.deepEqual([stderr, code], ["", 0]);
    assert.deepEqual(installed.starts(), [(JSON.parse(stdout) as { readonly pid: number }).pid]);
    assert.ok(!readdirSync(daemonFolder(sandbox)).includes("spawning"));
  });

  test("R20 a daemon that dies while it starts is reported with the last 20 lines it wrote", async () => {
    await using sandbox = createSandbox();
    const { program, patch } = installationIn(sandbox, "broken");
    patch("daemon.js", /^/, 'for (let i = 1; i <= 30; i++) console.error("line " + i);process.exit(3);\n');
    const { stdout, stderr, code } = await runPipd(sandbox, ["daemon", "start"], { program });
    assert.deepEqual([stdout, code], ["", 1]);
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index + 11}`);
    assert.equal(stderr, `pipd: the daemon ended while it started\n${lines.join("\n")}\n`);
    assert.deepEqual(processesOf(sandbox.folder), []);
  });

  test("R20 the reason of a daemon that cannot start is told, and the command runs without it", async () => {
    await using sandbox = createSandbox();
    const folder = sandbox.makeFolder("run/pipd");
    const { folders } = await place(sandbox);
    sandbox.makeFolder(`run/pipd/${folders}/lock.db`);
    const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program });
    assert.deepEqual([stdout, code], ["ran\n", 0]);
    assert.match(
      stderr,
      new RegExp(`^pipd: running without the daemon: Could not lock ${folder}/${folders}/lock.db: \\w+\n`),
    );
  });

  test("R18 twelve clients at once on a cold machine start one daemon", async () => {
    assert.equal((await checkRace(12)).processes, 1);
  });

  test("R18 twelve clients at once, a part of them killed", async (t) => {
    const seed = Date.now() % 1_000_000;
    t.diagnostic(`seed ${seed}`);
    await checkRace(12, { kills: 4, withinMs: 400, seed });
  });

  test("R25 stop and start, over and over", async () => {
    await checkStopStart(3);
  });
});

/** The name of the daemon's folder in this sandbox, without a daemon. */
async function place(sandbox: Sandbox): Promise<{ readonly folders: string }> {
  assert.equal((await runPipd(sandbox, ["daemon", "status"], { program })).code, 0);
  return { folders: daemonFolder(sandbox).split("/").at(-1)! };
}
