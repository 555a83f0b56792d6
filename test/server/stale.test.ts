import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
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
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { ownNamespace } from "../harness/other-user.ts";
import { runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { daemonFolder, daemonFolders, openRun, until } from "./daemon-files.ts";

const program = TEST_PIPD;
const DAEMON = join(dirname(dirname(TEST_PIPD)), ".build/daemon.js");

/** The daemon's program as the client starts it, but as a child of this process. */
function daemonAsChild(sandbox: Sandbox): { readonly pid: number; readonly exit: Promise<number | null> } {
  const { runtime, state, cache, config } = sandbox;
  const child = spawn(process.execPath, [DAEMON, `--folders=${JSON.stringify({ runtime, state, cache, config })}`], {
    env: sandbox.env,
    stdio: "ignore",
  });
  return { pid: child.pid!, exit: new Promise((resolve) => child.on("exit", resolve)) };
}

const pidOf = (stdout: string): number => (JSON.parse(stdout) as { readonly pid: number }).pid;

/** A command that goes well without a word, in a new daemon. */
async function assertRecovers(sandbox: Sandbox, old: number, program: string = TEST_PIPD): Promise<void> {
  const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program });
  assert.deepEqual([stderr, code], ["", 0]);
  assert.notEqual(pidOf(stdout), old);
  assert.deepEqual(
    processesOf(sandbox.folder).filter((pid) => pid !== old),
    [pidOf(stdout)],
  );
}

void describe("what a daemon has left, and what others do to its files", { concurrency: 3 }, () => {
  for (const { title, harm } of [
    { title: "R21 after kill -9", harm: () => {} },
    { title: "R21 after kill -9 with its token gone", harm: (folder: string) => rmSync(join(folder, "token")) },
    { title: "R21 after kill -9 with its lock gone", harm: (folder: string) => rmSync(join(folder, "lock.db")) },
    {
      title: "R21 after kill -9 with everything else gone",
      harm: (folder: string) => {
        for (const name of readdirSync(folder)) if (name !== "sock") rmSync(join(folder, name));
      },
    },
  ]) {
    test(`${title} the next command works, without a word`, async () => {
      await using sandbox = createSandbox();
      const pid = await startDaemon(sandbox, { program });
      process.kill(pid, "SIGKILL");
      harm(daemonFolder(sandbox));
      await assertRecovers(sandbox, pid);
    });
  }

  test("R21 R35 a daemon that was killed is remembered in status", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    process.kill(pid, "SIGKILL");
    await startDaemon(sandbox, { program });
    assert.equal(
      (await daemonStatus(sandbox, { program }))?.startReason,
      `the daemon before it (pid ${pid}) was killed`,
    );
    await runPipd(sandbox, ["daemon", "restart"], { program });
    assert.equal((await daemonStatus(sandbox, { program }))?.startReason, undefined, "a stop is nobody's fault");
  });

  for (const { title, claim } of [
    { title: "R22 a killed process's claim", claim: (path: string) => symlinkSync("4194305@1", path) },
    {
      title: "R22 the claim of a number that is used again",
      claim: (path: string) => symlinkSync(`${process.pid}@1`, path),
    },
    { title: "R22 the claim of a process that cannot be signalled", claim: (path: string) => symlinkSync("1@", path) },
    { title: "R22 the claim of nobody", claim: (path: string) => symlinkSync("0@", path) },
    { title: "R22 nonsense", claim: (path: string) => writeFileSync(path, "nonsense") },
    { title: "R22 a folder", claim: (path: string) => mkdirSync(join(path, "full"), { recursive: true }) },
  ]) {
    test(`${title} in place of a start in progress stops nobody, nor does a wrong pid in daemon.json`, async () => {
      await using sandbox = createSandbox();
      const pid = await startDaemon(sandbox, { program });
      process.kill(pid, "SIGKILL");
      const folder = daemonFolder(sandbox);
      claim(join(folder, "spawning"));
      writeFileSync(join(folder, "daemon.json"), title.length % 2 === 0 ? '{"pid":1}' : "nonsense");
      await assertRecovers(sandbox, pid);
      assert.equal(JSON.parse(readFileSync(join(folder, "daemon.json"), "utf8")).pid, processesOf(sandbox.folder)[0]);
    });
  }

  test("R22 a daemon that hangs is in nobody's way; `stop --force` ends it, and no other process in its name", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    process.kill(pid, "SIGSTOP");
    const began = performance.now();
    const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program });
    const first = performance.now() - began;
    assert.deepEqual([stdout, code], ["ran\n", 0]);
    assert.match(
      stderr,
      /^pipd: running without the daemon: .* does not answer; `pipd daemon stop --force` ends it\n$/,
    );
    // Those that come after it know, and find out when that is over.
    const hung = join(daemonFolder(sandbox), "hung");
    const mark = readFileSync(hung, "utf8");
    for (const client of [undefined, "typescript"] as const) {
      const start = performance.now();
      const next = await runPipd(sandbox, ["both", "ran"], { program, ...(client && { client }) });
      assert.deepEqual([next.stdout, next.stderr, next.code], ["ran\n", stderr, 0]);
      assert.ok(performance.now() - start < first, "it does not wait as the first did");
    }
    process.kill(pid, "SIGCONT");
    const answered = await runPipd(sandbox, ["process"], { program });
    assert.equal((JSON.parse(answered.stdout) as { readonly pid: number }).pid, pid);
    assert.ok(!existsSync(hung));
    process.kill(pid, "SIGSTOP");
    writeFileSync(hung, mark);
    const about = join(daemonFolder(sandbox), "daemon.json");
    const truth = readFileSync(about, "utf8");
    writeFileSync(about, JSON.stringify({ pid: process.pid }));
    const wrong = await runPipd(sandbox, ["daemon", "stop", "--force"], { program });
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^pipd: .* does not answer, and no process of it is found\n$/);
    writeFileSync(about, truth);
    const forced = await runPipd(sandbox, ["daemon", "stop", "--force"], { program });
    assert.deepEqual([forced.stdout, forced.code], [`pipd daemon stopped (pid ${pid})\n`, 0]);
    await assertRecovers(sandbox, pid);
    assert.ok(!existsSync(hung), "it says nothing of the daemon that follows");
  });

  for (const { title, end } of [
    {
      title: "R22 `stop --force`",
      end: async (sandbox: Sandbox, program: string) => {
        assert.equal((await runPipd(sandbox, ["daemon", "stop", "--force"], { program })).code, 0);
      },
    },
    {
      title: "R22 a kill by hand",
      end: (_: Sandbox, __: string, pid: number) => void process.kill(pid, "SIGKILL"),
    },
  ]) {
    test(`${title} ends a daemon that hangs, and the impatience with it: the next one may be slow`, async () => {
      await using sandbox = createSandbox();
      const { program, hookDaemon } = installationIn(sandbox, "slow");
      hookDaemon(`
        const { Server } = process.getBuiltinModule("node:net");
        const { emit } = Server.prototype;
        Server.prototype.emit = function (name, ...values) {
          if (name !== "connection") return emit.call(this, name, ...values);
          setTimeout(() => emit.call(this, name, ...values), 700);
          return true;
        };
      `);
      const pid = await startDaemon(sandbox, { program });
      process.kill(pid, "SIGSTOP");
      assert.match((await runPipd(sandbox, ["both", "ran"], { program })).stderr, / does not answer/);
      assert.ok(existsSync(join(daemonFolder(sandbox), "hung")));
      await end(sandbox, program, pid);
      await assertRecovers(sandbox, pid, program);
    });
  }

  const losses: readonly { readonly title: string; readonly take: (folder: string) => void | Promise<void> }[] = [
    { title: "R24 its socket was removed", take: (folder: string) => rmSync(join(folder, "sock")) },
    { title: "R24 its lock was removed", take: (folder: string) => rmSync(join(folder, "lock.db")) },
    {
      title: "R24 its token was replaced",
      take: (folder: string) => {
        writeFileSync(join(folder, "other"), "00".repeat(32));
        renameSync(join(folder, "other"), join(folder, "token"));
      },
    },
    {
      title: "R24 its socket was replaced",
      take: async (folder: string) => {
        const other = createServer();
        await new Promise<void>((resolve) => other.listen(join(folder, "other"), resolve));
        renameSync(join(folder, "other"), join(folder, "sock"));
        // A path of its own is unlinked when a server closes; this one has another name now, and stays as a stale socket.
        other.close();
      },
    },
    { title: "R24 its folder was moved away", take: (folder: string) => renameSync(folder, `${folder}.away`) },
    { title: "R24 R62 its folder was removed", take: (folder: string) => rmSync(folder, { recursive: true }) },
    {
      title: "R24 R62 the whole runtime folder was removed",
      take: (folder: string) => rmSync(dirname(folder), { recursive: true }),
    },
  ];
  for (const { title, take } of losses) {
    test(`${title}: the daemon takes nothing new, finishes what runs, ends with 0, and the next starts fresh`, async () => {
      await using sandbox = createSandbox();
      const { pid, exit } = daemonAsChild(sandbox);
      await until(() => {
        try {
          return statSync(join(daemonFolder(sandbox), "sock")).isSocket();
        } catch {
          return false;
        }
      });
      const running = await openRun(sandbox, { program });
      const folder = daemonFolder(sandbox);
      await take(folder);
      const next = await runPipd(sandbox, ["process"], { program });
      assert.equal(next.code, 0);
      assert.notEqual(pidOf(next.stdout), pid);
      await running.finish();
      assert.equal(await exit, 0);
      assert.deepEqual(processesOf(sandbox.folder), [pidOf(next.stdout)]);
    });
  }

  test("R30 where no file can be written there is no daemon, one line that names the file, and the command runs", async () => {
    await using sandbox = createSandbox();
    const words = ["-c", 'ulimit -f 0; exec "$0" both ran', program];
    const { stdout, stderr, code } = await runPipd(sandbox, words, { program: "/bin/sh" });
    assert.deepEqual([stdout, code], ["ran\n", 0]);
    const path = join(daemonFolder(sandbox), "token");
    assert.equal(stderr, `pipd: running without the daemon: ${path} cannot be written: EFBIG\n`);
    assert.deepEqual(processesOf(sandbox.folder), []);
    assert.equal((await runPipd(sandbox, ["process"], { program })).stderr, "", "with room again there is a daemon");
  });

  const wrap = ownNamespace("--mount");
  /** Where namespaces are not allowed, a limit that writing to the full file meets as well: EFBIG in place of ENOSPC. */
  const full =
    wrap === undefined
      ? ["/bin/sh", "-c", 'ulimit -f 0; exec "$0" "$@"']
      : [
          ...wrap,
          "/bin/sh",
          "-c",
          `mount -t tmpfs -o size=16k,mode=700 none "$XDG_RUNTIME_DIR" && mkdir -m 700 "$XDG_RUNTIME_DIR/pipd"
           head -c 100000 /dev/zero >"$XDG_RUNTIME_DIR/fill" 2>/dev/null; exec "$0" "$@"`,
        ];
  test("R30 on a full disk there is no daemon, one line that names the file, and the command runs", async () => {
    await using sandbox = createSandbox();
    const { stdout, stderr, code } = await runPipd(sandbox, [...full.slice(1), program, "both", "ran"], {
      program: full[0]!,
    });
    assert.deepEqual([stdout, code], ["ran\n", 0]);
    assert.match(
      stderr,
      new RegExp(
        `^pipd: running without the daemon: ${sandbox.runtime}/\\w+/token cannot be written: (?:ENOSPC|EFBIG)\n$`,
      ),
    );
    assert.deepEqual(processesOf(sandbox.folder), []);
  });

  for (const { title, kind, prepare } of [
    { title: "R36 a container", kind: "--mount", prepare: ":" },
    { title: "R36 another host", kind: "--uts", prepare: "hostname other-host" },
  ] as const) {
    test(`${title} that shares the runtime folder has a daemon of its own and never reaches the other`, async () => {
      await using sandbox = createSandbox();
      const outer = await startDaemon(sandbox, { program });
      const namespace = ownNamespace(kind);
      if (namespace === undefined) {
        // None can be made here: connections.test.ts has the refusal of the protocol, and protocol/session.test.ts the names of the folders.
        return assert.equal(daemonFolders(sandbox.runtime).length, 1);
      }
      const words = [...namespace, "/bin/sh", "-c", `${prepare} && "$0" process && echo && "$0" process`, program];
      const { stdout, code } = await runPipd(sandbox, words.slice(1), { program: words[0]! });
      assert.equal(code, 0);
      const [first, second] = stdout.split("\n").map(pidOf);
      assert.equal(first, second, "in there it is one daemon");
      assert.notEqual(first, outer);
      assert.equal(daemonFolders(sandbox.runtime).length, 2);
      assert.equal(pidOf((await runPipd(sandbox, ["process"], { program })).stdout), outer, "and here still this one");
    });
  }
});
