import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "../../protocol/session.ts";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { clientVariables, runPipd, startPipd, TEST_PIPD, WAYS } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { stopClient } from "../harness/stopped-client.ts";

const program = TEST_PIPD;
const sandbox = createSandbox();
after(() => sandbox.close());

void describe("with the daemon and without", { concurrency: 3 }, () => {
  for (const [args, options] of [
    [["--version"], {}],
    [["both", "a", "b", "c"], {}],
    [["both", "grüße 💡", "", "  spaces  ", "--", "--no-daemon"], {}],
    [["exit", "0"], {}],
    [["exit", "1"], {}],
    [["exit", "2"], {}],
    [["exit", "23"], {}],
    [["no-such-command"], {}],
    [["stdin"], { stdin: "x".repeat(100_000) }],
    [["stdin"], {}],
    [["ask"], { stdin: "yes\nno\n" }],
    [["ask"], { stdin: "no end of line" }],
    [["ask", "password"], { stdin: "secret\n" }],
    [["ask"], {}],
    [["child"], { env: { CANARY: "of this caller" } }],
    [["fail"], {}],
    [["progress"], {}],
  ] as const) {
    test(`R29 R41 R42 the same text and exit code every way: ${args.join(" ")} ${JSON.stringify(options).slice(0, 60)}`, async () => {
      const ends = await Promise.all(
        WAYS.map((way) => runPipd(sandbox, args, { ...options, ...way.options, program })),
      );
      for (const end of ends) assert.deepEqual(end, ends[0]);
    });
  }

  test("R42 exit codes are the command's", async () => {
    for (const code of [0, 1, 2, 3, 4, 23, 120])
      assert.equal((await runPipd(sandbox, ["exit", String(code)], { program })).code, code);
  });

  for (const { way, options, flag } of WAYS) {
    test(`R38 the caller's world reaches the command, ${way}`, async () => {
      const cwd = sandbox.makeFolder("elsewhere");
      const env = { LC_ALL: "de_DE.UTF-8", NODE_OPTIONS: "--no-warnings", CANARY: "x\ny" };
      const { stdout } = await runPipd(sandbox, ["session", "ä", "--", "--time"], { program, ...options, cwd, env });
      const session = JSON.parse(stdout) as Session & { readonly argv: readonly string[] };
      assert.deepEqual(session.argv, ["session", "ä", "--", "--time"]);
      assert.equal(session.cwd, realpathSync(cwd));
      assert.equal(session.umask, process.umask());
      assert.equal(session.locale, "de_DE.UTF-8");
      assert.deepEqual(session.tty, { in: false, out: false, err: false, cols: 80, rows: 24, colors: 1 });
      assert.equal(session.interactive, false);
      const { PWD: _pwd, OLDPWD: _old, PIPD_NODE_OPTIONS: moved, ...seen } = session.env;
      assert.equal(moved, undefined);
      assert.deepEqual(
        seen,
        Object.fromEntries(
          Object.entries({ ...sandbox.env, ...env }).filter(([name]) => name !== "PWD" && name !== "OLDPWD"),
        ),
      );
    });

    test(`R49 5 MB to a slow pipe arrive, ${way}`, async () => {
      const running = startPipd(sandbox, ["big", "5000000"], { program, ...options });
      running.child.stdout!.pause();
      await sleep(300);
      running.child.stdout!.resume();
      const { stdout, code } = await running.finished;
      assert.equal(code, 0);
      assert.equal(stdout, `${"0123456789".repeat(10)}\n`.repeat(Math.ceil(5_000_000 / 101)));
    });

    test(`R48 a broken pipe is exit 120 and one line, ${way}`, () => {
      const script = `'${program}' ${flag} big 3000000 | head -1; echo "\${PIPESTATUS[0]}"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", script], {
        env: { ...sandbox.env, ...clientVariables(options) },
        encoding: "utf8",
      });
      assert.equal(stdout, `${"0123456789".repeat(10)}\n120\n`);
      assert.equal(stderr, "ERROR: Pipe to stdout was broken\n");
    });

    test(`R50 input that was not asked for stays for the shell, ${way}`, () => {
      const { stdout } = spawnSync("bash", ["-c", `'${program}' ${flag} ask; cat`], {
        env: { ...sandbox.env, ...clientVariables(options) },
        input: "first\nsecond\n",
        encoding: "utf8",
      });
      assert.equal(stdout, 'Proceed (Y/n)? answer: "first"\nsecond\n');
    });

    test(`R43 Ctrl-C once lets the command clean up, and the client dies of SIGINT, ${way}`, async () => {
      const running = startPipd(sandbox, ["wait"], { program, ...options, pty: true });
      await running.seen("waiting");
      running.child.stdin!.write("\x03");
      const { stdout, signal } = await running.finished;
      assert.equal(signal, "SIGINT");
      assert.match(stdout, /cancelling\.\.\.[^]*cleaned up/);
    });

    test(`R43 Ctrl-C twice leaves at once, ${way}`, async () => {
      const running = startPipd(sandbox, ["stubborn", "1500"], { program, ...options, pty: true });
      await running.seen("waiting");
      running.child.stdin!.write("\x03");
      await running.seen("cancelling...");
      running.child.stdin!.write("\x03");
      assert.equal((await running.finished).signal, "SIGINT");
    });

    test(`on a terminal, the transient line makes room for text, ${way}`, async () => {
      const { stdout, code } = await runPipd(sandbox, ["progress"], { program, ...options, pty: true });
      assert.equal(code, 0);
      assert.match(stdout, /step 0 of 4\r\x1b\[Jdone 0\r\n/);
      const screen = stdout.split("\n").map((line) => line.replace(/[^]*\r\x1b\[J/, ""));
      assert.deepEqual(
        screen.map((line) => line.replace("\r", "")),
        ["done 0", "done 1", "done 2", "done 3", ""],
      );
    });

    test(`R46 the terminal's facts and its new size reach the command, ${way}`, async () => {
      const { stdout } = await runPipd(sandbox, ["session"], {
        program,
        ...options,
        pty: true,
        env: { TERM: "xterm-256color" },
      });
      assert.deepEqual((JSON.parse(stdout) as Session).tty, {
        in: true,
        out: true,
        err: true,
        cols: 100,
        rows: 30,
        colors: 8,
      });
      const running = startPipd(sandbox, ["resize"], { program, ...options, pty: true });
      await running.seen("ready");
      running.child.stdin!.write("\x1e40x132\n");
      assert.match((await running.finished).stdout, /cols 132/);
    });

    test(`R50 questions on a terminal, ${way}`, async () => {
      const asked = startPipd(sandbox, ["ask"], { program, ...options, pty: true });
      await asked.seen("Proceed (Y/n)? ");
      asked.child.stdin!.write("y\n");
      assert.match((await asked.finished).stdout, /answer: "y"/);
      const secret = startPipd(sandbox, ["ask", "password"], { program, ...options, pty: true });
      await secret.seen("Proceed (Y/n)? ");
      await sleep(100);
      secret.child.stdin!.write("pa\x7fss\r");
      assert.match((await secret.finished).stdout, /\? \r\nanswer: "pss"\r\n/);
    });

    test(`the time of a command is shown when asked for, ${way}`, async () => {
      assert.match(
        (await runPipd(sandbox, ["--time", "exit", "3"], { program, ...options })).stderr,
        /^daemon time: \d+\.\d\d ms\n$/,
      );
    });
  }
});

test("R47 colours are decided by the caller's terminal and environment", async () => {
  const depth = async (env: Record<string, string>, pty: boolean): Promise<number> =>
    (JSON.parse((await runPipd(sandbox, ["session"], { program, pty, env })).stdout) as Session).tty.colors;
  assert.equal(await depth({ TERM: "xterm", NO_COLOR: "1" }, true), 1);
  assert.equal(await depth({ TERM: "dumb" }, true), 1);
  assert.equal(await depth({ TERM: "xterm", COLORTERM: "truecolor" }, true), 24);
  assert.equal(await depth({ FORCE_COLOR: "1" }, false), 4);
});

test("R45 a stopped client costs little memory and blocks nobody; all its output arrives when it goes on", async () => {
  assert.ok((await stopClient(sandbox, 50_000_000, 1000)) < 32e6);
});

test("R61 an uncaught fault answers those who wait, ends the daemon, and leaves no credentials in the log", async () => {
  await using own = createSandbox();
  const url = "https://user:canary-secret@host/simple";
  const waiting = startPipd(own, ["wait", "--index-url", url], {
    program,
    env: { PIP_INDEX_URL: url, MY_TOKEN: "canary-token" },
  });
  await waiting.seen("waiting");
  const { stderr, code } = await runPipd(own, ["crash"], { program });
  assert.equal(code, 70);
  assert.match(
    stderr,
    /^ERROR: pipd met a fault: a fault with https:\/\/user:\*\*\*\*@host\/ in it\nHINT: The log has the details: /,
  );
  assert.equal((await waiting.finished).code, 70);
  await runPipd(own, ["exit", "0", "--password", "canary-word", "API_TOKEN=canary-token"], { program });
  await sleep(200);
  const log = readFileSync(join(own.state, "log/daemon.jsonl"), "utf8");
  assert.match(log, /uncaught error/);
  assert.doesNotMatch(log, /canary/);
  for (const line of log.trimEnd().split("\n"))
    assert.equal(typeof (JSON.parse(line) as { readonly time: number }).time, "number");
  assert.equal((await runPipd(own, ["daemon", "log", "--json"], { program })).stdout.startsWith(log), true);
});

test("R29 the daemon is off when CI is set, by variable and by configuration", async () => {
  await using own = createSandbox();
  const { writeFileSync } = await import("node:fs");
  for (const env of [{ CI: "1" }, { PIPD_DAEMON: "0" }, { CI: "true", PIPD_DAEMON: "no" }])
    assert.equal((await runPipd(own, ["exit", "7"], { program, env })).code, 7);
  writeFileSync(join(own.config, "config.toml"), "# mine\ndaemon = false # off\n");
  assert.equal((await runPipd(own, ["exit", "7"], { program })).code, 7);
  assert.equal(await daemonStatus(own, { program }), undefined);
  assert.equal((await runPipd(own, ["exit", "7"], { program, env: { CI: "1", PIPD_DAEMON: "1" } })).code, 7);
  assert.notEqual(await daemonStatus(own, { program }), undefined);
});

test("a question that nobody answers does not keep the client of a stopped daemon", async () => {
  await using own = createSandbox();
  const asked = startPipd(own, ["ask"], { program, pty: true });
  await asked.seen("Proceed (Y/n)? ");
  await runPipd(own, ["daemon", "stop", "--force"], { program });
  assert.equal((await asked.finished).code, 1);
});

test("an unknown command about the daemon is a usage error", async () => {
  for (const args of [
    ["daemon", "dance"],
    ["daemon", "stop", "--now"],
  ])
    assert.equal((await runPipd(sandbox, args, { program })).code, 2);
  assert.match((await runPipd(sandbox, ["daemon", "--help"], { program })).stdout, /^Usage:\n {2}pipd daemon start/);
});

test("the entry script follows links and says what is missing", async () => {
  const { cpSync, symlinkSync } = await import("node:fs");
  const folder = sandbox.makeFolder("entry");
  symlinkSync(program, join(folder, "linked"));
  assert.equal((await runPipd(sandbox, ["exit", "4"], { program: join(folder, "linked") })).code, 4);
  cpSync(program, join(folder, "client/pipd"), { recursive: true });
  assert.match((await runPipd(sandbox, [], { program: join(folder, "client/pipd") })).stderr, /Run `npm run build`/);
  assert.match(
    (await runPipd(sandbox, [], { program, env: { PIPD_LAUNCHER: "0", PIPD_NODE: "/no/such/node" } })).stderr,
    /PIPD_NODE is \/no\/such\/node/,
  );
  const child = spawn("sh", ["-c", `cd '${join(program, "..")}' && sh pipd exit 6`], { env: sandbox.env });
  assert.equal(await new Promise((resolve) => child.on("exit", resolve)), 6);
});

test("the command is a program of the machine where there is a C compiler, and works without one", async () => {
  const { lstatSync, rmSync, symlinkSync } = await import("node:fs");
  const hasCompiler = ["musl-gcc", "cc", "gcc", "clang"].some((name) => spawnSync(name, ["--version"]).status === 0);
  const command = join(program, "../../.build/pipd");
  assert.equal(lstatSync(command).isFile(), hasCompiler && process.platform === "linux");
  assert.equal((await runPipd(sandbox, ["exit", "5"], { program: command })).code, 5);
  // What the build leaves where there is none.
  await using own = createSandbox();
  const { build } = installationIn(own, "plain");
  rmSync(join(build, "pipd"));
  symlinkSync("../client/pipd", join(build, "pipd"));
  const plain = { program: join(build, "pipd") };
  assert.equal((await runPipd(own, ["exit", "5"], plain)).code, 5);
  const { stdout } = await runPipd(own, ["daemon", "status"], plain);
  assert.match(stdout, /^client {4}TypeScript, .*no C compiler was there when pipd was built$/m);
});
