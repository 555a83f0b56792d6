/**
 * Every change of the disk that the daemon and its threads make may be its last one, or may fail (EIO, ENOSPC, EDQUOT, EACCES, EROFS), once or for good, over
 * real packages. Where there is no C compiler for the shim that makes it so, the same is done to the changes of one thread from within (test/install). The seed is printed and
 * PIPD_TEST_SEED repeats it; PIPD_DEEP_LIMIT sets the number of points, while developing.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import {
  type FaultyDaemon,
  type KillingOptions,
  killAtRandom,
  learnSteps,
  leavesNothing,
  nextCommand,
  run,
  settled,
  stateOf,
} from "../harness/killing.ts";
import { createKillingWorld, type KillingWorld } from "../harness/killing-world.ts";
import { HAS_COMPILER, prepareFaultyDaemon } from "./fault-shim.ts";
import { findLocalIndex, findPython311 } from "./local-index.ts";

const POINTS = Number(process.env["PIPD_DEEP_LIMIT"] ?? 200);
const SET = {
  old: ["black==22.12.0", "more-itertools==10.8.0", "docutils==0.22.4", "pytest==8.4.2"],
  new: ["black==26.5.1", "more-itertools==11.1.0", "docutils==0.23", "pytest==9.1.1"],
};
const ERRORS = ["EIO", "ENOSPC", "EDQUOT", "EACCES", "EROFS"] as const;

if (!HAS_COMPILER) {
  await import("../install/killed.test.ts");
  await import("../install/transaction.test.ts");
}

async function openWorld(): Promise<KillingWorld & { readonly faulty: FaultyDaemon }> {
  const world = await createKillingWorld(() => ({ ...SET, options: findLocalIndex().options }), findPython311());
  const folders = [dirname(world.root), world.sandbox.cache];
  const faulty = await prepareFaultyDaemon(world.sandbox, world.program, folders);
  await faulty.start();
  assert.ok(faulty.isLoaded(), "the shim is in the daemon");
  return Object.assign(world, { faulty });
}

if (HAS_COMPILER)
  test(`R56 the daemon killed at ${POINTS} system calls`, async (t) => {
    await using world = await openWorld();
    t.diagnostic(`PIPD_TEST_SEED=${world.seed}`);
    t.diagnostic(JSON.stringify(await killAtRandom(world, ["call"], POINTS)));
  });

interface Outcomes {
  worked: number;
  failed: number;
  notMet: number;
  notPutBack: number;
}

/** One step with one fault; it works, or it fails once with a path, and the next command finds the old state or the new one. */
async function failOnce(
  world: KillingOptions & { readonly faulty: FaultyDaemon },
  step: Awaited<ReturnType<typeof learnSteps>>[number],
  bound: number,
  outcomes: Outcomes,
): Promise<{ readonly state: "old" | "new"; readonly calls: number }> {
  const { random, faulty, root, sandbox } = world;
  const [call, error, sticky] = [1 + random.int(bound), random.pick(ERRORS), random.chance(0.5)];
  await faulty.start();
  faulty.arm(call, error, sticky);
  const { code, stdout, stderr } = await run(world, step.args);
  const { fired, calls } = faulty.disarm();
  const at = `${step.name}, call ${call} ${fired ? "failed" : "was not met"} with ${error}${sticky ? " for good" : ""}: ${stdout}${stderr}`;
  assert.ok(code === 0 || code === 1, `exit ${code}, ${at}`);
  assert.doesNotMatch(stderr, /unexpected error|met a fault/, at);
  if (code === 1)
    assert.ok(
      [dirname(root), sandbox.cache].some((path) => stderr.includes(path)),
      `a path is named, ${at}`,
    );
  const next = await run(world, nextCommand(world, step));
  assert.equal(next.code, 0, `${at}\nnext: ${next.stdout}${next.stderr}`);
  await settled(root);
  const state = stateOf(root, step, at);
  assert.equal(state, code === 0 ? "new" : "old", at);
  await leavesNothing(world, at);
  outcomes[!fired ? "notMet" : code === 0 ? "worked" : "failed"]++;
  if (/could not be put back/.test(stderr)) outcomes.notPutBack++;
  return { state, calls: fired ? bound : Math.max(1, calls) };
}

if (HAS_COMPILER)
  test(`R56 ${POINTS} system calls that fail`, async (t) => {
    await using world = await openWorld();
    t.diagnostic(`PIPD_TEST_SEED=${world.seed}`);
    const steps = await learnSteps(world);
    const bounds = new Map(steps.map((step) => [step, 2000]));
    const outcomes: Outcomes = { worked: 0, failed: 0, notMet: 0, notPutBack: 0 };
    for (let point = 0, at = 0, olds = 0; point < POINTS; point++) {
      const step = steps[at]!;
      const { state, calls } = await failOnce(world, step, bounds.get(step)!, outcomes);
      bounds.set(step, calls);
      olds = state === "old" ? olds + 1 : 0;
      if (olds === 4) assert.equal((await run(world, step.args)).code, 0);
      if (state === "new" || olds === 4) [at, olds] = [(at + 1) % steps.length, 0];
    }
    t.diagnostic(JSON.stringify(outcomes));
  });
