/** Two commands that change one environment take turns, whatever the ways that lead to them; commands that only read wait for nobody. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { type Running, type RunOptions, startPipd } from "../harness/run-cli.ts";
import { createTwins, servedWheels, type Twins } from "../harness/twins.ts";

const WHEEL = "/files/app-1.0-py3-none-any.whl";
const stalled = (milliseconds: number) => ({ faults: { [WHEEL]: { stall: { after: 100, milliseconds } } } });

let twins: Twins;
before(async () => {
  twins = await createTwins({
    files: await servedWheels([
      { name: "app", version: "1.0", requires: ["lib"] },
      { name: "lib", version: "1.0" },
      { name: "other", version: "1.0" },
    ]),
  });
});
after(() => twins[Symbol.asyncDispose]());

const start = (args: readonly string[], options: RunOptions = {}): Running =>
  startPipd(twins.sandbox, ["--python", twins.root, ...args], {
    ...options,
    env: { PIP_INDEX_URL: twins.server.url, ...options.env },
  });

/** What pipd keeps in the root of an environment while it changes it. */
const ownEntries = (): readonly string[] => readdirSync(twins.root).filter((name) => name.startsWith(".pipd"));

/** An installation that has the environment for as long as the server holds its file back. */
async function startLongInstall(options: RunOptions = {}): Promise<Running> {
  const first = start(["install", "--force-reinstall", "--no-cache-dir", "--timeout", "300", "app"], options);
  await first.seen("Downloading app");
  return first;
}

const nameOf = (running: Running): RegExp =>
  new RegExp(`pid ${running.child.pid}: pipd --python ${twins.root} install --force-reinstall .*app \\(\\d+ s\\)\r?\n`);

test("R53 the second change waits, says for whom on standard error, and goes on when the first has ended", async () => {
  twins.server.set(stalled(1500));
  const first = await startLongInstall();
  const second = await start(["install", "-q", "other"]).finished;
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, new RegExp(`^waiting for ${nameOf(first).source}$`));
  assert.equal(second.stdout, "");
  assert.equal((await first.finished).code, 0);
  assert.deepEqual(ownEntries(), []);
});

test("R53 R54 R55 while one command changes an environment", async (t) => {
  twins.server.set(stalled(60_000));
  const first = await startLongInstall();
  const link = join(twins.sandbox.folder, "link");
  symlinkSync(twins.root, link);
  const ways: Readonly<Record<string, RunOptions>> = {
    "the same daemon": {},
    "no daemon": { daemon: false },
    "a daemon with another runtime folder": { env: { XDG_RUNTIME_DIR: twins.sandbox.makeFolder("r2") } },
    "no daemon, all other folders": {
      daemon: false,
      env: Object.fromEntries(
        ["RUNTIME_DIR", "CACHE_HOME", "STATE_HOME", "CONFIG_HOME"].map((name) => [
          `XDG_${name}`,
          twins.sandbox.makeFolder(`o-${name}`),
        ]),
      ),
    },
  };
  await t.test("--no-wait leaves with status 9 and names the first, whatever runs it", async () => {
    const check = async ([way, options]: readonly [string, RunOptions]): Promise<void> => {
      const { code, stderr } = await start(["install", "--no-wait", "--force-reinstall", "lib"], options).finished;
      assert.equal(code, 9, `${way}: ${stderr}`);
      assert.match(stderr, new RegExp(`${twins.root} is being changed by ${nameOf(first).source}`), way);
    };
    await Promise.all(Object.entries(ways).map(check));
  });
  await t.test("Ctrl-C ends the waiting, by SIGINT, and leaves nothing", async () => {
    const check = async ([way, options]: readonly [string, RunOptions]): Promise<void> => {
      const waiting = start(["--python", link, "uninstall", "-y", "lib"], { ...options, pty: true });
      await waiting.seen("waiting for");
      waiting.child.stdin!.write("\x03");
      const { signal, stdout } = await waiting.finished;
      assert.equal(signal, "SIGINT", `${way}: ${stdout}`);
      assert.match(stdout, nameOf(first), way);
    };
    await Promise.all(Object.entries(ways).slice(0, 3).map(check));
  });
  await t.test("through a symbolic link it is the same environment, for venv too", async () => {
    for (const args of [
      ["--python", link, "install", "--no-wait", "--force-reinstall", "lib"],
      ["venv", "--no-wait", "--clear", link],
    ])
      assert.equal((await start(args).finished).code, 9, args.join(" "));
  });
  await t.test("commands that read answer while it lasts", async () => {
    const read = async (args: readonly string[], options: RunOptions): Promise<void> => {
      const { code, stderr } = await start(args, options).finished;
      assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
      assert.doesNotMatch(stderr, /waiting/);
    };
    const reads = [["list"], ["freeze"], ["show", "lib"], ["check"], ["install", "--dry-run", "lib"]];
    await Promise.all([...reads.map((args) => read(args, {})), read(["list"], { daemon: false })]);
    assert.equal(first.child.exitCode, null, "the first still holds the environment");
  });
  await t.test("those who wait go on within a second of the first one's death, one after the other", async () => {
    twins.server.set({ faults: {} });
    const waiting = Object.values(ways).map((options) => start(["install", "--force-reinstall", "lib"], options));
    for (const each of waiting) await each.warned("waiting for");
    first.child.kill("SIGKILL");
    for (const each of waiting) assert.equal((await each.finished).code, 0);
    assert.equal((await start(["check"]).finished).code, 0);
    assert.deepEqual(ownEntries(), []);
  });
});

test("R54 the lock of a process that was killed, in the root of the environment, is taken over and taken away", async () => {
  twins.server.set(stalled(60_000));
  for (const options of [{}, { daemon: false }]) {
    const first = await startLongInstall(options);
    assert.ok(existsSync(join(twins.root, ".pipd-lock")));
    const holder = options.daemon === false ? childOf(first.child.pid!) : (await daemonStatus(twins.sandbox))?.pid;
    process.kill(holder!, "SIGKILL");
    assert.equal((await first.finished).code, 1);
    assert.ok(existsSync(join(twins.root, ".pipd-lock")), "the lock's file is left");
    const next = await start(["list"]).finished;
    assert.equal(next.code, 0);
    assert.doesNotMatch(next.stderr, /Repaired|waiting/);
    assert.deepEqual(ownEntries(), []);
  }
});

/** The one child of a process. */
function childOf(pid: number): number {
  return Number(execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" }));
}

test("R44 R54 folders that were made for a change go with it, also when its process was killed", async () => {
  twins.server.set(stalled(60_000));
  const target = join(twins.sandbox.folder, "new/target");
  const install = ["install", "--no-cache-dir", "--timeout", "300", "--target", target];
  const lost = start([...install, "app"]);
  await lost.seen("Downloading app");
  assert.ok(existsSync(target), "the lock lies in it");
  lost.child.kill("SIGKILL");
  for (let waited = 0; existsSync(dirname(target)) && waited < 10_000; waited += 20) await sleep(20);
  assert.equal(existsSync(dirname(target)), false, "the client has died");
  const killed = start([...install, "app"]);
  await killed.seen("Downloading app");
  process.kill((await daemonStatus(twins.sandbox))!.pid, "SIGKILL");
  await killed.finished;
  assert.ok(existsSync(target), "the daemon has died");
  assert.equal((await start([...install, "no-such-project"]).finished).code, 1);
  assert.equal(existsSync(dirname(target)), false, "the next command has failed, and left nothing of the one before");
});
