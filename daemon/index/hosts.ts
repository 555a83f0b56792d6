import type PQueue from "p-queue";
import { createLruMap } from "../std/lru-map.ts";

/** What is known of a host that could not be reached. */
export interface Downtime {
  readonly reason: string;
  /** Nobody asks it before that time; then an attempt may be made, a short one. Milliseconds, on the clock's scale. */
  readonly quietUntil: number;
  /** From then on an attempt may take as long as the caller's settings say. */
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
  asked(): void;
  /** The head of an answer came after `latency` milliseconds. */
  answered(latency: number): void;
  /** A request failed, or its answer says that the server is out of order. `reason` has no credentials in it. */
  erred(reason: string): void;
  /**
   * An attempt that took `took` milliseconds has failed. The host is down for a while: half a minute at first, twice as long after each further failure,
   * five minutes at most. All that time attempts are short, and at most a quarter of the time is spent on them.
   */
  failed(reason: string, took: number): void;
  /** It asked for fewer requests at once (429), or has too many (503): half as many from now on, rising again with each twenty answers. */
  slowDown(): void;
  /** It speaks HTTP/2. */
  raise(limit: number): void;
  readonly health: HostHealth;
}

/** How a host has been so far. Times are on the clock's scale, durations in milliseconds. */
export interface HostHealth {
  /** Scheme, name and port. */
  readonly origin: string;
  readonly requests: number;
  readonly answers: number;
  readonly failures: number;
  /** Over all answers, and of the last one. */
  readonly totalLatency: number;
  readonly lastLatency: number;
  /** Absent before the first. */
  readonly lastAnswerAt?: number;
  readonly lastError?: { readonly text: string; readonly at: number };
  /** While it is down. */
  readonly downSince?: number;
  readonly askedAgainAt?: number;
}

/** The hosts that are known, each in as many ways as it was reached. */
export interface Hosts {
  /** `key` begins with the origin; a space ends it. */
  get(key: string, queue: typeof PQueue): Host;
  health(): readonly HostHealth[];
}

const FIRST_DOWNTIME = 30_000;
const LONGEST_DOWNTIME = 300_000;
/** Between the end of an attempt and the next one; the longer, the longer the attempt took. */
const SHORTEST_QUIET = 1_000;
const LONGEST_QUIET = 10_000;
const LATELY = 60_000;
const ANSWERS_PER_RISE = 20;
const MOST_HOSTS = 256;

/** Keeps the hosts, the least recently used being forgotten. `PQueue` is handed in because it is loaded late. */
export function createHosts(concurrency: number, clock: () => number): Hosts {
  const all = new Set<Host>();
  const hosts = createLruMap<Host>(
    MOST_HOSTS,
    () => 1,
    (host) => all.delete(host),
  );
  return {
    get(key, queue) {
      const known = hosts.get(key) ?? createHost(key.split(" ", 1)[0] ?? "", new queue({ concurrency }), clock);
      hosts.set(key, known);
      all.add(known);
      return known;
    },
    health: () => [...all].map((host) => host.health),
  };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

function createHost(origin: string, queue: PQueue, clock: () => number): Host {
  const health: Mutable<HostHealth> = {
    origin,
    requests: 0,
    answers: 0,
    failures: 0,
    totalLatency: 0,
    lastLatency: 0,
  };
  let downSince = 0;
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
    asked() {
      health.requests += 1;
    },
    answered(latency) {
      answeredAt = clock();
      health.answers += 1;
      health.totalLatency += latency;
      health.lastLatency = latency;
      health.lastAnswerAt = answeredAt;
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
    erred(text) {
      health.failures += 1;
      health.lastError = { text, at: clock() };
    },
    failed(reason, took) {
      const now = clock();
      const quietUntil = now + Math.min(Math.max(SHORTEST_QUIET, took * 3), LONGEST_QUIET);
      if (down !== undefined && now < down.until) {
        down = { ...down, quietUntil }; // A short attempt, or one of several requests that were under way together.
        return;
      }
      if (downtime === 0) downSince = clock();
      downtime = downtime === 0 ? FIRST_DOWNTIME : Math.min(downtime * 2, LONGEST_DOWNTIME);
      down = { reason, quietUntil, until: now + downtime };
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
    get health() {
      const isDown = down !== undefined && clock() < down.until;
      return { ...health, ...(isDown ? { downSince, askedAgainAt: down?.quietUntil ?? 0 } : {}) };
    },
  };
}
