import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { giveAway, IS_ROOT, OTHER_UID, ownNamespace } from "../harness/other-user.ts";
import { type RunOptions, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { daemonFolder, daemonFolders, until } from "./daemon-files.ts";

const program = TEST_PIPD;
const UID = process.geteuid!();

const mode = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

/** Where the daemon that serves this environment has its runtime folder; it is stopped and its folder removed again. */
async function runtimeOf(sandbox: Sandbox, env: RunOptions["env"]): Promise<string> {
  const options = { program, env: env! };
  assert.equal((await runPipd(sandbox, ["--version"], options)).code, 0);
  const socket = (await daemonStatus(sandbox, options))!.socket;
  await stopDaemon(sandbox, options);
  rmSync(dirname(socket), { recursive: true });
  return dirname(dirname(socket));
}

/** The line of a refusal, which names path, owner and mode. */
function refusal(path: string): RegExp {
  return new RegExp(`^pipd: refusing to use the daemon's folder: ${path} .*\\(owner \\d+, mode \\d{4}.*\\)\n$`);
}

/** The runtime folder below the system's own for this user, where there is one. */
function systemRuntime(): string | undefined {
  const folder = `/run/user/${UID}`;
  return existsSync(folder) && statSync(folder).uid === UID ? `${folder}/pipd` : undefined;
}

void describe("where the daemon's files are", { concurrency: 3 }, () => {
  for (const { what, env, expected } of [
    { what: "the folder that is named", env: { PIPD_RUNTIME_DIR: "named" }, expected: () => "named" },
    { what: "an empty name is none", env: { PIPD_RUNTIME_DIR: "" }, expected: () => "run/pipd" },
    { what: "no XDG_RUNTIME_DIR", env: { XDG_RUNTIME_DIR: "" }, expected: () => systemRuntime() ?? `tmp/pipd-${UID}` },
    {
      what: "no folder can be made below TMPDIR",
      env: { XDG_RUNTIME_DIR: "", TMPDIR: "/proc" },
      expected: () => systemRuntime() ?? "home/.cache/pipd/run",
    },
    {
      what: "XDG_RUNTIME_DIR is gone",
      env: { XDG_RUNTIME_DIR: "gone" },
      expected: () => systemRuntime() ?? `tmp/pipd-${UID}`,
    },
  ] as const) {
    test(`R1 the runtime folder is the first that fits: ${what}`, async () => {
      await using sandbox = createSandbox();
      const inside = (value: string): string =>
        value === "" || value.startsWith("/") ? value : join(sandbox.folder, value);
      const variables = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, inside(value)]));
      assert.equal(await runtimeOf(sandbox, variables), inside(expected()));
    });
  }

  for (const { title, place } of [
    { title: "R2 a symbolic link", place: (path: string) => symlinkSync("/tmp", path) },
    { title: "R2 a link to nothing", place: (path: string) => symlinkSync("/nowhere", path) },
    { title: "R2 a file", place: (path: string) => writeFileSync(path, "") },
    {
      title: "R2 another user's",
      // Without the right to give folders away, one of root's does.
      place: (path: string) => (mkdirSync(path), giveAway(path) ? path : "/usr"),
    },
  ]) {
    test(`${title} in place of the named runtime folder is refused, with one line`, async () => {
      await using sandbox = createSandbox();
      const named = join(sandbox.folder, "named");
      const path = place(named) ?? named;
      const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], {
        program,
        env: { PIPD_RUNTIME_DIR: path },
      });
      assert.deepEqual([stdout, code], ["", 2]);
      assert.match(stderr, refusal(path));
    });
  }

  test("R2 what is not private is passed over where nobody named it", async () => {
    await using sandbox = createSandbox();
    symlinkSync("/tmp", sandbox.runtime);
    assert.equal(await runtimeOf(sandbox, {}), systemRuntime() ?? join(sandbox.folder, `tmp/pipd-${UID}`));
  });

  test("R2 our own folders that were left open are closed, the daemon's own too", async () => {
    await using sandbox = createSandbox();
    mkdirSync(sandbox.runtime);
    chmodSync(sandbox.runtime, 0o777);
    await startDaemon(sandbox, { program });
    const folder = daemonFolder(sandbox);
    chmodSync(folder, 0o755);
    assert.equal((await runPipd(sandbox, ["--version"], { program })).code, 0);
    assert.deepEqual([mode(sandbox.runtime), mode(folder)], ["700", "700"]);
  });

  test("R2 R3 the daemon's own folder is not followed when it is a link", async () => {
    await using sandbox = createSandbox();
    const named = sandbox.makeFolder("named");
    const env = { PIPD_RUNTIME_DIR: named };
    await startDaemon(sandbox, { program, env });
    const [folder] = daemonFolders(named);
    await stopDaemon(sandbox, { program, env });
    renameSync(folder!, `${folder}.real`);
    symlinkSync(`${folder}.real`, folder!);
    const { stderr, code } = await runPipd(sandbox, ["--version"], { program, env });
    assert.equal(code, 2);
    assert.match(stderr, refusal(folder!));
  });

  test("R3 under umask 000 every level is private from the start", async () => {
    await using sandbox = createSandbox();
    const levels = ["a", "a/b", "a/b/c"].map((level) => join(sandbox.folder, level));
    const words = ["-c", 'umask 000; exec "$0" --version', program];
    const env = { PIPD_RUNTIME_DIR: levels.at(-1)! };
    assert.equal((await runPipd(sandbox, words, { program: "/bin/sh", env })).code, 0);
    assert.deepEqual(levels.map(mode), ["700", "700", "700"]);
  });

  test("R4 under umask 000 nothing that the daemon makes is open to others", async () => {
    await using sandbox = createSandbox();
    const underUmask = ["-c", 'umask 000; exec "$0" --version', program];
    assert.equal((await runPipd(sandbox, underUmask, { program: "/bin/sh" })).code, 0);
    await until(() => existsSync(join(sandbox.state, "log/daemon.jsonl")));
    const faults: string[] = [];
    for (const folder of [sandbox.runtime, sandbox.state, sandbox.cache]) {
      // Files of the build are links to those of the installation; the folder around them is private.
      const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
        (name) => !/^builds\/./.test(name),
      );
      for (const path of [folder, ...names.map((name) => join(folder, name))]) {
        const wanted = lstatSync(path).isDirectory() ? "700" : "600";
        if (mode(path) !== wanted) faults.push(`${path}: ${mode(path)}`);
      }
    }
    assert.deepEqual(faults, []);
    assert.deepEqual(readdirSync(daemonFolder(sandbox)).sort(), [
      "daemon.json",
      "lock.db",
      "sock",
      "start.log",
      "token",
    ]);
  });

  test("R5 the public name never leads to a socket that others could open", async () => {
    await using sandbox = createSandbox();
    await startDaemon(sandbox, { program });
    const socket = join(daemonFolder(sandbox), "sock");
    const enough = new Int32Array(new SharedArrayBuffer(4));
    const watcher = new Worker(
      `const { lstatSync } = require("node:fs");
       const { parentPort, workerData } = require("node:worker_threads");
       const seen = {};
       const look = () => {
         for (let count = 0; count < 2000; count++) {
           const stat = lstatSync(workerData.socket, { throwIfNoEntry: false });
           const what = stat === undefined ? "nothing" : stat.mode.toString(8);
           seen[what] = (seen[what] ?? 0) + 1;
         }
         if (Atomics.load(workerData.enough, 0) === 0) return setImmediate(look);
         parentPort.postMessage(seen);
       };
       look();`,
      { eval: true, workerData: { socket, enough } },
    );
    const underUmask = ["-c", 'umask 000; "$0" daemon restart && "$0" daemon restart', program];
    assert.equal((await runPipd(sandbox, underUmask, { program: "/bin/sh" })).code, 0);
    const seen = new Promise<Record<string, number>>((resolve) => watcher.once("message", resolve));
    Atomics.store(enough, 0, 1);
    const { nothing, ...modes } = await seen;
    assert.ok(nothing! > 0, "it was looked at while one daemon followed another");
    assert.deepEqual(Object.keys(modes), ["140600"]);
  });

  test("R6 a path that is too long by one byte gives way to the next candidate", async () => {
    await using sandbox = createSandbox();
    // 107 bytes on Linux, less a slash, 14 digits and "/.s.4194304".
    const longest = (process.platform === "linux" ? 107 : 103) - 26;
    const named = (bytes: number, filler: string): string => {
      const start = join(sandbox.folder, "é");
      return start + filler.repeat(bytes - Buffer.byteLength(start));
    };
    assert.equal(await runtimeOf(sandbox, { PIPD_RUNTIME_DIR: named(longest, "x") }), named(longest, "x"));
    assert.equal(await runtimeOf(sandbox, { PIPD_RUNTIME_DIR: named(longest + 1, "x") }), sandbox.runtime);
    const long = sandbox.makeFolder("l".repeat(90));
    const everywhere = { PIPD_RUNTIME_DIR: long, XDG_RUNTIME_DIR: long, TMPDIR: long, HOME: long };
    if (systemRuntime() !== undefined) return;
    const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program, env: everywhere });
    assert.deepEqual([stdout, code], ["ran\n", 0], "no place at all is no reason to fail");
    assert.match(
      stderr,
      /^pipd: no daemon, sockets cannot be used here: \S+ is too long for a socket \(\d+ bytes, at most \d+\).*\n$/,
    );
  });

  test("R7 the daemon listens on its one socket: no abstract name, no TCP", async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const inodes = new Set(
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
        } catch {
          return [];
        }
      }),
    );
    const rows = (table: string): string[][] =>
      readFileSync(`/proc/${pid}/net/${table}`, "utf8")
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.trim().split(/\s+/));
    const internet = ["tcp", "tcp6", "udp", "udp6"].flatMap((table) =>
      rows(table).filter((row) => inodes.has(row[9]!)),
    );
    assert.deepEqual(internet, []);
    // A socket is bound under its private name, which is what the system goes on showing.
    const bound = rows("unix").filter((row) => inodes.has(row[6]!) && row[7] !== undefined);
    assert.ok(bound.length > 0);
    for (const row of bound) assert.equal(row[7], join(daemonFolder(sandbox), `.s.${pid}`));
  });

  for (const { title, place } of [
    { title: "R8 a file", place: (path: string) => writeFileSync(path, "") },
    { title: "R8 a folder", place: (path: string) => mkdirSync(path) },
    { title: "R8 a link to a socket", place: (path: string, squatter: string) => symlinkSync(squatter, path) },
    {
      title: "R8 another user's socket",
      // Without the right to give sockets away, a link to one stands for it.
      place: (path: string, squatter: string) => {
        if (giveAway(squatter)) renameSync(squatter, path);
        else symlinkSync(squatter, path);
      },
    },
  ]) {
    test(`${title} in the socket's place is refused, with one line, and hears nothing`, async () => {
      await using sandbox = createSandbox();
      await startDaemon(sandbox, { program });
      const folder = daemonFolder(sandbox);
      await stopDaemon(sandbox, { program });
      let calls = 0;
      const squatter: Server = createServer((socket) => {
        calls++;
        socket.destroy();
      });
      await new Promise<void>((resolve) => squatter.listen(join(folder, "squatter"), resolve));
      place(join(folder, "sock"), join(folder, "squatter"));
      const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program });
      squatter.close();
      assert.deepEqual([stdout, code, calls], ["", 2, 0]);
      assert.match(stderr, refusal(join(folder, "sock")));
    });
  }

  test("R11 after sudo, root neither uses nor starts the daemon of the user who typed it", async () => {
    await using sandbox = createSandbox();
    const users = sandbox.makeFolder("user");
    const env = {
      HOME: users,
      XDG_RUNTIME_DIR: sandbox.makeFolder("user/run"),
      // Cache, state and settings stay the sandbox's: by themselves they would be in the system's home of root, where no test writes.
      SUDO_UID: String(OTHER_UID),
    };
    // Root in a namespace of its own sees folders of the machine's root as those of user 65534. Where there is none, nobody can be root: the rule itself
    // is tested in protocol/session.test.ts.
    const wrap = IS_ROOT ? [] : ownNamespace("--mount");
    if (wrap === undefined) return;
    if (IS_ROOT) for (const name of [users, join(users, "run")]) giveAway(name);
    else for (const name of ["HOME", "XDG_RUNTIME_DIR"] as const) env[name] = "/usr";
    const words = [...wrap, "/bin/sh", "-c", '"$0" session && echo && "$0" daemon status --json', program];
    const { code, stdout } = await runPipd(sandbox, words.slice(1), {
      program: words[0]!,
      env,
    });
    assert.equal(code, 0);
    const [session, ...status] = stdout.split("\n");
    const { env: seen } = JSON.parse(session!) as { readonly env: Record<string, string> };
    assert.equal(seen["HOME"], env.HOME, "commands see the caller's HOME");
    const { socket, folders } = JSON.parse(status.join("\n")) as {
      readonly socket: string;
      readonly folders: Record<string, string>;
    };
    for (const path of [socket, ...Object.values(folders)])
      assert.ok(!path.startsWith(env.HOME) && !path.startsWith(env.XDG_RUNTIME_DIR), path);
    assert.deepEqual(IS_ROOT ? readdirSync(users, { recursive: true }) : [], IS_ROOT ? ["run"] : []);
  });
});
