import type PQueue from "p-queue";
import { createLruMap } from "../std/lru-map.ts";

/** Why a host is not asked at the moment. */
export interface Downtime {
  readonly reason: string;
  /** Milliseconds, on the clock's scale. */
  readonly until: number;
}

/** What the daemon knows of one origin as reached with one set of network settings. */
export interface Host {
  /** Waits for one of the host's places, and gives the function that frees it. Rejects with the signal's reason when that is aborted first. */
  enter(signal: AbortSignal): Promise<() => void>;
  /** Set while the host is known to be down. */
  readonly down: Downtime | undefined;
  /** Whether it answered within the last minute: only then is a failed connection worth another attempt. */
  readonly reachedLately: boolean;
  answered(): void;
  /** Nobody asks it for a while: half a minute at first, twice as long after each further failure, five minutes at most. */
  failed(reason: string): void;
  /** It asked for fewer requests at once (429): half as many from now on, rising again with each twenty answers. */
  slowDown(): void;
  /** It speaks HTTP/2. */
  raise(limit: number): void;
}

const FIRST_DOWNTIME = 30_000;
const LONGEST_DOWNTIME = 300_000;
const LATELY = 60_000;
const ANSWERS_PER_RISE = 20;
const MOST_HOSTS = 256;

/** Keeps the hosts, the least recently used being forgotten. `PQueue` is handed in because it is loaded late. */
export function createHosts(
  concurrency: number,
  clock: () => number,
): { get(key: string, queue: typeof PQueue): Host } {
  const hosts = createLruMap<Host>(MOST_HOSTS);
  return {
    get(key, queue) {
      const known = hosts.get(key) ?? createHost(new queue({ concurrency }), clock);
      hosts.set(key, known);
      return known;
    },
  };
}

function createHost(queue: PQueue, clock: () => number): Host {
  let most = queue.concurrency;
  let answersSinceRise = 0;
  let downtime = 0;
  let down: Downtime | undefined;
  let answeredAt = Number.NEGATIVE_INFINITY;
  return {
    enter: (signal) =>
      new Promise<() => void>((resolve, reject) => {
        queue.add(() => new Promise<void>((leave) => resolve(leave)), { signal }).catch(reject);
      }),
    get down() {
      return down !== undefined && clock() < down.until ? down : undefined;
    },
    get reachedLately() {
      return clock() - answeredAt < LATELY;
    },
    answered() {
      answeredAt = clock();
      down = undefined;
      downtime = 0;
      if (queue.concurrency < most) {
        answersSinceRise += 1;
        if (answersSinceRise >= ANSWERS_PER_RISE) {
          answersSinceRise = 0;
          queue.concurrency += 1;
        }
      }
    },
    failed(reason) {
      if (down !== undefined && clock() < down.until) {
        return; // One of several requests that were under way together.
      }
      downtime = downtime === 0 ? FIRST_DOWNTIME : Math.min(downtime * 2, LONGEST_DOWNTIME);
      down = { reason, until: clock() + downtime };
    },
    slowDown() {
      queue.concurrency = Math.max(1, Math.floor(queue.concurrency / 2));
      answersSinceRise = 0;
    },
    raise(limit) {
      if (limit > most) {
        most = limit;
        queue.concurrency = limit;
      }
    },
  };
}
