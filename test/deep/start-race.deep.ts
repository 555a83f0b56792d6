/** The long rounds of starting, stopping and changing builds. The figures are printed. */
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { test } from "node:test";
import { startDaemon } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import { until } from "../server/daemon-files.ts";
import { checkRace, checkStopStart, type RaceFigures } from "../server/start-race.ts";
import { checkAlternating } from "../server/version-rounds.ts";

const program = TEST_PIPD;
const ROUNDS = 20;
const CLIENTS = 50;

function summary(rounds: readonly RaceFigures[]): string {
  const times = rounds.map(({ ms }) => ms).sort((left, right) => left - right);
  return [
    `${rounds.length} rounds of ${CLIENTS} clients`,
    `killed ${rounds.reduce((sum, { killed }) => sum + killed, 0)}`,
    `processes at most ${Math.max(...rounds.map(({ processes }) => processes))}`,
    `daemons ${Math.max(...rounds.map(({ daemons }) => daemons))}`,
    `all done after ${times[0]}-${times.at(-1)} ms (median ${times[times.length >> 1]})`,
  ].join(", ");
}

test("R18 fifty clients at once on a cold machine", async (t) => {
  const rounds: RaceFigures[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await checkRace(CLIENTS));
  t.diagnostic(summary(rounds));
});

test("R18 fifty clients at once, a fifth of them killed at random moments", async (t) => {
  const first = Date.now() % 1_000_000;
  const rounds: RaceFigures[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(
      // The daemon comes up in the first half second, the last clients end much later.
      await checkRace(CLIENTS, { kills: CLIENTS / 5, withinMs: 250 * 2 ** (round % 5), seed: first + round }),
    );
  t.diagnostic(`seeds ${first}-${first + ROUNDS - 1}: ${summary(rounds)}`);
});

test("R25 a hundred times stop and start", async (t) => {
  t.diagnostic(JSON.stringify(await checkStopStart(100)));
});

test("R33 two builds in turn, twenty times", async (t) => {
  t.diagnostic(JSON.stringify(await checkAlternating(20, "1.9+5.aaa", "1.10+1.bbb")));
});

test("R21 recovery from a stale socket takes as long as a cold start", async (t) => {
  const times = { cold: [] as number[], stale: [] as number[] };
  for (let round = 0; round < 7; round++) {
    await using sandbox = createSandbox();
    for (const kind of ["cold", "stale"] as const) {
      const begin = performance.now();
      const { stdout, code } = await runPipd(sandbox, ["process"], { program });
      times[kind].push(Math.round(performance.now() - begin));
      assert.equal(code, 0);
      process.kill((JSON.parse(stdout) as { readonly pid: number }).pid, "SIGKILL");
      await until(() => processesOf(sandbox.folder).length === 0);
    }
  }
  // The fastest of each: whatever else the machine does is in the others.
  const [cold, stale] = [Math.min(...times.cold), Math.min(...times.stale)];
  t.diagnostic(JSON.stringify(times));
  assert.ok(stale <= cold + 100, JSON.stringify(times));
});

test("R24 R62 a folder that was moved together with the one above is noticed within 30 s", async (t) => {
  await using sandbox = createSandbox();
  await startDaemon(sandbox, { program });
  const begin = performance.now();
  renameSync(sandbox.runtime, `${sandbox.runtime}.away`);
  assert.equal((await runPipd(sandbox, ["process"], { program })).code, 0, "the next command does not wait for that");
  await until(() => processesOf(sandbox.folder).length === 1, 40_000);
  const ms = Math.round(performance.now() - begin);
  t.diagnostic(`${ms} ms`);
  assert.ok(ms < 35_000);
});

test("R20 a daemon that hangs while it starts costs ten seconds, is ended, and the command runs without it", async (t) => {
  await using sandbox = createSandbox();
  const hanging = installationIn(sandbox, "hanging");
  hanging.patch(
    "daemon.js",
    /^/,
    'if (!process.argv.includes("--stdio")) await new Promise(() => setInterval(() => {}, 1e9));\n',
  );
  const begin = performance.now();
  const { stdout, stderr, code } = await runPipd(sandbox, ["both", "ran"], { program: hanging.program });
  const ms = Math.round(performance.now() - begin);
  t.diagnostic(`${ms} ms`);
  assert.deepEqual([stdout, code], ["ran\n", 0]);
  assert.equal(stderr, "pipd: running without the daemon: the daemon did not come up in time\n");
  assert.ok(ms < 15_000);
  await until(() => processesOf(sandbox.folder).length === 0);
});
