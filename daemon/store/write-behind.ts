/** Rows that are written to a database a little later, many in one transaction: nobody waits for them, and whoever asks finds them here meanwhile. */
export interface WriteBehind<Row> {
  /** The row that waits under this name. */
  get(name: string): Row | undefined;
  /** Takes a row, in place of one of the same name; `size` in bytes, roughly. */
  put(name: string, row: Row, size: number): void;
  delete(name: string): void;
  /** Writes everything now. */
  flush(): void;
  /** Forgets everything that waits. */
  clear(): void;
}

/** So long after the last row, in milliseconds: a command that fetches a hundred pages is not kept waiting by the first of them. */
const DELAY = 150;
/** A row waits no longer than until so much waits with it. Bytes. */
const MOST_BYTES = 48 * 1024 * 1024;
/** Milliseconds that one transaction may take, and that others then have before the next. */
const SLICE = 8;
const BREAK = 4;

/** `transact` runs a function in one transaction, gives it what writes one row, and may run it again when that failed. */
export function createWriteBehind<Row>(
  transact: (work: (write: (row: Row) => void) => void) => void,
): WriteBehind<Row> {
  const waiting = new Map<string, { readonly row: Row; readonly size: number }>();
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const remove = (name: string): void => {
    const known = waiting.get(name);
    if (known === undefined) return;
    waiting.delete(name);
    bytes -= known.size;
  };
  const later = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => writeSome(SLICE), ms);
    timer.unref();
  };
  const writeSome = (ms: number): void => {
    const until = performance.now() + ms;
    let written: string[] = [];
    try {
      transact((write) => {
        written = [];
        for (const [name, { row }] of waiting) {
          write(row);
          written.push(name);
          if (performance.now() >= until) break;
        }
      });
    } catch {
      // The database has repaired itself as well as it can: what it does not take is asked for again some day.
      written = [...waiting.keys()];
    }
    for (const name of written) remove(name);
    if (waiting.size > 0) later(BREAK);
  };

  return {
    get: (name) => waiting.get(name)?.row,
    put(name, row, size) {
      remove(name);
      waiting.set(name, { row, size });
      bytes += size;
      if (bytes > MOST_BYTES) writeSome(SLICE);
      else later(DELAY);
    },
    delete: remove,
    flush() {
      clearTimeout(timer);
      if (waiting.size > 0) writeSome(Number.POSITIVE_INFINITY);
    },
    clear() {
      clearTimeout(timer);
      waiting.clear();
      bytes = 0;
    },
  };
}
