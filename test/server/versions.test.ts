import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { startIndexServer } from "../harness/index-server.ts";
import { installationIn } from "../harness/installation.ts";
import { PIPD, runPipd, startPipd } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";
import { openRun, until } from "./daemon-files.ts";
import { checkAlternating } from "./version-rounds.ts";

const pidOf = (stdout: string): number => (JSON.parse(stdout) as { readonly pid: number }).pid;
const PROTOCOL = "{min:1,max:1}";

void describe("two builds, one user", { concurrency: 3 }, () => {
  for (const { title, older, newer } of [
    { title: "R33 R35 two versions", older: "1.9+5.aaa", newer: "1.10+1.bbb" },
    { title: "R33 R35 two builds of one version, as in two clones,", older: "1.0+1.aaa", newer: "1.0+2.bbb" },
  ]) {
    test(`${title} in turn restart the daemon once, and the reason is said once`, async () => {
      await checkAlternating(3, older, newer);
    });
  }

  test("R33 an older client without a common protocol does without the newer daemon, and leaves it alone", async () => {
    await using sandbox = createSandbox();
    const newer = installationIn(sandbox, "newer", "2.0+1.bbb");
    for (const bundle of ["client.cjs", "daemon.js"] as const) newer.patch(bundle, PROTOCOL, "{min:2,max:3}");
    const older = installationIn(sandbox, "older", "1.0+1.aaa");
    const pid = await startDaemon(sandbox, { program: newer.program });
    for (let round = 0; round < 2; round++) {
      const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program: older.program });
      assert.deepEqual([stdout, code], ["ran\n", 0]);
      assert.equal(stderr, "pipd: running without the daemon: the daemon speaks protocol 2-3, the client 1-1\n");
    }
    assert.equal(pidOf((await runPipd(sandbox, ["process"], { program: newer.program })).stdout), pid);
    assert.deepEqual(newer.starts(), [pid]);
  });

  test("R33 a newer client without a common protocol replaces the older daemon", async () => {
    await using sandbox = createSandbox();
    const older = installationIn(sandbox, "older", "1.0+1.aaa");
    const newer = installationIn(sandbox, "newer", "2.0+1.bbb");
    for (const bundle of ["client.cjs", "daemon.js"] as const) newer.patch(bundle, PROTOCOL, "{min:2,max:3}");
    const pid = await startDaemon(sandbox, { program: older.program });
    const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program: newer.program });
    assert.deepEqual([stderr, code], ["pipd: restarted the daemon (upgraded 1.0 -> 2.0)\n", 0]);
    await until(() => !processesOf(sandbox.folder).includes(pid));
    assert.deepEqual(processesOf(sandbox.folder), [pidOf(stdout)]);
  });

  for (const { title, to, reason } of [
    { title: "R34 R35 a newer build", to: "1.1+2.def", reason: "upgraded 1.0 -> 1.1" },
    { title: "R34 R35 an older build", to: "0.9+1.def", reason: "downgraded 1.0 -> 0.9" },
    { title: "R34 R35 another build of the version", to: "1.0+0.def", reason: "another build of 1.0" },
  ]) {
    test(`${title} put in place is used by the very next command; what runs is finished first`, async () => {
      await using sandbox = createSandbox();
      const { program, setBuildId } = installationIn(sandbox, "installed", "1.0+1.abc");
      const pid = await startDaemon(sandbox, { program });
      const running = await openRun(sandbox, { program });
      setBuildId(to);
      const { stdout, stderr } = await runPipd(sandbox, ["process"], { program });
      assert.notEqual(pidOf(stdout), pid);
      assert.equal(stderr, `pipd: restarted the daemon (${reason})\n`);
      assert.ok(running.isRunning() && processesOf(sandbox.folder).includes(pid));
      await running.finish();
      const status = (await daemonStatus(sandbox, { program }))!;
      assert.deepEqual([status.buildId, status.startReason], [to, reason]);
      assert.match(
        (await runPipd(sandbox, ["daemon", "status"], { program })).stdout,
        new RegExp(`^started +${reason}$`, "m"),
      );
      await until(() => !processesOf(sandbox.folder).includes(pid));
    });
  }

  test("R34 an installation in progress finishes with its own build when another one is put in its place", async () => {
    await using sandbox = createSandbox();
    const filename = wheelFilename({ name: "thing", version: "1.0" });
    const path = `/files/${filename}`;
    const index = await startIndexServer({
      files: { [filename]: { bytes: await makeWheel({ name: "thing", version: "1.0" }) } },
      // Held for as long as it takes to replace the build: nothing has been unpacked by then.
      faults: { [path]: { stall: { after: 1, milliseconds: 1500 } } },
    });
    const { program, build, setBuildId } = installationIn(sandbox, "installed", "1.0+1.abc", PIPD);
    const command = { program, env: { PIP_INDEX_URL: index.url } };
    assert.equal((await runPipd(sandbox, ["venv", "env"], command)).code, 0);
    const running = startPipd(sandbox, ["--python", "env", "install", "--no-compile", "thing"], command);
    await until(() => index.seen.has(path));
    for (const name of ["worker.js", "chunks", "assets"]) rmSync(join(build, name), { recursive: true });
    setBuildId("1.1+2.def");
    const { stdout, stderr, code } = await running.finished;
    await index.close();
    assert.deepEqual([stderr, code], ["", 0], stdout);
    assert.match(stdout, /Successfully installed thing-1\.0/);
  });

  test("R34 a daemon whose installation was removed makes place for that of another", async () => {
    await using sandbox = createSandbox();
    const removed = installationIn(sandbox, "removed", "9.0+1.aaa");
    const { program } = installationIn(sandbox, "kept", "1.0+1.bbb");
    const pid = await startDaemon(sandbox, { program: removed.program });
    rmSync(removed.build, { recursive: true });
    const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program });
    assert.deepEqual([stderr, code], ["pipd: restarted the daemon (its installation was removed)\n", 0]);
    assert.notEqual(pidOf(stdout), pid);
  });

  test("R35 eight clients at the moment of an upgrade: one restart, said by one of them", async () => {
    await using sandbox = createSandbox();
    const { program, setBuildId, starts } = installationIn(sandbox, "installed", "1.0+1.abc");
    await startDaemon(sandbox, { program });
    setBuildId("1.1+2.def");
    const ends = await Promise.all(Array.from({ length: 8 }, () => runPipd(sandbox, ["process"], { program })));
    assert.ok(ends.every(({ code }) => code === 0));
    assert.deepEqual(ends.map(({ stderr }) => stderr).filter(Boolean), [
      "pipd: restarted the daemon (upgraded 1.0 -> 1.1)\n",
    ]);
    assert.equal(new Set(ends.map(({ stdout }) => pidOf(stdout))).size, 1);
    assert.equal(starts().length, 2);
  });

  test("R35 after a fault the next command says that the daemon was restarted, and only that one", async () => {
    await using sandbox = createSandbox();
    const { program } = installationIn(sandbox, "installed");
    assert.equal((await runPipd(sandbox, ["crash"], { program })).code, 70);
    const next = await runPipd(sandbox, ["process"], { program });
    assert.equal(next.stderr, "pipd: restarted the daemon (it met a fault)\n");
    assert.equal((await runPipd(sandbox, ["process"], { program })).stderr, "");
    assert.equal((await daemonStatus(sandbox, { program }))?.startReason, "it met a fault");
  });
});
