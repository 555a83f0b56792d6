/** Rounds of starting and stopping, for a few in `npm test` and many in test/deep. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installationIn } from "../harness/installation.ts";
import { runPipd, startPipd } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import { createRandom, type Random } from "../standards/pip-oracle.ts";
import { daemonFolder, listenings, until } from "./daemon-files.ts";

/** What a round came to. */
export interface RaceFigures {
  readonly clients: number;
  /** Clients that were really killed: some had finished before their moment. */
  readonly killed: number;
  /** Of the others, those that did not leave with 0. */
  readonly failed: readonly string[];
  /** Clients that did without the daemon. */
  readonly alone: number;
  /** Daemons that ever served. */
  readonly daemons: number;
  /** Daemon processes that were started, those that lost included. */
  readonly processes: number;
  /** From the first client's start to the last one's end. */
  readonly ms: number;
}

/** At most this many processes may be started for one daemon. */
const MAX_PROCESSES = 5;

/** Many clients at once on a machine where no daemon runs; `kills` of them are killed with -9 within the first `withinMs`. */
async function raceOnce(clients: number, kills: number, withinMs: number, random: Random): Promise<RaceFigures> {
  await using sandbox = createSandbox();
  const { program, starts } = installationIn(sandbox, "installed");
  // Each waits for a line of its own in a FIFO: starting fifty processes takes longer than some of them run.
  const gate = join(sandbox.folder, "gate");
  execFileSync("mkfifo", [gate]);
  const descriptor = openSync(gate, "r+");
  const words = ["-c", 'read -r _ < "$1"; exec "$0" process', program, gate];
  const running = Array.from({ length: clients }, () => startPipd(sandbox, words, { program: "/bin/sh" }));
  const begin = performance.now();
  writeSync(descriptor, "\n".repeat(clients));
  for (const { child } of running.slice(0, kills)) void sleep(random.int(withinMs)).then(() => child.kill("SIGKILL"));
  const ends = await Promise.all(running.map(({ finished }) => finished));
  const ms = Math.round(performance.now() - begin);
  closeSync(descriptor);
  await until(() => listenings(sandbox).length > 0);
  const served = listenings(sandbox);
  const left = ends.filter(({ signal }) => signal !== "SIGKILL");
  const isDaemons = (stdout: string): boolean => served.includes((JSON.parse(stdout) as { readonly pid: number }).pid);
  assert.deepEqual(processesOf(sandbox.folder), served, "nothing else is left running");
  if (kills === 0)
    assert.deepEqual(
      readdirSync(daemonFolder(sandbox)).sort(),
      ["daemon.json", "lock.db", "sock", "start.log", "token"],
      "nothing of the start is left",
    );
  return {
    clients,
    killed: clients - left.length,
    failed: left.filter(({ code }) => code !== 0).map((end) => JSON.stringify(end)),
    alone: left.filter(({ code, stdout }) => code === 0 && !isDaemons(stdout)).length,
    daemons: served.length,
    processes: starts().length,
    ms,
  };
}

/** A round that must be as R18 has it. */
export async function checkRace(
  clients: number,
  {
    kills = 0,
    withinMs = 0,
    seed = 0,
  }: { readonly kills?: number; readonly withinMs?: number; readonly seed?: number } = {},
): Promise<RaceFigures> {
  const figures = await raceOnce(clients, kills, withinMs, createRandom(seed));
  const { failed, alone, daemons, processes } = figures;
  assert.deepEqual({ failed, alone, daemons }, { failed: [], alone: 0, daemons: 1 }, JSON.stringify({ seed, figures }));
  assert.ok(processes <= MAX_PROCESSES, JSON.stringify({ seed, figures }));
  return figures;
}

/** `pipd daemon stop && pipd daemon start`, each followed by nothing: R25. Gives the slowest start in ms. */
export async function checkStopStart(rounds: number): Promise<{ readonly rounds: number; readonly slowestMs: number }> {
  await using sandbox = createSandbox();
  const { program, starts } = installationIn(sandbox, "installed");
  await runPipd(sandbox, ["daemon", "start"], { program });
  let slowestMs = 0;
  for (let round = 0; round < rounds; round++) {
    const stopped = await runPipd(sandbox, ["daemon", "stop"], { program });
    assert.deepEqual([stopped.stderr, stopped.code], ["", 0], `round ${round}`);
    const begin = performance.now();
    const started = await runPipd(sandbox, ["daemon", "start"], { program });
    slowestMs = Math.max(slowestMs, Math.round(performance.now() - begin));
    assert.deepEqual([started.stderr, started.code], ["", 0], `round ${round}`);
    assert.match(started.stdout, /^pipd daemon started \(pid \d+\)\n$/, `round ${round}`);
  }
  assert.equal(starts().length, rounds + 1, "each start is one process");
  return { rounds, slowestMs };
}
