import { createSpill, type Piece } from "./spill.ts";

/** Characters that may be on their way without the client having acknowledged them. */
const WINDOW = 256 * 1024;
const PIECE = 32 * 1024;
/** Characters waiting in memory before the rest waits on disk. */
const IN_MEMORY = 1024 * 1024;
/** At most 20 transient lines a second. */
const STATUS_EVERY_MS = 50;

/** The way of one run's text to its client. Nothing here blocks, and a client that stops reading costs disk, not memory (R45). */
export interface RunOutput {
  write(fd: 1 | 2, text: string): void;
  status(text: string): void;
  /** The client has written everything up to `seq`. */
  acknowledged(seq: number): void;
  /** Resolves when everything written so far has been sent, or the output was closed. */
  flushed(): Promise<void>;
  close(): void;
}

/** How the text leaves; both resolve when the system has taken the bytes. */
export interface OutputSender {
  output(fd: 1 | 2, seq: number, data: string): Promise<void>;
  status(text: string): Promise<void>;
}

/** @param spillFolder for output that the client does not take. */
export function createRunOutput(sender: OutputSender, spillFolder: string): RunOutput {
  const spill = createSpill(spillFolder);
  let waiting: Piece[] = [];
  let waitingSize = 0;
  /** The end of the queue, which still grows. */
  let newest: Piece | undefined;
  let seq = 0;
  let unacknowledged = 0;
  const sizes = new Map<number, number>();
  let pumping = false;
  let ended = false;
  let flushWaiters: (() => void)[] = [];
  let nextStatus: string | undefined;
  let statusTimer: NodeJS.Timeout | undefined;

  /** Lines written one by one travel, and are kept on disk, as one piece. */
  const queue = (piece: Piece): void => {
    if (newest !== undefined && newest.fd === piece.fd && newest.text.length + piece.text.length <= PIECE) {
      newest = { fd: piece.fd, text: newest.text + piece.text };
      return;
    }
    store();
    newest = piece;
  };
  const store = (): void => {
    if (newest === undefined) return;
    if (waitingSize + newest.text.length > IN_MEMORY || !spill.empty) spill.push(newest);
    else {
      waiting.push(newest);
      waitingSize += newest.text.length;
    }
    newest = undefined;
  };
  const next = (): Piece | undefined => {
    const piece = waiting.shift();
    if (piece !== undefined) {
      waitingSize -= piece.text.length;
      return piece;
    }
    const last = spill.shift() ?? newest;
    if (last === newest) newest = undefined;
    return last;
  };
  const settleFlush = (): void => {
    if (!ended && (waiting.length > 0 || !spill.empty || newest !== undefined)) return;
    for (const waiter of flushWaiters) waiter();
    flushWaiters = [];
  };
  const fillWindow = (): void => {
    while (unacknowledged < WINDOW) {
      const piece = next();
      if (piece === undefined) break;
      sizes.set(++seq, piece.text.length);
      unacknowledged += piece.text.length;
      // Not waited for: what is on its way is bounded by the window.
      void sender.output(piece.fd, seq, piece.text);
    }
  };
  const pump = async (): Promise<void> => {
    if (pumping) return;
    pumping = true;
    // One turn later, so that what is written in a row leaves together.
    await Promise.resolve();
    if (!ended) fillWindow();
    pumping = false;
    settleFlush();
    if (nextStatus !== undefined) startStatus();
  };
  const sendStatus = async (): Promise<void> => {
    const text = nextStatus;
    nextStatus = undefined;
    if (text !== undefined && !ended) await sender.status(text);
    if (ended) return;
    statusTimer = setTimeout(() => {
      statusTimer = undefined;
      if (nextStatus !== undefined) startStatus();
    }, STATUS_EVERY_MS);
  };
  let sendingStatus = false;
  const startStatus = (): void => {
    // Text that was written before must be there before: the end of the pump comes back here.
    if (pumping || sendingStatus || statusTimer !== undefined) return;
    sendingStatus = true;
    void sendStatus().finally(() => {
      sendingStatus = false;
    });
  };
  return {
    write: (fd, text) => {
      if (ended) return;
      for (let at = 0; at < text.length; ) {
        let end = Math.min(at + PIECE, text.length);
        // A character of two code units is not cut.
        if (end < text.length && (text.charCodeAt(end) & 0xfc00) === 0xdc00) end++;
        queue({ fd, text: text.slice(at, end) });
        at = end;
      }
      void pump();
    },
    status: (text) => {
      nextStatus = text;
      startStatus();
    },
    acknowledged: (upTo) => {
      for (const [number, size] of sizes) {
        if (number > upTo) break;
        sizes.delete(number);
        unacknowledged -= size;
      }
      void pump();
    },
    flushed: () =>
      new Promise((resolve) => {
        flushWaiters.push(resolve);
        if (!pumping) settleFlush();
      }),
    close: () => {
      ended = true;
      clearTimeout(statusTimer);
      waiting = [];
      newest = undefined;
      spill.close();
      settleFlush();
    },
  };
}
