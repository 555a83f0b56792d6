/** A client that dies takes its command with it, wherever the command is, and leaves nothing to those who come after. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { type Running, startPipd } from "../harness/run-cli.ts";
import { snapshotTree, type Tree, treeDifferences } from "../harness/tree.ts";
import { createTwins, servedWheels, type Twins } from "../harness/twins.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";

/** The requirement says one second; a machine that is busy with other tests gets more. */
const MOST_MS = 5000;
const STALLED = { "/files/app-1.0-py3-none-any.whl": { stall: { after: 100, milliseconds: 60_000 } } };

let twins: Twins;
let wheels: string;
let pristine: Tree;

before(async () => {
  twins = await createTwins({ files: await servedWheels([{ name: "app" }, { name: "lib" }]) });
  // With a spare there would be nothing to link.
  appendFileSync(join(twins.sandbox.config, "config.toml"), "spare-trees = false\n");
  wheels = twins.sandbox.makeFolder("wheels");
  const files = Object.fromEntries(
    Array.from({ length: 4000 }, (_, index) => [`big/f${index % 40}/m${index}.py`, `x = ${index}\n`]),
  );
  writeFileSync(join(wheels, wheelFilename({ name: "big" })), await makeWheel({ name: "big", files }));
  assert.equal((await twins.pipd(["install", "--no-compile", "lib"])).code, 0);
  pristine = snapshotTree(twins.root);
});
after(() => twins[Symbol.asyncDispose]());

const start = (args: readonly string[], pty = false): Running =>
  startPipd(twins.sandbox, ["--python", twins.root, ...args], { env: { PIP_INDEX_URL: twins.server.url }, pty });

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);
const stages = (): readonly string[] => namesIn(join(twins.sandbox.cache, "wheels-v1/.stage"));
const ownEntries = (): readonly string[] => readdirSync(twins.root).filter((name) => name.startsWith(".pipd"));

/**
 * Kills the client of an installation of `big` as soon as `isThere`, as often as it takes: on a busy machine the command may be done before. Gives the
 * ms until its run was gone.
 */
async function killWhile(isThere: () => boolean, args: readonly string[]): Promise<number> {
  for (let attempt = 0; attempt < 8; attempt++) {
    const running = start(args);
    while (!isThere() && running.child.exitCode === null) await sleep(0);
    const took = running.child.exitCode === null ? await release(running) : 0;
    // Only a look: a command would repair what should not have been left.
    const lib = join(twins.root, "lib");
    const isDone = readdirSync(lib).some((name) => existsSync(join(lib, name, "site-packages/big-1.0.dist-info")));
    if (!isDone) return took;
    assert.equal((await twins.pipd(["uninstall", "-y", "big"])).code, 0);
  }
  throw new assert.AssertionError({ message: "the command was faster each time" });
}

/** Kills the client and gives the ms after which the daemon has no run of it any more. */
async function release({ child }: Running, runsLeft = 0): Promise<number> {
  const began = performance.now();
  child.kill("SIGKILL");
  for (;;) {
    const runs = (await daemonStatus(twins.sandbox))?.runs.length;
    const took = performance.now() - began;
    if (runs === runsLeft) return took;
    assert.ok(took < MOST_MS, `the run still goes on after ${took} ms`);
    await sleep(5);
  }
}

/** Waits for as many ms at most; whoever asks looks at what is left. */
async function untilNone(names: () => readonly string[], mostMs: number): Promise<void> {
  for (let waited = 0; names().length > 0 && waited < mostMs; waited += 5) await sleep(5);
}

async function isAsBefore(): Promise<void> {
  // Nobody waits for the stage of a download that was given up.
  await untilNone(stages, MOST_MS);
  // What many files have been moved away to is deleted by and by, and stands in nobody's way.
  assert.deepEqual([...stages(), ...ownEntries().filter((name) => !name.startsWith(".pipd-trash-"))], []);
  await untilNone(ownEntries, 20_000);
  assert.deepEqual(ownEntries(), []);
  assert.deepEqual(treeDifferences(snapshotTree(twins.root), pristine), []);
  const next = await start(["install", "--no-wait", "--no-compile", "--force-reinstall", "lib"]).finished;
  assert.deepEqual([next.code, next.stderr.replace(/WARNING: Running pipd as.*\n/, "")], [0, ""]);
}

const fromFolder = (): readonly string[] => ["--no-compile", "--no-index", "--find-links", wheels, "big"];

const PHASES: Readonly<Record<string, () => Promise<number>>> = {
  "it downloads": async () => {
    twins.server.set({ faults: STALLED });
    const running = start(["install", "--timeout", "100", "app"]);
    await running.seen("Downloading app");
    return release(running);
  },
  "it unpacks": async () => {
    const temporary = (): readonly string[] =>
      namesIn(twins.sandbox.cache).filter((name) => name.startsWith("pipd-wheels-"));
    const args = ["install", "--no-cache-dir", ...fromFolder()];
    const took = await killWhile(() => temporary().length > 0, args);
    assert.deepEqual(temporary(), []);
    return took;
  },
  "it links": async () => {
    const warm = start(["install", "--target", twins.sandbox.makeFolder("elsewhere"), ...fromFolder()]);
    assert.equal((await warm.finished).code, 0);
    const links = (): boolean => ownEntries().some((name) => name.startsWith(".pipd-transaction"));
    return killWhile(links, ["install", ...fromFolder()]);
  },
  "it waits for the lock": async () => {
    twins.server.set({ faults: STALLED });
    const first = start(["install", "--timeout", "100", "app"]);
    await first.seen("Downloading app");
    const second = start(["uninstall", "-y", "lib"]);
    await second.warned("waiting for pid");
    const took = await release(second, 1);
    await release(first);
    return took;
  },
  "a question is open": async () => {
    const running = start(["uninstall", "lib"], true);
    await running.seen("Proceed (Y/n)?");
    // The one on the terminal is the client of the program that made the terminal.
    running.child.kill("SIGKILL");
    return release(running);
  },
};

for (const [phase, run] of Object.entries(PHASES))
  test(`R44 a client that is killed while ${phase} frees everything within a second`, async (t) => {
    t.diagnostic(`${(await run()).toFixed(0)} ms`);
    await isAsBefore();
  });
