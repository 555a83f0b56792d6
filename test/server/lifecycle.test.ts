import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";

const program = TEST_PIPD;
const INSTALL = dirname(dirname(TEST_PIPD));

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    assert.ok(waited < 10_000, "it never came to that");
    await sleep(20);
  }
}

const mode = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

/** The one folder of the sandbox's daemon. */
function daemonFolder(sandbox: Sandbox): string {
  const names = readdirSync(sandbox.runtime).filter((name) => /^[0-9a-f]{14}$/.test(name));
  assert.equal(names.length, 1);
  return join(sandbox.runtime, names[0]!);
}

function listenings(sandbox: Sandbox): number {
  const log = readFileSync(join(sandbox.state, "log/daemon.jsonl"), "utf8");
  return log.split("\n").filter((line) => line.includes('"listening"')).length;
}

// Each has a user of its own, and most of the time is waiting.
void describe("the daemon's life", { concurrency: 4 }, () => {
  test("under umask 000 nothing that the daemon makes is open to others", async () => {
    await using sandbox = createSandbox();
    const underUmask = ["-c", 'umask 000; exec "$0" --version', program];
    assert.equal((await runPipd(sandbox, underUmask, { program: "/bin/sh" })).code, 0);
    await until(() => readdirSync(sandbox.state).includes("log"));
    await until(() => readdirSync(join(sandbox.state, "log")).length > 0);
    const faults: string[] = [];
    for (const folder of [sandbox.runtime, sandbox.state]) {
      for (const path of [
        folder,
        ...readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
      ]) {
        const wanted = lstatSync(path).isDirectory() ? "700" : "600";
        if (mode(path) !== wanted) faults.push(`${path}: ${mode(path)}`);
      }
    }
    assert.deepEqual(faults, []);
  });

  test("the daemon is detached from whoever started it", async () => {
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
  });

  for (const [what, place] of [
    ["a folder that is a symbolic link", (path: string) => symlinkSync("/tmp", path)],
    ["a file", (path: string) => writeFileSync(path, "")],
  ] as const) {
    test(`a runtime folder that is not one is refused: ${what}`, async () => {
      await using sandbox = createSandbox();
      const path = join(sandbox.folder, "place");
      place(path);
      const { stderr, code } = await runPipd(sandbox, ["--version"], { program, env: { PIPD_RUNTIME_DIR: path } });
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`${path} is .* \\(owner \\d+, mode \\d{4}\\)`));
    });
  }

  test("our own folder that was left open is closed", async () => {
    await using sandbox = createSandbox();
    mkdirSync(sandbox.runtime);
    chmodSync(sandbox.runtime, 0o777);
    assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
    assert.equal(mode(sandbox.runtime), "700");
  });

  test("a path that is too long for a socket gives way to the next candidate", async () => {
    await using sandbox = createSandbox();
    const long = sandbox.makeFolder("l".repeat(90));
    const { code } = await runPipd(sandbox, ["--version"], { program, env: { XDG_RUNTIME_DIR: long } });
    assert.equal(code, 0);
    assert.deepEqual(processesOf(join(long, "pipd")), []);
    const { stdout } = await runPipd(sandbox, ["daemon", "stop"], { program, env: { XDG_RUNTIME_DIR: long } });
    assert.match(stdout, /stopped/);
  });

  test("after kill -9 the next command works, without a word", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    process.kill(pid, "SIGKILL");
    const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program });
    assert.deepEqual([stderr, code], ["", 0]);
    assert.notEqual((JSON.parse(stdout) as { readonly pid: number }).pid, pid);
  });

  test("a squatter on the socket learns nothing and runs nothing", async () => {
    await using sandbox = createSandbox();
    await startDaemon(sandbox, { program });
    const folder = daemonFolder(sandbox);
    await stopDaemon(sandbox, { program });
    const token = readFileSync(join(folder, "token"), "utf8");
    let heard = "";
    const squatter = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        heard += bytes.toString();
        const result = JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          result: {
            protocol: 1,
            server: { pid: 1 },
            nonce: "00".repeat(32),
            proof: "00".repeat(32),
            capabilities: {},
            notices: [],
          },
        });
        socket.write(`Content-Length: ${result.length}\r\n\r\n${result}`);
      });
    });
    await new Promise<void>((resolve) => squatter.listen(join(folder, "sock"), resolve));
    const { stderr, code } = await runPipd(sandbox, ["both", "secret-argument"], { program });
    squatter.close();
    assert.equal(code, 2);
    assert.match(stderr, /does not know the daemon's secret/);
    assert.ok(
      !heard.includes(token) &&
        !heard.includes("secret-argument") &&
        !heard.includes("run/start") &&
        !heard.includes("initialized"),
    );
  });

  test("something else in the socket's place is refused", async () => {
    await using sandbox = createSandbox();
    await startDaemon(sandbox, { program });
    const folder = daemonFolder(sandbox);
    await stopDaemon(sandbox, { program });
    writeFileSync(join(folder, "sock"), "");
    const { stderr, code } = await runPipd(sandbox, ["--version"], { program });
    assert.equal(code, 2);
    assert.match(stderr, /sock is not a socket/);
  });

  test("ten clients at once on a cold machine start one daemon", async () => {
    await using sandbox = createSandbox();
    const ends = await Promise.all(Array.from({ length: 10 }, () => runPipd(sandbox, ["process"], { program })));
    assert.deepEqual(
      ends.map(({ code, stderr }) => [code, stderr]),
      ends.map(() => [0, ""]),
    );
    assert.equal(new Set(ends.map(({ stdout }) => (JSON.parse(stdout) as { readonly pid: number }).pid)).size, 1);
    assert.equal(processesOf(sandbox.folder).length, 1);
    await until(() => listenings(sandbox) === 1);
  });

  test("a client that was killed while it started the daemon does not stop the next", async () => {
    await using sandbox = createSandbox();
    const running = startPipd(sandbox, ["process"], { program });
    await until(
      () =>
        readdirSync(join(sandbox.folder, "run")).length > 0 &&
        readdirSync(sandbox.runtime).length > 0 &&
        readdirSync(daemonFolder(sandbox)).includes("spawning"),
    );
    running.child.kill("SIGKILL");
    await running.finished;
    assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
  });

  test("stop and start in a tight loop never fail", async () => {
    await using sandbox = createSandbox();
    for (let round = 0; round < 4; round++) {
      const { stderr, code } = await runPipd(sandbox, ["daemon", "restart"], { program });
      assert.deepEqual([stderr, code], ["", 0]);
      assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
    }
  });

  test("a stopped daemon lets its runs finish, and is not found any more", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const running = startPipd(sandbox, ["stubborn", "800"], { program });
    await running.seen("waiting");
    await stopDaemon(sandbox, { program });
    assert.equal(await daemonStatus(sandbox, { program }), undefined);
    assert.deepEqual(await running.finished, { stdout: "waiting\n", stderr: "", code: 0, signal: null });
    await until(() => !processesOf(sandbox.folder).includes(pid));
  });

  test("stop --force cancels them", async () => {
    await using sandbox = createSandbox();
    const running = startPipd(sandbox, ["wait"], { program });
    await running.seen("waiting");
    await runPipd(sandbox, ["daemon", "stop", "--force"], { program });
    assert.equal((await running.finished).stdout, "waiting\ncleaned up\n");
  });

  test("the daemon leaves when it has been idle", async () => {
    await using sandbox = createSandbox();
    writeFileSync(join(sandbox.config, "config.toml"), "idle-timeout = 1\n");
    const pid = await startDaemon(sandbox, { program });
    const running = startPipd(sandbox, ["stubborn", "1500"], { program });
    assert.equal((await running.finished).code, 0, "a run is not idleness");
    await until(() => !processesOf(sandbox.folder).includes(pid));
    assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
  });

  test("a daemon whose socket or folder was taken away leaves", async () => {
    for (const take of [
      (folder: string) => rmSync(join(folder, "sock")),
      (folder: string) => rmSync(folder, { recursive: true }),
      (folder: string) => renameSync(folder, `${folder}.away`),
    ]) {
      await using sandbox = createSandbox();
      const pid = await startDaemon(sandbox, { program });
      take(daemonFolder(sandbox));
      await until(() => !processesOf(sandbox.folder).includes(pid));
      assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
    }
  });

  /** A second installation with a build id of its own, on the same machine. */
  function installationOf(sandbox: Sandbox, name: string, buildId: string): string {
    const folder = join(sandbox.folder, name);
    cpSync(INSTALL, folder, { recursive: true });
    writeFileSync(join(folder, ".build/build-id"), buildId);
    return join(folder, "client/pipd");
  }

  test("two builds in turn restart the daemon once; the reason is said once", async () => {
    await using sandbox = createSandbox();
    const newer = installationOf(sandbox, "newer", "99.0+1.abc");
    const ends = [];
    for (let round = 0; round < 3; round++) {
      for (const which of [program, newer]) ends.push(await runPipd(sandbox, ["process"], { program: which }));
    }
    assert.ok(ends.every(({ code }) => code === 0));
    assert.equal(new Set(ends.map(({ stdout }) => (JSON.parse(stdout) as { readonly pid: number }).pid)).size, 2);
    assert.match(ends[1]!.stderr, /^pipd: restarted the daemon \(upgraded \S+ -> 99\.0\)\n$/);
    assert.deepEqual(ends.filter(({ stderr }) => stderr !== "").length, 1);
    assert.match((await daemonStatus(sandbox, { program: newer }))?.startReason ?? "", /upgraded/);
  });

  test("an upgrade in place replaces the daemon", async () => {
    await using sandbox = createSandbox();
    const installed = installationOf(sandbox, "installed", "1.0+1.abc");
    const pid = await startDaemon(sandbox, { program: installed });
    writeFileSync(join(sandbox.folder, "installed/.build/build-id"), "1.1+2.def");
    const { stdout, stderr } = await runPipd(sandbox, ["process"], { program: installed });
    assert.notEqual((JSON.parse(stdout) as { readonly pid: number }).pid, pid);
    assert.match(stderr, /upgraded 1\.0 -> 1\.1/);
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
