/**
 * What a worker thread runs: the tasks that would block the event loop, by the `kind` of the task.
 * `main.ts` gives this module (or its bundle) to the pool; nothing else imports it.
 */
import { bytesOfText, textOfBytes } from "../protocol/raw-text.ts";
import { unpackArrived } from "./artifacts/unpack-arrived.ts";
import { readWheelMetadata, unpackWheel } from "./artifacts/unpack-worker.ts";
import { readPage } from "./index/page-rows.ts";
import type { PageTask } from "./index/simple-index.ts";
import { linkShard } from "./install/link-shard.ts";
import { collectGarbage } from "./std/collect-garbage.ts";
import { acceptRawPaths } from "./std/raw-paths.ts";
import { handingOver, serveTasks } from "./std/worker-pool.ts";

acceptRawPaths({ bytesOfText, textOfBytes });

serveTasks({
  unpack: unpackWheel,
  "unpack-arrived": unpackArrived,
  "wheel-metadata": readWheelMetadata,
  link: linkShard,
  "collect-garbage": () => collectGarbage(1),
  page: async ({ page }: PageTask) => {
    const read = await readPage(page);
    return handingOver(read, [read.content.buffer, read.bounds.buffer]);
  },
});
