/** A connection that breaks: before the command was accepted it runs elsewhere, afterwards it does not run again, and its state is told. */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { createTwins, servedWheels } from "../harness/twins.ts";
import { until } from "../server/daemon-files.ts";

const program = TEST_PIPD;

/** A second runtime folder whose socket leads to the sandbox's daemon, and breaks when the client has sent the given text. */
async function breakingAt(sandbox: Sandbox, text: string): Promise<{ readonly runtime: string; close(): void }> {
  const runtime = sandbox.makeFolder("run2");
  const name = readdirSync(sandbox.runtime).find((each) => existsSync(join(sandbox.runtime, each, "token"))) ?? "";
  mkdirSync(join(runtime, "pipd", name), { recursive: true, mode: 0o700 });
  copyFileSync(join(sandbox.runtime, name, "token"), join(runtime, "pipd", name, "token"));
  const server = createServer((near) => {
    const far = connect(join(sandbox.runtime, name, "sock"));
    const end = (): void => void (near.destroy(), far.destroy());
    far
      .on("data", (chunk) => near.write(chunk))
      .on("error", end)
      .on("close", end);
    near
      .on("data", (chunk: Buffer) => (chunk.includes(text) ? end() : far.write(chunk)))
      .on("error", end)
      .on("close", end);
  });
  const path = join(runtime, "pipd", name, "sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  chmodSync(path, 0o600);
  return { runtime, close: () => void server.close() };
}

const CLIENTS = [
  { name: "the native client", options: {} },
  { name: "the TypeScript client", options: { client: "typescript" } },
] as const;

for (const { name, options } of CLIENTS) {
  test(`R31 a command that the daemon had not accepted runs once, ${name}`, async () => {
    await using sandbox = createSandbox();
    const pid = await startDaemon(sandbox, { program });
    const broken = await breakingAt(sandbox, '"run/start"');
    const env = { XDG_RUNTIME_DIR: broken.runtime };
    const { stdout, stderr, code } = await runPipd(sandbox, ["process"], { program, env, ...options });
    broken.close();
    assert.deepEqual([code, stderr], [0, ""]);
    assert.notEqual((JSON.parse(stdout) as { readonly pid: number }).pid, pid, "another process ran it");
    assert.equal((await daemonStatus(sandbox, { program }))?.runsServed, 0, "the daemon did not");
  });

  test(`R31 a daemon that dies is reported, and the command is not run a second time, ${name}`, async () => {
    await using sandbox = createSandbox();
    const { stdout, stderr, code } = await runPipd(sandbox, ["kill"], { program, ...options });
    assert.deepEqual([stdout, code], ["", 1]);
    assert.match(
      stderr,
      /^ERROR: the pipd daemon \(pid \d+\) ended while it ran this command\. It had not begun to change anything: run it again\.\nHINT: `pipd daemon log` may say why\.\n$/,
    );
  });
}

test("R31 R56 a daemon that dies in a change: its state is told, and the next command repairs what is half done", async () => {
  const files = Array.from({ length: 3000 }, (_, index) => [`big/f${index % 30}/m${index}.py`, `x = ${index}\n`]);
  await using twins = await createTwins({
    files: await servedWheels([{ name: "big", files: Object.fromEntries(files) as Record<string, string> }]),
  });
  const start = (args: readonly string[]) =>
    startPipd(twins.sandbox, ["--python", twins.root, ...args], { env: { PIP_INDEX_URL: twins.server.url } });
  const install = ["install", "--no-compile", "big"];
  assert.equal((await start([...install, "--target", twins.sandbox.makeFolder("elsewhere")]).finished).code, 0);
  const seen = new Set<string>();
  const journals = (file: string): boolean =>
    readdirSync(twins.root).some((name) => existsSync(join(twins.root, name, file)));
  for (let attempt = 0; attempt < 20 && seen.size < 2; attempt++) {
    // In turn: in the middle of the installation, and while what an uninstallation has moved away is being deleted.
    const isHalf = seen.has("half");
    const [args, file] = isHalf ? [["uninstall", "-y", "big"], "committed"] : [install, "journal"];
    if (isHalf) assert.equal((await start(install).finished).code, 0);
    const pid = await startDaemon(twins.sandbox);
    const running = start(args);
    while (!journals(file) && running.child.exitCode === null) await new Promise(setImmediate);
    process.kill(pid, "SIGKILL");
    const { code, stderr } = await running.finished;
    const [half, done] = [journals("journal"), journals("committed")];
    if (code !== 0) {
      assert.equal(code, 1);
      assert.match(
        stderr,
        half ? /is left half changed/ : done ? /has been changed completely/ : /is whole|had not begun/,
      );
    }
    const next = await start(["list"]).finished;
    assert.equal(next.code, 0);
    // What was done is done: deleting the rest of it is no repair.
    assert.equal(
      /Repaired what an interrupted command had left: .*install big 1\.0/.test(next.stderr),
      half,
      next.stderr,
    );
    if (done) assert.equal(next.stdout.includes("big"), file === "journal");
    if (half) assert.equal(next.stdout.includes("big"), file === "committed");
    // What is done is deleted in slices while no command runs.
    await until(() => !readdirSync(twins.root).some((name) => name.startsWith(".pipd")));
    if (half) seen.add("half");
    if (done) seen.add("done");
    if (next.stdout.includes("big")) await start(["uninstall", "-y", "big"]).finished;
    // What that has moved away would be taken for what the next round leaves.
    await until(() => !readdirSync(twins.root).some((name) => name.startsWith(".pipd")));
  }
  assert.deepEqual([...seen], ["half", "done"]);
  rmSync(join(twins.sandbox.folder, "elsewhere"), { recursive: true });
});

test("R31 R56 what an earlier removal has left to be deleted says nothing of a change that had only begun", async () => {
  const big = Array.from({ length: 600 }, (_, index) => [`big/m${index}.txt`, `${index}\n`]);
  await using twins = await createTwins({
    files: await servedWheels([
      { name: "big", files: Object.fromEntries(big) as Record<string, string> },
      { name: "app" },
      { name: "other" },
    ]),
  });
  const fault = { stall: { after: 100, milliseconds: 60_000 } };
  twins.server.set({
    faults: { "/files/app-1.0-py3-none-any.whl": fault, "/files/other-1.0-py3-none-any.whl": fault },
  });
  const trash = (): readonly string[] => readdirSync(twins.root).filter((each) => each.startsWith(".pipd-t"));
  for (const { name, options } of CLIENTS) {
    const start = (args: readonly string[]) =>
      startPipd(twins.sandbox, ["--python", twins.root, ...args], {
        ...options,
        env: { PIP_INDEX_URL: twins.server.url },
      });
    const pid = await startDaemon(twins.sandbox);
    assert.equal((await start(["install", "--no-compile", "big"]).finished).code, 0);
    // While a command runs nothing is deleted, however long the next ones take to start.
    const meanwhile = start(["install", "--target", twins.sandbox.makeFolder("elsewhere"), "other"]);
    await meanwhile.seen("Downloading other");
    assert.equal((await start(["uninstall", "-y", "big"]).finished).code, 0);
    assert.equal(trash().length, 1, "it lies there");
    const running = start(["install", "--no-compile", "app"]);
    await running.seen("Downloading app");
    process.kill(pid, "SIGKILL");
    const { code, stderr } = await running.finished;
    assert.equal(code, 1);
    assert.equal((await meanwhile.finished).code, 1);
    assert.equal(trash().length, 1, "it still does");
    assert.match(stderr, / is whole, with the change or without it: `pipd list` tells which\./, name);
    assert.equal((await start(["list"]).finished).stderr, "", "there is nothing to repair");
    await until(() => trash().length === 0);
  }
});
