/** The daemon's log, as the server sees it; main.ts makes it from pino. Facts are JSON values. */
export interface Log {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** A log that keeps its lines until the real one is there: the logging library is loaded after the socket listens. */
export interface DeferredLog extends Log {
  open(log: Log): void;
}

export function createDeferredLog(): DeferredLog {
  let target: Log | undefined;
  let kept: ((log: Log) => void)[] = [];
  const pass = (entry: (log: Log) => void): void => {
    if (target === undefined) kept.push(entry);
    else entry(target);
  };
  return {
    info: (facts, message) => pass((log) => log.info(facts, message)),
    warn: (facts, message) => pass((log) => log.warn(facts, message)),
    error: (facts, message) => pass((log) => log.error(facts, message)),
    open: (log) => {
      target = log;
      for (const entry of kept) entry(log);
      kept = [];
    },
  };
}
