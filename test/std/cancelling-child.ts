/** A process for test/std/worker-pool.test.ts: cancels as many tasks as its argument says, at any moment, and prints how many different threads did them. */
import { setTimeout as sleep } from "node:timers/promises";
import { createWorkerPool, type WorkerTask } from "../../daemon/std/worker-pool.ts";

const pool = createWorkerPool({ size: 1, file: new URL("./pool-worker.ts", import.meta.url), idleMs: 10_000 });
const threads = new Set<number>();
for (let count = Number(process.argv[2]); count > 0; count--) {
  threads.add(await pool.run<number>({ kind: "thread" }));
  const abortion = new AbortController();
  const task: WorkerTask = { kind: "inflate" };
  const running = pool.run(task, [], abortion.signal).catch((error: unknown) => error);
  await sleep(Math.random() * 3);
  abortion.abort("enough");
  if ((await running) !== "enough") throw new Error("not cancelled");
}
await pool.close();
process.stdout.write(String(threads.size));
