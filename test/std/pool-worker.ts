/** A worker for test/std/worker-pool.test.ts: what a task can do to its thread. */
import { threadId } from "node:worker_threads";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { PipdError } from "../../daemon/std/errors.ts";
import { type Stop, serveTasks } from "../../daemon/std/worker-pool.ts";

const packed = deflateRawSync(Buffer.from("some text"));

serveTasks({
  thread: () => threadId,
  echo: (task: { readonly value: unknown }) => task.value,
  later: async (task: { readonly ms: number }) => {
    await new Promise((resolve) => setTimeout(resolve, task.ms));
    return threadId;
  },
  add: ({ counter }: { readonly counter: SharedArrayBuffer }) => Atomics.add(new Int32Array(counter), 0, 1),
  refuse: () => {
    throw new PipdError("some-code", "what happened", { hint: "what to do" });
  },
  break: () => {
    throw Object.assign(new Error("no space"), { code: "ENOSPC", syscall: "write", path: "/x" });
  },
  exit: () => process.exit(3),
  uncaught: () => {
    setImmediate(() => {
      throw new Error("from nowhere");
    });
    return new Promise(() => {});
  },
  spin: () => {
    for (;;);
  },
  inflate: (_task: never, stop: Stop) => {
    for (;;) {
      stop.throwIfStopped();
      inflateRawSync(packed);
    }
  },
});
