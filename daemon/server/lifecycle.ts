/** Serving, then retiring (unreachable, finishing what runs), then over. */
export interface Lifecycle {
  readonly retiring: boolean;
  readonly retireReason: string | undefined;
  /** To be called whenever connections or runs have come or gone. */
  changed(): void;
  /** Makes the daemon unreachable at once; ends when nothing runs any more, or `graceMs` later with the runs cancelled. A second call can only shorten the time. */
  retire(end: End, graceMs: number): void;
}

/** Why a daemon leaves. */
export interface End {
  readonly reason: string;
  /** Whether another daemon is to take its place: the person is then told why (R35). */
  readonly successor: boolean;
}

export interface LifecycleParts {
  /** Time without connections and runs after which the daemon leaves; 0 for never (R27). */
  readonly idleExitMs: number;
  readonly connections: () => number;
  readonly runs: () => number;
  /** Closes the door, leaves word for the next daemon and gives the lock back, so that it can start. */
  readonly unreachable: (end: End) => void;
  readonly cancelRuns: (reason: string) => void;
  /** Called once, at the very end. `stuck` when runs did not end after they were cancelled. */
  readonly over: (reason: string, stuck: boolean) => void;
}

/** Time between cancelling runs and leaving without them (R26). */
const KILL_MS = 5000;

export function createLifecycle(parts: LifecycleParts): Lifecycle {
  let reason: string | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  let graceTimer: NodeJS.Timeout | undefined;
  let leaving = false;
  const leave = (stuck: boolean): void => {
    if (leaving) return;
    leaving = true;
    clearTimeout(graceTimer);
    // Whoever asked for this is still to be answered.
    setImmediate(() => parts.over(reason ?? "", stuck));
  };
  const retire = (end: End, graceMs: number): void => {
    if (reason === undefined) {
      reason = end.reason;
      clearTimeout(idleTimer);
      parts.unreachable(end);
    }
    if (parts.runs() === 0) return leave(false);
    clearTimeout(graceTimer);
    graceTimer = setTimeout(() => {
      parts.cancelRuns(end.reason);
      graceTimer = setTimeout(() => leave(true), KILL_MS);
    }, graceMs);
  };
  const changed = (): void => {
    clearTimeout(idleTimer);
    const runs = parts.runs();
    if (reason !== undefined) {
      if (runs === 0) leave(false);
      return;
    }
    if (runs > 0 || parts.connections() > 0 || parts.idleExitMs === 0) return;
    // setTimeout takes at most 2^31-1 ms.
    idleTimer = setTimeout(
      () => retire({ reason: "idle", successor: false }, 0),
      Math.min(parts.idleExitMs, 2 ** 31 - 1),
    );
  };
  return {
    get retiring() {
      return reason !== undefined;
    },
    get retireReason() {
      return reason;
    },
    changed,
    retire,
  };
}
