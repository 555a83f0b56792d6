import { write } from "node:fs";

/**
 * The two outputs and the transient line, written strictly in order. Writes go through the thread pool: a slow reader never blocks Ctrl-C, and a
 * write counts only when the system has taken it, so nothing is lost when the process ends.
 */
export interface Output {
  /** `written` is called when the system has all of it. */
  write(fd: 1 | 2, text: string, written?: () => void): void;
  /** Shows this below the output in place of the last such text; "" takes it away. Does nothing without a terminal. */
  status(text: string): void;
  /** Draws the transient text again, after the terminal was resized or the process was stopped. */
  redraw(): void;
  /** Resolves when everything has been written, or cannot be. */
  drained(): Promise<void>;
}

/** @param terminal the descriptor for transient text, if one is a terminal. @param broken called once when nobody reads the output any more. */
export function createOutput(terminal: 1 | 2 | undefined, broken: (fd: 1 | 2) => void): Output {
  const queue: { readonly fd: 1 | 2; readonly bytes: Buffer; readonly written: (() => void) | undefined }[] = [];
  let busy = false;
  let isBroken = false;
  let shown = "";
  let drainWaiters: (() => void)[] = [];

  const next = (): void => {
    const job = queue.shift();
    if (job === undefined) {
      busy = false;
      for (const waiter of drainWaiters) waiter();
      drainWaiters = [];
      return;
    }
    busy = true;
    writeAll(job.fd, job.bytes, (error) => {
      if (error !== null && (error.code === "EPIPE" || error.code === "EIO") && !isBroken) {
        isBroken = true;
        broken(job.fd);
      }
      job.written?.();
      next();
    });
  };
  const push = (fd: 1 | 2, text: string, written?: () => void): void => {
    queue.push({ fd, bytes: Buffer.from(text), written });
    if (!busy) next();
  };
  const erased = (): string => {
    const lines = shown.split("\n").length;
    return shown === "" ? "" : `\r${"\x1b[A".repeat(lines - 1)}\x1b[J`;
  };
  return {
    write: (fd, text, written) => {
      if (terminal === undefined || shown === "") return push(fd, text, written);
      push(terminal, erased());
      push(fd, text, written);
      // The cursor must be at the start of a line before the transient text comes back.
      if (text.endsWith("\n")) push(terminal, shown);
      else shown = "";
    },
    status: (text) => {
      if (terminal === undefined || (text === "" && shown === "")) return;
      const erase = erased();
      shown = text;
      push(terminal, erase + text);
    },
    redraw: () => {
      if (terminal !== undefined && shown !== "") push(terminal, erased() + shown);
    },
    drained: () =>
      new Promise((resolve) => {
        if (busy || queue.length > 0) drainWaiters.push(resolve);
        else resolve();
      }),
  };
}

/** Writes every byte, waiting where somebody has made the descriptor non-blocking. */
function writeAll(fd: number, bytes: Buffer, done: (error: NodeJS.ErrnoException | null) => void): void {
  if (bytes.length === 0) return done(null);
  write(fd, bytes, 0, bytes.length, null, (error, count) => {
    if (error?.code === "EAGAIN") return void setTimeout(() => writeAll(fd, bytes, done), 5);
    if (error !== null) return done(error);
    writeAll(fd, bytes.subarray(count), done);
  });
}
