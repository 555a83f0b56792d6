import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DaemonStatus } from "../../protocol/methods.ts";

/** How late the event loop was while runs were in progress, the last time that any were. */
export interface LoopDelay {
  busy(): void;
  idle(): void;
  /** Undefined before the first run. */
  readonly read: () => DaemonStatus["eventLoop"];
}

/** Between two samples, in ms. Sampling wakes the process so often, which is why an idle daemon is not sampled (R59). */
const RESOLUTION = 10;

export function createLoopDelay(): LoopDelay {
  let histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;
  /** Samples are the times between two wakings, in nanoseconds. */
  const late = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e4 - RESOLUTION * 100) / 100);
  return {
    busy: () => {
      histogram ??= monitorEventLoopDelay({ resolution: RESOLUTION });
      // Between short runs nothing was sampled, and this takes as long as such a run.
      if (histogram.count > 0) histogram.reset();
      histogram.enable();
    },
    idle: () => void histogram?.disable(),
    read: () => {
      if (histogram === undefined) return undefined;
      const { max, count } = histogram;
      return { p99Ms: late(histogram.percentile(99)), maxMs: late(max), samples: count };
    },
  };
}
