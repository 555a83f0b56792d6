import type { Writable } from "node:stream";
import type { Disposable, Event, Message, MessageWriter } from "vscode-jsonrpc/node";
import { encodeFrame } from "../../protocol/framing.ts";

/**
 * Writes messages to a stream; those of one round of the event loop are one piece for the system: the library's own writer makes two system calls of each
 * message, and waits for the first before the second. `write` resolves when the system has taken the bytes.
 */
export function createMessageWriter(output: Writable): MessageWriter {
  const errors = createEvent<[Error, Message | undefined, number | undefined]>();
  const closes = createEvent<void>();
  const fail = (error: Error): void => errors.fire([error, undefined, undefined]);
  const close = (): void => closes.fire();
  output.on("error", fail);
  output.on("close", close);
  let waiting: Uint8Array[] = [];
  let settlers: ((error: Error | null | undefined) => void)[] = [];
  const flush = (): void => {
    const [frames, settling] = [waiting, settlers];
    [waiting, settlers] = [[], []];
    output.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames), (error) => {
      for (const settle of settling) settle(error);
    });
  };
  return {
    onError: errors.event,
    onClose: closes.event,
    write: (message) =>
      new Promise((resolve, reject) => {
        if (waiting.push(encodeFrame(message)) === 1) setImmediate(flush);
        settlers.push((error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    end: () => void output.end(),
    dispose: () => {
      output.off("error", fail);
      output.off("close", close);
    },
  };
}

/** The library's kind of event, with nothing of the library. */
function createEvent<T>(): { readonly event: Event<T>; readonly fire: (value: T) => void } {
  const listeners = new Set<(value: T) => void>();
  const event = (listener: (value: T) => void, self?: unknown): Disposable => {
    const bound = (value: T): void => listener.call(self, value);
    listeners.add(bound);
    return { dispose: () => void listeners.delete(bound) };
  };
  return {
    event,
    fire: (value) => {
      for (const listener of listeners) listener(value);
    },
  };
}
