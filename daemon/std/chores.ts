/** Waits until nobody works, and a moment more; a chore calls it between any two slices of a millisecond or so. */
export type Turn = () => Promise<void>;

/** Work that nobody waits for, one piece after the other, in slices, while no command runs. */
export interface Chores {
  /** Puts a chore at the end of the queue, unless one of this key waits there. Its errors go to nobody. */
  add(key: string, work: (turn: Turn) => Promise<void>): void;
  /** Holds the chores back while `work` goes on. */
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Whether there are any. */
  readonly isWorking: () => boolean;
}

export interface ChoresOptions {
  /** Milliseconds between two slices. */
  readonly pauseMs: number;
  /** Milliseconds that must have gone since the last command ended. */
  readonly quietMs: number;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

/** Where commands follow one another without an end, chores go on all the same, a slice in so many milliseconds. */
const PATIENCE_MS = 2000;

/** Keeps no process alive. */
export function createChores({ pauseMs, quietMs, elapsed }: ChoresOptions): Chores {
  const queue = new Map<string, (turn: Turn) => Promise<void>>();
  let commands = 0;
  let lastCommand = Number.NEGATIVE_INFINITY;
  let working = false;

  const turn: Turn = async () => {
    await pause(pauseMs);
    const latest = elapsed() + PATIENCE_MS;
    for (let left = quietMs; left > 0 && elapsed() < latest; ) {
      left = commands > 0 ? quietMs : quietMs - (elapsed() - lastCommand);
      if (left > 0) await pause(left);
    }
  };

  const work = async (): Promise<void> => {
    working = true;
    for (const [key, chore] of queue) {
      queue.delete(key);
      try {
        await turn();
        await chore(turn);
      } catch {
        // Chores are tried again with the next occasion, or never missed.
      }
    }
    working = false;
  };

  return {
    add(key, chore) {
      queue.set(key, queue.get(key) ?? chore);
      if (!working) void work();
    },
    async during(run) {
      commands += 1;
      try {
        return await run();
      } finally {
        commands -= 1;
        lastCommand = elapsed();
      }
    },
    isWorking: () => working,
  };
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
