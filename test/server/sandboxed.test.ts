import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { type Finished, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";

const program = TEST_PIPD;
const sandbox = createSandbox();
after(() => sandbox.close());
const FILTER = join(import.meta.dirname, "../harness/without-sockets.py");

/** Runs a command where these system calls fail. */
function runWithout(errno: string, calls: string, args: readonly string[], pty = false): Promise<Finished> {
  return runPipd(sandbox, [FILTER, errno, calls, program, ...args], { program: "python3", pty });
}

for (const running of [false, true]) {
  const when = running ? "while a daemon runs" : "where none runs";
  for (const [errno, calls] of [
    ["EPERM", "socket"],
    ["EACCES", "socket,connect,bind"],
    ["ENOSYS", "connect"],
    ["EPERM", "bind"],
  ] as const) {
    // With a daemon there is nothing to bind, and the ways of failing are the same.
    if (running && calls !== "socket,connect,bind") continue;
    test(`R30 a sandbox that answers ${calls} with ${errno}, ${when}: the command runs, with one hint that names the path`, async () => {
      await (running ? startDaemon(sandbox, { program }) : stopDaemon(sandbox, { program }));
      const { stdout, stderr, code } = await runWithout(errno, calls, ["both", "out", "err", "out"]);
      assert.deepEqual([stdout, code], ["out\nout\n", 0]);
      const [hint, ...rest] = stderr.split("\n");
      assert.match(
        hint!,
        new RegExp(`^pipd: no daemon, sockets cannot be used here: ${sandbox.runtime}/[0-9a-f]+/sock: ${errno}$`),
      );
      assert.deepEqual(rest, ["err", ""]);
      assert.equal((await runWithout(errno, calls, ["exit", "23"])).code, 23);
      assert.equal((await daemonStatus(sandbox, { program })) !== undefined, running);
    });
  }
}

test("R30 on a terminal the hint is dim, and a command that asks for no daemon says nothing", async () => {
  const { stdout } = await runWithout("EPERM", "socket", ["exit", "0"], true);
  assert.match(stdout, /^\x1b\[2mpipd: no daemon, [^\n]*\x1b\[0m\r\n$/);
  assert.equal((await runWithout("EPERM", "socket", ["--no-daemon", "exit", "0"])).stderr, "");
});

test("R30 where no folder for the socket can be made, the command runs, too", async () => {
  rmSync(sandbox.runtime, { recursive: true, force: true });
  const env = { PIPD_RUNTIME_DIR: "/proc/pipd" };
  const { code, stderr } = await runPipd(sandbox, ["exit", "5"], { program, env });
  assert.equal(code, 5);
  assert.match(stderr, /^pipd: no daemon, sockets cannot be used here: .*\/proc\/pipd.*\n$/);
});
