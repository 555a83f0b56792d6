import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonStatus } from "../../protocol/methods.ts";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { createTwins, servedWheels } from "../harness/twins.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";
import { dialDaemon } from "./raw-connection.ts";

/** Wheels of many small files in a folder, each needing all of them. Gives the folder. */
async function folderOfWheels(sandbox: Sandbox, count: number, filesEach: number): Promise<string> {
  const folder = sandbox.makeFolder("wheels");
  for (let number = 0; number < count; number++) {
    const files = Object.fromEntries(
      Array.from({ length: filesEach }, (_, index) => [`part${number}/m${index}.py`, `x = ${index}\n`]),
    );
    const spec = { name: `part${number}`, version: "1.0", files };
    writeFileSync(join(folder, wheelFilename(spec)), await makeWheel(spec));
  }
  return folder;
}

/**
 * How long the main thread of a process has waited for a processor, in ms: on a busy machine that is most of what an answer takes, and says nothing
 * about the daemon. 0 where the kernel does not tell.
 */
function waitedForProcessor(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
  } catch {
    return 0;
  }
}

/** The answers to `daemon/status` while eight installs run into new environments: how long each took, in ms, the shortest first; waiting for a processor is not counted. */
async function answersDuringInstalls(sandbox: Sandbox, folder: string, round: number): Promise<readonly number[]> {
  const roots = Array.from({ length: 8 }, (_, index) => join(sandbox.folder, `env${round}-${index}`));
  await Promise.all(roots.map(async (root) => assert.equal((await runPipd(sandbox, ["venv", root])).code, 0)));
  const names = Array.from({ length: 6 }, (_, index) => `part${index}`);
  await using connection = await dialDaemon(sandbox);
  const installs = roots.map((root) =>
    startPipd(sandbox, ["--python", root, "install", "--no-index", "--find-links", folder, ...names]),
  );
  const ends = Promise.all(installs.map(({ finished }) => finished));
  let running = true;
  const ended = (): void => {
    running = false;
  };
  ends.then(ended, ended);
  const goesOn = (): boolean => running;
  const { result } = await connection.request("ping", {});
  const { pid } = result as { readonly pid: number };
  const waited = (): number => waitedForProcessor(pid) + waitedForProcessor(process.pid);
  const times: number[] = [];
  let most = 0;
  while (goesOn()) {
    const idle = waited();
    const began = performance.now();
    const { result } = await connection.request("daemon/status", {});
    const runs = (result as DaemonStatus).runs.length;
    if (runs > 0) times.push(performance.now() - began - (waited() - idle));
    most = Math.max(most, runs);
    await sleep(5);
  }
  for (const { code, stderr } of await ends) assert.equal(code, 0, stderr);
  assert.ok(most >= 4, `installs ran at the same time: ${most}`);
  return times.toSorted((a, b) => a - b);
}

test("R28 status answers within 50 ms while eight installs run", async (context) => {
  await using sandbox = createSandbox();
  const folder = await folderOfWheels(sandbox, 6, 300);
  let [share, text] = [0, ""];
  // A busy disk may spoil a round; a status that waits for installs would spoil all.
  for (let round = 0; round < 3 && share < 0.95; round++) {
    const times = await answersDuringInstalls(sandbox, folder, round);
    const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
    share = times.filter((time) => time < 50).length / times.length;
    text = [0.5, 0.9, 0.95, 1].map((part) => `${part * 100} % within ${at(part).toFixed(1)} ms`).join(", ");
    context.diagnostic(`${times.length} answers: ${text}`);
  }
  assert.ok(share >= 0.95, text);
});

test("status counts what the caches had and knows environments, indexes and the health of hosts", async () => {
  const files = await servedWheels([
    { name: "app", version: "1.0", requires: ["lib"] },
    { name: "lib", version: "1.0" },
  ]);
  await using twins = await createTwins({ files });
  const { sandbox, server } = twins;
  const index = server.url.replace("://", "://user:canary@");
  const dead = "http://user:canary@127.0.0.1:9/simple";
  for (const target of ["one", "two"]) {
    const words = ["install", "-i", index, "--extra-index-url", dead, "--target", join(sandbox.folder, target), "app"];
    assert.equal((await twins.pipd(words)).code, 0);
  }
  const status = await daemonStatus(sandbox);
  assert.ok(status?.program !== undefined);
  const { caches, environments, indexes, hosts } = status.program;
  assert.deepEqual(
    { ...caches.wheels, bytes: 0, countedAt: 0 },
    { location: join(sandbox.cache, "wheels-v1"), hits: 2, misses: 2, entries: 2, bytes: 0, countedAt: 0 },
  );
  assert.equal(caches.pages.entries, 2);
  assert.equal(caches.pages.misses, 2);
  assert.ok(caches.pages.hits >= 2, "the second resolution found the pages");
  assert.equal(caches.metadata.misses, 2);
  assert.ok(caches.bytes > 0 && (caches.wheels.bytes ?? 0) > 0);
  assert.deepEqual(
    environments.map(({ root }) => root),
    [twins.root],
  );
  assert.deepEqual(
    indexes.map(({ url }) => url).toSorted(),
    [server.url, "http://127.0.0.1:9/simple"].map((url) => url.replace("://", "://user:****@")).toSorted(),
  );
  const alive = hosts.find(({ origin }) => origin === server.origin);
  assert.equal(alive?.state, "ok");
  assert.equal(alive?.requests, server.counters().requests);
  assert.ok(alive?.latencyMs !== undefined && alive.lastAnswerAt !== undefined);
  const down = hosts.find(({ origin }) => origin === "http://127.0.0.1:9");
  assert.equal(down?.state, "down");
  assert.equal(down?.lastError?.text, "connection refused");
  assert.ok((down?.downSince ?? Infinity) < (down?.askedAgainAt ?? 0));
  const { stdout } = await runPipd(sandbox, ["daemon", "status"]);
  assert.match(stdout, /^pages {5}2 kept, \d+ kB with metadata; \d+ % of \d+ found$/m);
  assert.match(stdout, /^wheels {4}2 kept, \d+ kB; 50 % of 4 found$/m);
  assert.match(
    stdout,
    /^host {6}http:\/\/127\.0\.0\.1:9: down since .*Z, asked again in [\d.]+ s, \d requests, \d failed; last error/m,
  );
  assert.match(stdout, new RegExp(`^host {6}${server.origin}: ok, \\d+ requests, 0 failed, \\d+ ms on average$`, "m"));
  assert.doesNotMatch(stdout + JSON.stringify(status), /canary/);
});

test("status tells a waiting command from a running one, and for whom it waits", async () => {
  const files = await servedWheels([{ name: "lib", version: "1.0" }]);
  await using twins = await createTwins({ files, latency: 800 });
  const { sandbox } = twins;
  const env = { PIP_INDEX_URL: twins.server.url };
  const first = startPipd(sandbox, ["--python", twins.root, "install", "lib"], { env });
  await first.seen("Looking in indexes");
  const second = startPipd(sandbox, ["--python", twins.root, "install", "--dry-run", "lib"], { env });
  const third = startPipd(sandbox, ["--python", twins.root, "uninstall", "-y", "lib"], { env });
  await third.warned("waiting for");
  const status = await daemonStatus(sandbox);
  const waiting = status?.runs.find(({ pid }) => pid === third.child.pid);
  assert.equal(waiting?.state, "waiting");
  assert.match(waiting?.waitingFor?.command ?? "", /install lib/);
  assert.ok((waiting?.waitingFor?.since ?? Infinity) <= Date.now());
  assert.equal(status?.runs.find(({ pid }) => pid === first.child.pid)?.state, "running");
  const { stdout } = await runPipd(sandbox, ["daemon", "status"]);
  assert.match(
    stdout,
    new RegExp(`^waiting   pid ${third.child.pid}: pipd .*uninstall -y lib .*, for pid \\d+: pipd .*install lib`, "m"),
  );
  for (const { finished } of [first, second, third]) assert.equal((await finished).code, 0);
});

test("status says why the daemon before ended", async () => {
  await using sandbox = createSandbox();
  const program = TEST_PIPD;
  const first = await startDaemon(sandbox, { program });
  assert.equal((await daemonStatus(sandbox, { program }))?.previous, undefined);
  await stopDaemon(sandbox, { program });
  const second = await startDaemon(sandbox, { program });
  const stopped = (await daemonStatus(sandbox, { program }))?.previous;
  assert.deepEqual([stopped?.pid, stopped?.endReason], [first, "stopped"]);
  assert.match(
    (await runPipd(sandbox, ["daemon", "status"], { program })).stdout,
    /^before {4}pid \d+ ended .*Z: stopped$/m,
  );
  process.kill(second, "SIGKILL");
  const third = await startDaemon(sandbox, { program });
  const killed = (await daemonStatus(sandbox, { program }))?.previous;
  assert.deepEqual([killed?.pid, killed?.endReason, killed?.endedAt], [second, undefined, undefined]);
  await runPipd(sandbox, ["crash"], { program });
  await startDaemon(sandbox, { program });
  const crashed = (await daemonStatus(sandbox, { program }))?.previous;
  assert.deepEqual([crashed?.pid, crashed?.endReason], [third, "it met a fault"]);
});
