import assert from "node:assert/strict";
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { type Finished, runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { type SmallSystemd, startSmallSystemd } from "../harness/small-systemd.ts";

const program = TEST_PIPD;

interface World {
  readonly sandbox: Sandbox;
  readonly systemd: SmallSystemd;
}

async function createWorld(t: TestContext): Promise<World> {
  const sandbox = createSandbox();
  const systemd = await startSmallSystemd(sandbox, { program });
  t.after(async () => {
    await systemd.close();
    await sandbox.close();
  });
  return { sandbox, systemd };
}

const socketOf = (sandbox: Sandbox): string => {
  const [name = ""] = readdirSync(sandbox.runtime).filter((each) => /^[0-9a-f]{14}$/.test(each));
  return join(sandbox.runtime, name, "sock");
};

const pidOf = ({ stdout }: Finished): number => (JSON.parse(stdout) as { readonly pid: number }).pid;

const started = (systemd: SmallSystemd): readonly number[] =>
  systemd.lines.filter((line) => line.startsWith("started")).map((line) => Number(line.split(" ")[1]));

void describe("a daemon that systemd starts", { concurrency: 3 }, () => {
  test("R69 the first command starts it through the socket, which keeps its name and its owner", async (t) => {
    const { sandbox, systemd } = await createWorld(t);
    const before = lstatSync(socketOf(sandbox)).ino;
    const ends = await Promise.all(Array.from({ length: 5 }, () => runPipd(sandbox, ["process"], { program })));
    assert.deepEqual(
      ends.map(({ code, stderr }) => [code, stderr]),
      ends.map(() => [0, ""]),
    );
    assert.deepEqual([...new Set(ends.map(pidOf))], started(systemd));
    const { env, cwd, umask } = JSON.parse(ends[0]!.stdout) as {
      env: Record<string, string>;
      cwd: string;
      umask: number;
    };
    const foreign = Object.keys(env).filter((name) => /^(?:LISTEN_|CANARY|NODE_OPTIONS)/.test(name));
    assert.deepEqual([foreign, cwd, umask], [[], "/", 0o077]);
    await stopDaemon(sandbox, { program });
    await systemd.seen("ended 0");
    assert.equal(lstatSync(socketOf(sandbox)).ino, before, "its end leaves the socket where it is");
  });

  test("R69 connections that wait while it is restarted are served by the next one", async (t) => {
    const { sandbox, systemd } = await createWorld(t);
    const first = pidOf(await runPipd(sandbox, ["process"], { program }));
    systemd.say("stop");
    const ends = await Promise.all(Array.from({ length: 8 }, () => runPipd(sandbox, ["process"], { program })));
    assert.deepEqual(
      ends.map(({ code, stderr }) => [code, stderr]),
      ends.map(() => [0, ""]),
    );
    const pids = new Set(ends.map(pidOf));
    pids.delete(first);
    assert.ok(pids.size <= 1 && [...pids].every((pid) => started(systemd).includes(pid)), "none ran elsewhere");
    assert.equal((await runPipd(sandbox, ["daemon", "restart"], { program })).code, 0);
    assert.equal((await daemonStatus(sandbox, { program }))?.pid, started(systemd).at(-1));
  });

  test("R69 with the wrong process or count it ends with one line, and the command still runs", async (t) => {
    const { sandbox, systemd } = await createWorld(t);
    for (const fault of ["wrong pid", "wrong count"] as const) {
      systemd.say(fault);
      const from = systemd.lines.length;
      systemd.say("start");
      assert.equal(await systemd.seen("ended", from), "ended 2");
    }
    assert.match(
      systemd.journal(),
      /^pipd: --socket-activation: LISTEN_PID is \d+, and this is process \d+\npipd: --socket-activation: LISTEN_FDS is 2, and not 1\n$/,
    );
    const { stdout, code } = await runPipd(sandbox, ["both", "works"], { program });
    assert.deepEqual([stdout, code], ["works\n", 0]);
    await systemd.seen("failed");
    assert.equal((await runPipd(sandbox, ["process"], { program })).code, 0, "then clients start their own");
    assert.equal(processesOf(sandbox.folder).length, 1);
  });

  test("R70 it takes the place of a daemon that a client has started, whose commands are finished first", async (t) => {
    const sandbox = createSandbox();
    const byClient = await startDaemon(sandbox, { program });
    const running = startPipd(sandbox, ["stubborn", "1500"], { program });
    await running.seen("waiting");
    const systemd = await startSmallSystemd(sandbox, { program });
    t.after(async () => {
      await systemd.close();
      await sandbox.close();
    });
    const end = await runPipd(sandbox, ["process"], { program });
    assert.equal(end.code, 0);
    assert.match(end.stderr, /^pipd: restarted the daemon \(its files were removed or replaced\)\n$/);
    assert.deepEqual([pidOf(end)], started(systemd));
    assert.notEqual(pidOf(end), byClient);
    assert.equal((await running.finished).code, 0);
  });

  test("R70 while another daemon has the lock it ends with 75, and is not started again", async (t) => {
    const { sandbox, systemd } = await createWorld(t);
    // Somebody has cleared the runtime folder: clients then start their own.
    rmSync(socketOf(sandbox));
    const byClient = await startDaemon(sandbox, { program });
    systemd.say("start");
    assert.equal(await systemd.seen("ended"), "ended 75");
    assert.equal(pidOf(await runPipd(sandbox, ["process"], { program })), byClient);
    assert.equal(started(systemd).length, 1);
    // By hand, by a client and by systemd: always this one.
    assert.equal(await startDaemon(sandbox, { program }), byClient);
    assert.equal(processesOf(sandbox.folder).length, 1);
  });

  test("R26 R69 while it finishes a command, others run without it; then systemd starts the next", async (t) => {
    const { sandbox, systemd } = await createWorld(t);
    const running = startPipd(sandbox, ["stubborn", "4000"], { program });
    await running.seen("waiting");
    systemd.say("stop");
    const { code, stdout, stderr } = await runPipd(sandbox, ["both", "works"], { program });
    assert.deepEqual([code, stdout], [0, "works\n"]);
    assert.match(stderr, /^pipd: running without the daemon: .*commands to finish first\n$/);
    assert.equal((await running.finished).code, 0);
    assert.equal(await systemd.seen("ended"), "ended 0");
    assert.equal(pidOf(await runPipd(sandbox, ["process"], { program })), started(systemd)[1]);
  });
});
