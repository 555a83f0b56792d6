import { monitorEventLoopDelay } from "node:perf_hooks";
import type { DaemonStatus } from "../../protocol/methods.ts";

/** How late the event loop was while runs were in progress, the last time that any were for longer than a moment. */
export interface LoopDelay {
  busy(): void;
  idle(): void;
  /** Undefined before the first such run. */
  readonly read: () => DaemonStatus["eventLoop"];
}

/** Work that is over sooner is not sampled, in ms: setting that up takes as long as a command that only reads. */
const WORTHWHILE_MS = 20;

/** Between two samples, in ms. Sampling wakes the process so often, which is why an idle daemon is not sampled (R59). */
const RESOLUTION = 10;

export function createLoopDelay(): LoopDelay {
  let histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** Samples are the times between two wakings, in nanoseconds. */
  const late = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e4 - RESOLUTION * 100) / 100);
  return {
    busy: () => {
      timer = setTimeout(() => {
        histogram ??= monitorEventLoopDelay({ resolution: RESOLUTION });
        histogram.reset();
        histogram.enable();
      }, WORTHWHILE_MS);
    },
    idle: () => {
      clearTimeout(timer);
      histogram?.disable();
    },
    read: () => {
      if (histogram === undefined) return undefined;
      const { max, count } = histogram;
      return { p99Ms: late(histogram.percentile(99)), maxMs: late(max), samples: count };
    },
  };
}
