import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Finished, runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";

const program = TEST_PIPD;

const crash = (sandbox: Sandbox): Promise<Finished> => runPipd(sandbox, ["crash"], { program });

const crashFiles = (sandbox: Sandbox): readonly string[] =>
  readdirSync(join(sandbox.state, "crashes"))
    .filter((name) => name.endsWith(".txt"))
    .toSorted()
    .map((name) => join(sandbox.state, "crashes", name));

function makeOlder(path: string, minutes: number): void {
  const at = lstatSync(path).mtimeMs / 1000 - minutes * 60;
  utimesSync(path, at, at);
}

void describe("a daemon that crashes", { concurrency: 3 }, () => {
  test("R61 a crash is described in a private file without credentials, which those who wait are told of", async () => {
    await using sandbox = createSandbox();
    const waiting = startPipd(sandbox, ["wait", "--index-url", "https://user:canary@host/"], { program });
    await waiting.seen("waiting");
    for (const { code, stderr } of [await crash(sandbox), await waiting.finished]) {
      assert.equal(code, 70);
      const [path = ""] = crashFiles(sandbox);
      assert.match(
        stderr,
        /^ERROR: pipd met a fault: a fault with .*\nHINT: The log has the details: .*daemon\.jsonl; so has /,
      );
      assert.ok(stderr.includes(path), `${stderr} names ${path}`);
    }
    const [path = "", ...others] = crashFiles(sandbox);
    assert.deepEqual(others, []);
    assert.equal(lstatSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, "utf8");
    assert.match(
      text,
      /^runs: pipd wait --index-url https:\/\/user:\*\*\*\*@host\/ \(pid \d+\); pipd crash \(pid \d+\)$/m,
    );
    assert.match(text, /^Error: a fault with https:\/\/user:\*\*\*\*@host\/ in it\n {4}at /m);
    assert.doesNotMatch(text, /canary/);
  });

  test("R61 after three crashes in five minutes commands do without the daemon for ten, and say so in one line", async () => {
    await using sandbox = createSandbox();
    for (let count = 0; count < 3; count++) assert.equal((await crash(sandbox)).code, 70);
    const { stdout, stderr, code } = await runPipd(sandbox, ["both", "works"], { program });
    assert.deepEqual([stdout, code], ["works\n", 0]);
    assert.match(
      stderr,
      /^pipd: running without the daemon: it crashed 3 times within 5 minutes; .*\.txt \(tried again in 10 min, or by `pipd daemon start`\)\n$/,
    );
    assert.deepEqual(processesOf(sandbox.folder), []);
    // A crash without the daemon is described too, and counts for nothing.
    assert.equal((await runPipd(sandbox, ["crash"], { program, daemon: false })).code, 70);
    assert.match(crashFiles(sandbox)[0]!, /\/command-[^/]*$/);
    makeOlder(join(sandbox.state, "crashes/pause"), 11);
    assert.doesNotMatch((await runPipd(sandbox, ["exit", "0"], { program })).stderr, /without/);
    assert.equal(processesOf(sandbox.folder).length, 1, "then it is tried again");
  });

  test("R61 crashes that lie further apart do not count, and `daemon start` starts it all the same", async () => {
    await using sandbox = createSandbox();
    await crash(sandbox);
    makeOlder(crashFiles(sandbox)[0]!, 6);
    for (let count = 0; count < 2; count++) await crash(sandbox);
    assert.match(
      (await runPipd(sandbox, ["exit", "0"], { program })).stderr,
      /^pipd: restarted the daemon \(it met a fault\)\n$/,
    );
    await crash(sandbox);
    assert.match(
      (await runPipd(sandbox, ["exit", "0"], { program })).stderr,
      /running without the daemon: it crashed 3 times/,
    );
    assert.equal((await runPipd(sandbox, ["daemon", "start"], { program })).code, 0);
    assert.deepEqual((await runPipd(sandbox, ["exit", "0"], { program })).stderr, "");
  });
});
