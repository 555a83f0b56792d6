import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openExclusiveLock } from "../../daemon/store/exclusive-lock.ts";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import { daemonFolder, openRun, until } from "./daemon-files.ts";

const program = TEST_PIPD;
// Each has a user of its own, and most of the time is waiting.
void describe("the daemon's life", { concurrency: 4 }, () => {
  test("R23 the daemon is detached from whoever started it", async () => {
    await using sandbox = createSandbox();
    const { stdout } = await runPipd(sandbox, ["process"], {
      program,
      env: { CANARY: "of the first caller", NODE_OPTIONS: "--stack-size=900" },
    });
    const { cwd, env, umask, pid } = JSON.parse(stdout) as {
      cwd: string;
      env: Record<string, string>;
      umask: number;
      pid: number;
    };
    assert.equal(cwd, "/");
    assert.equal(umask, 0o077);
    assert.equal(env["CANARY"], undefined);
    assert.equal(env["NODE_OPTIONS"], undefined);
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
    assert.equal(Number(stat[3]), pid, "it leads a session of its own");
    assert.equal(Number(stat[4]), 0, "it has no terminal");
    const startLog = join(daemonFolder(sandbox), "start.log");
    const standard = [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.deepEqual(standard, ["/dev/null", startLog, startLog]);
  });

  test("R23 neither Ctrl-C in the terminal it was started from nor that terminal's end reaches the daemon", async () => {
    await using sandbox = createSandbox();
    const running = startPipd(sandbox, ["wait"], { program, pty: true });
    await running.seen("waiting");
    const { pid, runs } = (await daemonStatus(sandbox, { program }))!;
    assert.equal(runs.length, 1);
    running.child.stdin!.write("\x03");
    await running.finished;
    const hungUp = startPipd(sandbox, ["wait"], { program, pty: true });
    await hungUp.seen("waiting");
    // The program that holds the terminal dies, and the terminal with it.
    hungUp.child.kill("SIGKILL");
    await hungUp.finished;
    await sleep(200);
    assert.equal((await daemonStatus(sandbox, { program }))?.pid, pid);
  });

  test("R25 a stopped daemon lets its runs finish, and is not found any more", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const running = await openRun(sandbox, { program });
    const folder = daemonFolder(sandbox);
    await stopDaemon(sandbox, { program });
    assert.equal(statSync(join(folder, "sock"), { throwIfNoEntry: false }), undefined, "nobody finds it any more");
    const lock = openExclusiveLock(join(folder, "lock.db"));
    assert.ok(lock !== "busy", "another one can start");
    lock.release();
    assert.equal(await daemonStatus(sandbox, { program }), undefined);
    assert.ok(running.isRunning());
    await running.finish();
    await until(() => !processesOf(sandbox.folder).includes(pid));
  });

  test("stop --force cancels them", async () => {
    await using sandbox = createSandbox();
    const running = startPipd(sandbox, ["wait"], { program });
    await running.seen("waiting");
    await runPipd(sandbox, ["daemon", "stop", "--force"], { program });
    assert.equal((await running.finished).stdout, "waiting\ncleaned up\n");
  });

  test("R27 the daemon leaves when it has been idle", async () => {
    await using sandbox = createSandbox();
    writeFileSync(join(sandbox.config, "config.toml"), "idle-timeout = 1\n");
    const pid = await startDaemon(sandbox, { program });
    const running = startPipd(sandbox, ["stubborn", "1500"], { program });
    assert.equal((await running.finished).code, 0, "a run is not idleness");
    await until(() => !processesOf(sandbox.folder).includes(pid));
    assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
  });

  test("a daemon that cannot start is named with its reason, and the command still runs", async () => {
    await using sandbox = createSandbox();
    mkdirSync(join(sandbox.folder, "blocked"));
    writeFileSync(join(sandbox.folder, "blocked/pipd"), "a file where a folder should be");
    const { stdout, stderr, code } = await runPipd(sandbox, ["both", "works"], {
      program,
      env: { XDG_CACHE_HOME: join(sandbox.folder, "blocked") },
    });
    assert.equal(stdout, "works\n");
    assert.equal(code, 0);
    assert.match(stderr, /running without the daemon: .*blocked\/pipd/);
  });

  test("status says what runs", async () => {
    await using sandbox = createSandbox();
    assert.equal((await runPipd(sandbox, ["daemon", "status"], { program })).stdout, "no pipd daemon runs\n");
    const running = startPipd(sandbox, ["wait", "--index-url", "https://user:canary@host/"], { program });
    await running.seen("waiting");
    const status = await daemonStatus(sandbox, { program });
    assert.equal(status?.runs[0]?.command, "pipd wait --index-url https://user:****@host/");
    assert.equal(status?.idleExitMs, 120_000);
    const { stdout } = await runPipd(sandbox, ["daemon", "status"], { program });
    assert.match(stdout, /^state {5}serving, pid \d+/);
    assert.match(stdout, new RegExp(`run {7}pid ${running.child.pid}: pipd wait`));
    running.child.kill("SIGKILL");
    await until(() => statSync(status.socket).isSocket());
  });
});
