import type { Log } from "./log.ts";

/** What a daemon that has nothing to do gives back. */
export interface Rest {
  /** A run has begun where there was none. */
  busy(): void;
  /** The last run has ended. */
  idle(): void;
  /** No more rest: the daemon ends. */
  stop(): void;
}

export interface RestParts {
  /** Bytes of memory that the process has from the system. */
  readonly rss: () => number;
  /** Bytes above which an idle daemon is not (R59): work has left something behind. */
  readonly restingBytes: number;
  /** Bytes above which the daemon makes place for another (R58); 0 for never. */
  readonly limitBytes: number;
  /** How long it is idle before garbage goes, before caches and threads go, and how long it may be above the limit, in milliseconds. */
  readonly times: { readonly garbageMs: number; readonly cachesMs: number; readonly limitMs: number };
  /** Monotonic ms. */
  readonly elapsed: () => number;
  /** Complete garbage collections in the threads that have nothing to do. */
  readonly collectInThreads: () => Promise<void>;
  /** Ends the threads that have nothing to do. */
  readonly endThreads: () => Promise<void>;
  /** Forgets what can be read again. */
  readonly dropCaches: () => void;
  /** Whether work goes on that belongs to no run any more, such as byte code: what it holds cannot be given back yet. */
  readonly isWorking: () => boolean;
  /** Complete garbage collections, so many. */
  readonly collect: (rounds: number) => void;
  /** Ends this daemon, so that the next command starts another. */
  readonly retire: (reason: string) => void;
  readonly log: Log;
}

export const REST_TIMES: RestParts["times"] = { garbageMs: 5000, cachesMs: 120_000, limitMs: 60_000 };

/** Asking the system for the size takes a tenth of a millisecond: not between two commands that follow each other. */
const LOOK_AFTER_MS = 5;

/** Garbage collections after which V8 has forgotten code that nobody runs. */
const ALL_ROUNDS = 7;
/** Bytes. */
const WORTHWHILE = 5e6;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/**
 * Makes an idle daemon small again after large work: first garbage, a while later the caches and the threads, each only if it takes more than an idle
 * daemon should. One that stays above the limit for a minute, all that included, makes place for another (R58). A daemon that is small has no timer.
 */
export function createRest(parts: RestParts): Rest {
  const { rss, restingBytes, limitBytes, times, elapsed, log } = parts;
  const timers = new Set<NodeJS.Timeout>();
  let overSince: number | undefined;
  let ended = false;
  let resting = false;
  /** What was left the last time that all was given back: only what has come since is worth the effort again. */
  let least = 0;
  const isLarge = (): boolean => rss() > Math.max(restingBytes, least + WORTHWHILE);
  const later = (ms: number, work: () => Promise<void>): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      void work().catch((error: unknown) => log.error({ error: String(error) }, "rest failed"));
    }, ms);
    timers.add(timer.unref());
  };
  const clear = (): void => {
    resting = false;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  };
  /** False if a command came meanwhile, which does not wait for a collection: there will be another rest. */
  const giveBack = async (what: string, rounds: number, work: () => Promise<void>): Promise<boolean> => {
    const before = rss();
    if (!isLarge()) return true;
    const wasResting = resting;
    await work();
    if (wasResting && !resting) return false;
    parts.collect(rounds);
    log.info({ what, before: megabytes(before), after: megabytes(rss()) }, "gave memory back");
    return true;
  };
  const giveAllBack = (): Promise<void> =>
    giveBack("caches", ALL_ROUNDS, async () => {
      await parts.endThreads();
      parts.dropCaches();
    }).then((isDone) => {
      if (isDone) least = rss();
    });
  const whenDone = async (): Promise<void> => {
    if (parts.isWorking()) later(times.cachesMs, whenDone);
    else await giveAllBack();
  };
  const isOver = (): boolean => limitBytes > 0 && rss() > limitBytes;
  const enforce = async (): Promise<void> => {
    if (isOver()) await giveBack("garbage", 1, parts.collectInThreads);
    if (isOver() && resting) await giveAllBack();
    // The next command fills the caches again, and has a minute for it.
    if (!isOver()) overSince = undefined;
    else if (resting)
      parts.retire(`it used ${megabytes(rss())} of memory, and memory-limit is ${megabytes(limitBytes)}`);
  };
  const look = async (): Promise<void> => {
    overSince = isOver() ? (overSince ?? elapsed()) : undefined;
    if (overSince !== undefined) later(Math.max(0, overSince + times.limitMs - elapsed()), enforce);
    if (!isLarge()) return;
    later(times.garbageMs, async () => void (await giveBack("garbage", 1, parts.collectInThreads)));
    later(times.cachesMs, whenDone);
  };
  return {
    busy: clear,
    idle: () => {
      clear();
      if (ended) return;
      resting = true;
      later(LOOK_AFTER_MS, look);
    },
    stop: () => {
      ended = true;
      clear();
    },
  };
}
