import assert from "node:assert/strict";
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openLogFile } from "../../daemon/server/log-file.ts";
import { startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";

const program = TEST_PIPD;
const entry = (message: string): string =>
  `${JSON.stringify({ level: 30, time: 1_763_800_000_000, pid: 7, fact: "x y", msg: message })}\n`;

function logOf(sandbox: Sandbox): string {
  const path = join(sandbox.state, "log/daemon.jsonl");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return path;
}

function withFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "pipd-log-"));
  const umask = process.umask(0);
  try {
    work(folder);
  } finally {
    process.umask(umask);
    rmSync(folder, { recursive: true });
  }
}

test("R60 five files are kept, each private, in order, and cut where a line ends", () => {
  withFolder((folder) => {
    const path = join(folder, "log");
    const log = openLogFile(path, { maxBytes: 10_000 });
    for (let number = 0; number < 2000; number++) log.write(`${number} ${"x".repeat(40)}\n`);
    const names = readdirSync(folder).toSorted();
    assert.deepEqual(names, ["log", "log.1", "log.2", "log.3", "log.4"]);
    for (const name of names) {
      assert.equal(lstatSync(join(folder, name)).mode & 0o777, 0o600);
      assert.ok(lstatSync(join(folder, name)).size < 10_100);
    }
    const numbers = names
      .toReversed()
      .flatMap((name) => readFileSync(join(folder, name), "utf8").trimEnd().split("\n"))
      .map((line) => Number(line.split(" ")[0]));
    const first = numbers[0] ?? 0;
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => first + index),
      "nothing is missing between the oldest line and the newest",
    );
    assert.equal(numbers.at(-1), 1999);
  });
});

test("R60 whoever writes to the same log follows a renaming", () => {
  withFolder((folder) => {
    const path = join(folder, "log");
    const [one, other] = [openLogFile(path), openLogFile(path)];
    one.write("a\n");
    other.write("b\n");
    renameSync(path, `${path}.1`);
    for (let number = 0; number < 200; number++) {
      one.write("a\n");
      other.write("b\n");
    }
    const late = readFileSync(`${path}.1`, "utf8").length;
    assert.ok(late < 300, `${late} bytes went to the old file`);
    assert.equal(late + readFileSync(path, "utf8").length, 804);
  });
});

test("R60 the daemon's log is cut at five megabytes, and -f goes on through that until Ctrl-C", async () => {
  await using sandbox = createSandbox();
  const path = logOf(sandbox);
  const line = entry("old");
  writeFileSync(path, line.repeat(Math.ceil((5 * 1024 * 1024) / line.length) + 1), { mode: 0o600 });
  const following = startPipd(sandbox, ["daemon", "log", "-f", "-n", "2"], { program });
  await following.seen("old");
  appendFileSync(path, entry("last of the old file"));
  await startDaemon(sandbox, { program });
  await following.seen("listening");
  assert.equal(lstatSync(`${path}.1`).mode & 0o777, 0o600);
  assert.ok(lstatSync(path).size < 10_000);
  await runPipd(sandbox, ["exit", "3"], { program });
  await following.seen("pipd exit 3");
  following.child.kill("SIGINT");
  const { signal, stdout, stderr } = await following.finished;
  assert.deepEqual([signal, stderr], ["SIGINT", ""]);
  const messages = stdout.trimEnd().split("\n");
  assert.deepEqual(
    messages.slice(0, 3).map((text) => text.replace(/^.*\[\d+\] /, "")),
    ["old fact=x y", "old fact=x y", "last of the old file fact=x y"],
  );
  assert.match(messages[0] ?? "", /^2025-11-22 08:26:40\.000Z info {2}\[7\] /);
  await stopDaemon(sandbox, { program });
});

test("R60 -n shows the last lines, also those of older files", async () => {
  await using sandbox = createSandbox();
  const path = logOf(sandbox);
  const logs = (...words: string[]): Promise<string> =>
    runPipd(sandbox, ["daemon", "log", "--json", ...words], { program }).then(({ stdout }) => stdout);
  const { stderr, code } = await runPipd(sandbox, ["daemon", "log"], { program });
  assert.deepEqual([stderr, code], [`there is no log at ${path}\n`, 0]);
  writeFileSync(`${path}.2`, entry("1"));
  writeFileSync(`${path}.1`, entry("2") + entry("3"));
  writeFileSync(path, `${entry("4")}no JSON\n`);
  const all = [entry("1"), entry("2"), entry("3"), entry("4"), "no JSON\n"];
  for (const count of [1, 2, 3, 4, 5, 9]) assert.equal(await logs("-n", String(count)), all.slice(-count).join(""));
  assert.equal(await logs("-n2"), all.slice(-2).join(""));
  assert.equal(await logs("-n", "0"), "");
  assert.equal(await logs(), all.slice(-2).join(""), "without a number the present file");
  assert.match((await runPipd(sandbox, ["daemon", "log"], { program })).stdout, /info {2}\[7\] 4 fact=x y\nno JSON\n$/);
  for (const words of [["-n"], ["-n", "x"], ["-x"], ["5"], ["-n", "-1"]])
    assert.equal((await runPipd(sandbox, ["daemon", "log", ...words], { program })).code, 2, words.join(" "));
});
