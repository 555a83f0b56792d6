import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { NEWEST } from "../harness/interpreters.ts";
import { clientVariables, PIPD, type Running, runPipd, startPipd, TEST_PIPD, WAYS } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";

const program = TEST_PIPD;
const sandbox = createSandbox();
after(() => sandbox.close());

/** The client behind a terminal: the one child of the program that made it. */
function clientOf({ child }: Running): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "latin1").trim().split(" ")[0]);
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 20) {
    assert.ok(waited < 10_000, "it never came to that");
    await sleep(20);
  }
}

/** A shell on a terminal, for what only a shell can show. */
async function startShell(env: Readonly<Record<string, string>>): Promise<Running> {
  const shell = startPipd(sandbox, ["-i"], { program: "/bin/sh", pty: true, env: { ...env, ENV: undefined } });
  await until(() => /[#$] $/.test(shell.text()));
  return shell;
}

void describe("on a terminal, with the daemon and without", { concurrency: 3 }, () => {
  for (const { way, options, flag } of WAYS) {
    const shellOnTerminal = () => startShell(clientVariables(options));

    for (const signal of ["SIGTERM", "SIGHUP"] as const) {
      test(`R43 a client that ends by ${signal} is seen to, and its command cleans up, ${way}`, async () => {
        const file = join(sandbox.folder, `${signal} ${way}`);
        const running = startPipd(sandbox, ["wait", file], { program, ...options, pty: true });
        await running.seen("waiting");
        process.kill(clientOf(running), signal);
        assert.equal((await running.finished).signal, signal);
        await until(() => existsSync(file));
      });
    }

    test(`R43 when the terminal is closed the command cleans up, ${way}`, async () => {
      const file = join(sandbox.folder, `closed ${way}`);
      const running = startPipd(sandbox, ["wait", file], { program, ...options, pty: true });
      await running.seen("waiting");
      const client = clientOf(running);
      running.child.kill("SIGKILL");
      await until(() => existsSync(file));
      await until(
        () => !existsSync(`/proc/${client}`) || readFileSync(`/proc/${client}/stat`, "latin1").includes(") Z"),
      );
    });

    test(`R45 Ctrl-Z stops the client alone; after fg the transient line is drawn again, ${way}`, async () => {
      const shell = await shellOnTerminal();
      shell.child.stdin!.write(`set -m; '${program}' ${flag} spin\n`);
      await shell.seen("spinning");
      shell.child.stdin!.write("\x1a");
      await until(() => /Stopped|Suspended/.test(shell.text()));
      const drawn = shell.text().split("spinning").length;
      shell.child.stdin!.write("fg\n");
      await until(() => shell.text().split("spinning").length > drawn);
      shell.child.stdin!.write("\x03");
      await until(() => shell.text().includes("cancelling..."));
      shell.child.stdin!.write("exit 0\n");
      await shell.finished;
    });

    test(`R50 what is typed ahead of the prompt's end stays for the shell, ${way}`, async () => {
      const shell = await shellOnTerminal();
      shell.child.stdin!.write(`'${program}' ${flag} ask\n`);
      await shell.seen("Proceed (Y/n)? ");
      shell.child.stdin!.write("yes\necho typed-$((40 + 2))\n");
      await shell.seen("typed-42");
      assert.match(shell.text(), /answer: "yes"/);
      shell.child.stdin!.write("exit 0\n");
      await shell.finished;
    });

    test(`R50 without a terminal, and with no input at all, a question has an end, ${way}`, async () => {
      for (const input of ["</dev/null", "<&-"]) {
        const script = `exec '${program}' ${flag} ask ${input}`;
        const { stdout, code } = await runPipd(sandbox, ["-c", script], {
          program: "/bin/sh",
          env: clientVariables(options),
        });
        assert.deepEqual([stdout, code], ["Proceed (Y/n)? answer: null\n", 1]);
      }
    });

    test(`R46 COLUMNS counts, and a width of nothing is 80, ${way}`, async () => {
      const { stdout } = await runPipd(sandbox, ["session"], {
        program,
        ...options,
        pty: true,
        env: { COLUMNS: "57" },
      });
      assert.match(stdout, /"cols":57,/);
      const running = startPipd(sandbox, ["resize"], { program, ...options, pty: true });
      await running.seen("ready");
      running.child.stdin!.write("\x1e0x0\n");
      assert.match((await running.finished).stdout, /cols 80/);
    });

    test(`R38 a large environment and long arguments arrive, ${way}`, async () => {
      const long = "x".repeat(100_000);
      const { stdout } = await runPipd(sandbox, ["session", long], {
        program,
        ...options,
        env: { LARGE: long, LARGER: long },
      });
      const { argv, env } = JSON.parse(stdout) as { argv: string[]; env: Record<string, string> };
      assert.deepEqual([argv[1], env["LARGE"], env["LARGER"]], [long, long, long]);
    });
  }

  test("R43 a shell's loop stops when its command is interrupted, and the daemon goes on", async () => {
    const pid = await startDaemon(sandbox, { program });
    const shell = await startShell({});
    shell.child.stdin!.write(
      `for i in 1 2 3; do '${program}' stubborn 700; echo "round $i is over"; done; echo loop-$((1 + 1))\n`,
    );
    await shell.seen("waiting");
    shell.child.stdin!.write("\x03");
    await shell.seen("cancelling...");
    shell.child.stdin!.write("\x03");
    await sleep(300);
    shell.child.stdin!.write("echo after-$((1 + 1))\n");
    await shell.seen("after-2");
    assert.doesNotMatch(shell.text(), /round \d is over\r?\n/);
    shell.child.stdin!.write("exit 0\n");
    await shell.finished;
    assert.equal((await daemonStatus(sandbox, { program }))?.pid, pid);
  });
});

test("R51 the daemon and the programs that it starts have no terminal to ask on", async () => {
  await using own = createSandbox();
  const site = own.makeFolder("site");
  writeFileSync(
    join(site, "sitecustomize.py"),
    `import os
try:
    open("/dev/tty").close()
    seen = "a terminal"
except OSError:
    seen = "none"
with open(os.environ["SEEN"], "w") as file:
    file.write(seen + " " + " ".join(str(os.isatty(fd)) for fd in (0, 1, 2)))
`,
  );
  const env = { PYTHONPATH: site, SEEN: join(own.folder, "seen") };
  const { code } = await runPipd(own, ["--python", NEWEST.executable, "list"], { pty: true, env });
  assert.equal(code, 0);
  assert.equal(readFileSync(env.SEEN, "utf8"), "none False False False");
  const { pid } = (await daemonStatus(own))!;
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  assert.equal(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4], "0", "the daemon has no controlling terminal");
});

test("R51 R52 what would have to run at the client is refused: keyring, run, exec, shell", async () => {
  for (const args of [
    ["run", "python"],
    ["exec", "python"],
    ["shell"],
    ["--keyring-provider", "subprocess", "install", "x"],
  ]) {
    const { code, stderr } = await runPipd(sandbox, args, { program: PIPD, daemon: false });
    assert.equal(code, 2);
    assert.match(stderr, /not supported by pipd yet\n$/);
  }
});
