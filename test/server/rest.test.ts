import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createRest, type Rest } from "../../daemon/server/rest.ts";

const MB = 1e6;
const TIMES = { garbageMs: 20, cachesMs: 60, limitMs: 120 };

/** The clock of these tests, in ms: it goes when a test lets time pass, so that no busy machine changes what comes before what. */
let clock = 0;

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left--) {
    clock++;
    mock.timers.tick(1);
    await turn();
  }
}

/** A process whose memory goes down by what is given back. */
function createProcess(rss: number, { garbage, caches }: { readonly garbage: number; readonly caches: number }) {
  const done: string[] = [];
  let droppable = { garbage: garbage * MB, caches: caches * MB };
  let pending = 0;
  const process = {
    rss: rss * MB,
    done,
    isWorking: false,
    /** When the threads have collected their garbage. */
    threads: Promise.resolve(),
    rest: undefined as unknown as Rest,
    /** By what can be given back. */
    grow: (by: { readonly garbage: number; readonly caches: number }) => {
      process.rss += (by.garbage + by.caches) * MB;
      droppable = { garbage: droppable.garbage + by.garbage * MB, caches: droppable.caches + by.caches * MB };
    },
  };
  process.rest = createRest({
    rss: () => process.rss,
    restingBytes: 90 * MB,
    limitBytes: 500 * MB,
    times: TIMES,
    elapsed: () => clock,
    isWorking: () => process.isWorking,
    collectInThreads: async () => {
      done.push("garbage of threads");
      await process.threads;
    },
    endThreads: async () => void done.push("threads"),
    dropCaches: () => {
      done.push("caches");
      pending = droppable.caches;
      droppable = { ...droppable, caches: 0 };
    },
    collect: () => {
      done.push("collect");
      process.rss -= droppable.garbage + pending;
      droppable = { ...droppable, garbage: 0 };
      pending = 0;
    },
    retire: (reason) => void done.push(reason),
    log: { info: () => {}, warn: () => {}, error: (facts) => assert.fail(JSON.stringify(facts)) },
  });
  return process;
}

void describe("an idle daemon", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  test("R59 gives garbage back soon and caches later, and only while it is large", async () => {
    const large = createProcess(200, { garbage: 50, caches: 70 });
    large.rest.idle();
    await pass(300);
    assert.deepEqual(large.done, ["garbage of threads", "collect", "threads", "caches", "collect"]);
    const garbage = createProcess(200, { garbage: 120, caches: 50 });
    garbage.rest.idle();
    await pass(300);
    assert.deepEqual(garbage.done, ["garbage of threads", "collect"], "what is small again keeps its caches");
    const small = createProcess(80, { garbage: 10, caches: 10 });
    small.rest.idle();
    await pass(300);
    assert.deepEqual(small.done, []);
  });

  test("R59 does nothing while runs are in progress, and not again for what cannot be given back", async () => {
    const working = createProcess(200, { garbage: 50, caches: 70 });
    working.rest.idle();
    working.rest.busy();
    await pass(300);
    assert.deepEqual(working.done, []);
    const stuck = createProcess(200, { garbage: 0, caches: 0 });
    stuck.rest.idle();
    await pass(300);
    const first = stuck.done.length;
    assert.ok(first > 0);
    stuck.rest.busy();
    stuck.rest.idle();
    await pass(300);
    assert.equal(stuck.done.length, first);
  });

  test("R59 a command that comes while threads collect does not wait for the daemon's own collection", async () => {
    const large = createProcess(200, { garbage: 50, caches: 70 });
    const threads = Promise.withResolvers<void>();
    large.threads = threads.promise;
    large.rest.idle();
    await pass(40);
    large.rest.busy();
    threads.resolve();
    await pass(100);
    assert.deepEqual(large.done, ["garbage of threads"]);
    large.rest.idle();
    await pass(300);
    assert.deepEqual(large.done.slice(1), ["garbage of threads", "collect", "threads", "caches", "collect"]);
  });

  test("R58 makes place for another when it stays above the limit, all given back", async () => {
    const leaking = createProcess(700, { garbage: 10, caches: 10 });
    leaking.rest.idle();
    await pass(TIMES.limitMs);
    assert.ok(!leaking.done.some((what) => what.startsWith("it used")), "not at once");
    await pass(20);
    assert.deepEqual(leaking.done.at(-1), "it used 680 MB of memory, and memory-limit is 500 MB");
  });

  test("R58 stays when what can be given back is enough", async () => {
    const large = createProcess(700, { garbage: 10, caches: 300 });
    large.rest.idle();
    await pass(400);
    assert.deepEqual(
      large.done.filter((what) => what.startsWith("it used")),
      [],
    );
  });

  test("R58 begins to count anew when enough was given back: not every command finds the caches empty", async () => {
    const large = createProcess(400, { garbage: 0, caches: 0 });
    const drops = (): number => large.done.filter((what) => what === "caches").length;
    for (let time = 1; time <= 3; time++) {
      // The first command after the caches were dropped fills them again.
      large.grow({ garbage: 0, caches: 300 });
      const begun = clock;
      while (drops() < time) {
        large.rest.idle();
        await pass(15);
        large.rest.busy();
      }
      assert.ok(clock - begun >= TIMES.limitMs, `${clock - begun} ms after it grew`);
    }
    assert.ok(!large.done.some((what) => what.startsWith("it used")));
  });

  test("R58 keeps the caches if garbage is enough", async () => {
    const large = createProcess(700, { garbage: 250, caches: 50 });
    for (let round = 0; round < 12; round++) {
      large.rest.idle();
      await pass(15);
      large.rest.busy();
    }
    assert.deepEqual(large.done, ["garbage of threads", "collect"]);
  });

  test("R58 leaves the caches to a command that comes while threads collect", async () => {
    const large = createProcess(700, { garbage: 0, caches: 300 });
    const threads = Promise.withResolvers<void>();
    large.threads = threads.promise;
    while (large.done.length === 0) {
      large.rest.idle();
      await pass(15);
      large.rest.busy();
    }
    threads.resolve();
    await pass(50);
    assert.deepEqual(large.done, ["garbage of threads"]);
  });

  test("R58 counts the time above the limit over short runs, of which there is always one", async () => {
    const leaking = createProcess(700, { garbage: 0, caches: 0 });
    for (let round = 0; round < 12; round++) {
      leaking.rest.idle();
      await pass(15);
      leaking.rest.busy();
    }
    leaking.rest.idle();
    await pass(20);
    assert.ok(
      leaking.done.some((what) => what.startsWith("it used")),
      leaking.done.join(),
    );
  });
});
