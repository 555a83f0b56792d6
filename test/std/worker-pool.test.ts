import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PipdError } from "../../daemon/std/errors.ts";
import { createWorkerPool, type WorkerPool, type WorkerTask } from "../../daemon/std/worker-pool.ts";

const file = new URL("./pool-worker.ts", import.meta.url);
const pools: WorkerPool[] = [];
const make = (size: number, idleMs = 10_000): WorkerPool => {
  const pool = createWorkerPool({ size, file, idleMs, stopMs: 200 });
  pools.push(pool);
  return pool;
};
const task = (kind: string, fields: object = {}): WorkerTask => ({ kind, ...fields });

describe("a pool of worker threads", () => {
  after(() => Promise.all(pools.map((pool) => pool.close())));

  it("answers many tasks with at most its number of threads, each with its own answer", async () => {
    const pool = make(2);
    const values = Array.from({ length: 50 }, (_, index) => ({ index }));
    assert.deepEqual(await Promise.all(values.map((value) => pool.run(task("echo", { value })))), values);
    const threads = await Promise.all(values.map(() => pool.run<number>(task("thread"))));
    assert.ok(new Set(threads).size <= 2);
  });

  it("moves what is transferred", async () => {
    const buffer = new ArrayBuffer(8);
    const value = await make(1).run<ArrayBuffer>(task("echo", { value: buffer }), [buffer]);
    assert.equal(value.byteLength, 8);
    assert.equal(buffer.byteLength, 0);
  });

  it("brings errors back as what they were", async () => {
    const pool = make(1);
    await assert.rejects(pool.run(task("refuse")), (error) => {
      assert.ok(error instanceof PipdError);
      assert.deepEqual([error.code, error.message, error.hint], ["some-code", "what happened", "what to do"]);
      return true;
    });
    await assert.rejects(pool.run(task("break")), {
      message: "no space",
      code: "ENOSPC",
      syscall: "write",
      path: "/x",
    });
    await assert.rejects(pool.run(task("unheard-of")), /no handler/);
    await assert.rejects(pool.run(task("echo", { value: () => {} })), { name: "DataCloneError" });
    assert.equal(await pool.run(task("echo", { value: 1 })), 1);
  });

  for (const kind of ["exit", "uncaught"]) {
    it(`loses only the task whose thread ended (${kind})`, async () => {
      const pool = make(1);
      const results = await Promise.allSettled([
        pool.run(task("echo", { value: 1 })),
        pool.run(task(kind)),
        pool.run(task("echo", { value: 2 })),
      ]);
      assert.deepEqual(results[0], { status: "fulfilled", value: 1 });
      assert.equal(results[1].status === "rejected" && results[1].reason.code, "worker-crashed");
      assert.deepEqual(results[2], { status: "fulfilled", value: 2 });
    });
  }

  it("runs a task in every thread that has nothing to do, starts none for it, and ends such threads", async () => {
    const pool = make(2);
    const counter = new SharedArrayBuffer(4);
    const added = async (): Promise<number> => {
      await pool.runInIdle(task("add", { counter }));
      return Atomics.exchange(new Int32Array(counter), 0, 0);
    };
    assert.equal(await added(), 0);
    const two = await Promise.all([pool.run(task("later", { ms: 20 })), pool.run(task("later", { ms: 20 }))]);
    assert.equal(await added(), 2);
    const busy = pool.run(task("later", { ms: 200 }));
    assert.equal(await added(), 1);
    await pool.runInIdle(task("refuse"));
    await pool.endIdle();
    assert.ok(two.includes(await busy), "a thread that works is left alone");
    await pool.endIdle();
    assert.equal(await added(), 0);
    assert.ok(!two.includes(await pool.run(task("thread"))));
  });

  it("fails every task when the worker's file does not exist, and only then", async () => {
    const pool = createWorkerPool({ size: 1, file: new URL("./not-there.ts", import.meta.url), idleMs: 10 });
    const results = await Promise.allSettled([pool.run(task("echo")), pool.run(task("echo"))]);
    for (const result of results) assert.equal(result.status === "rejected" && result.reason.code, "worker-crashed");
  });

  // In a process of its own: Node aborts when a thread is ended while it makes a stream of zlib.
  it("stops tasks that are cancelled at any moment, and keeps their thread", async () => {
    const child = spawnSync(process.execPath, [join(import.meta.dirname, "cancelling-child.ts"), "200"], {
      encoding: "utf8",
    });
    assert.deepEqual([child.status, child.signal, child.stdout], [0, null, "1"], child.stderr);
  });

  it("ends the thread of a cancelled task that does not stop, and takes a waiting one out of the queue", async () => {
    const pool = make(1);
    const running = new AbortController();
    const waiting = new AbortController();
    const first = pool.run(task("spin"), [], running.signal);
    const second = pool.run(task("echo", { value: 2 }), [], waiting.signal);
    const third = pool.run(task("echo", { value: 3 }));
    waiting.abort(new Error("no longer wanted"));
    await assert.rejects(second, { message: "no longer wanted" });
    running.abort(new Error("enough"));
    await assert.rejects(first, { message: "enough" });
    assert.equal(await third, 3);
    await assert.rejects(pool.run(task("echo"), [], running.signal), { message: "enough" });
  });

  it("ends idle threads and starts new ones when there is work again", async () => {
    const pool = make(1, 20);
    const before = await pool.run<number>(task("thread"));
    await sleep(200);
    assert.notEqual(await pool.run<number>(task("thread")), before);
  });

  it("rejects what is unfinished, and everything later, when it is closed", async () => {
    const pool = make(1);
    const open = [pool.run(task("spin")), pool.run(task("echo"))];
    const settled = Promise.allSettled(open);
    await pool.close();
    for (const result of await settled) {
      assert.equal(result.status === "rejected" && result.reason.code, "worker-pool-closed");
    }
    await assert.rejects(pool.run(task("echo")), { code: "worker-pool-closed" });
  });
});
