import type { Readable, Writable } from "node:stream";
import {
  type CancellationToken,
  CancellationTokenSource,
  createMessageConnection,
  Emitter,
  ErrorCodes,
  Message,
  type MessageReader,
  type MessageWriter,
  NullLogger,
  type PartialMessageInfo,
  ResponseError,
} from "vscode-jsonrpc/node";
import { createFrameScanner, decodeBody, encodeFrame } from "../../protocol/framing.ts";
import { METHODS, type MethodName, type Params, type Result } from "../../protocol/methods.ts";
import type { ErrorFacts } from "../../protocol/wire.ts";
import { PipdError } from "../std/errors.ts";
import { errorFacts } from "./rpc-error.ts";

/** One connection, with the methods of protocol/methods.ts. The only user of the JSON-RPC library in the daemon. */
export interface Peer {
  request<Name extends MethodName>(method: Name, params: Params<Name>, signal: AbortSignal): Promise<Result<Name>>;
  /** Resolves when the bytes have been handed to the system, so a caller that waits cannot fill the memory. Never rejects: a closed peer takes nothing. */
  notify<Name extends MethodName>(method: Name, params: Params<Name>): Promise<void>;
  /** Whether it wants `$/progress`; set by the handshake. */
  wantsProgress: boolean;
  /** Resolves when every request that has come has been answered and the system has the answers. */
  answered(): Promise<void>;
  /** Aborted when the connection has ended, from either side. */
  readonly closed: AbortSignal;
  close(): void;
}

/** What a connection does with what arrives. `signal` is aborted when the caller cancels the request. */
export interface Receiver {
  request(method: MethodName, params: unknown, signal: AbortSignal): Promise<unknown>;
  notification(method: MethodName, params: unknown): void;
  /** The first broken message; the connection closes itself. */
  broken(reason: Error): void;
}

/** Speaks JSON-RPC over two streams. `end` closes the transport. @param maxBody bytes of a message that may come, asked for with each (R15) */
export function openPeer(
  input: Readable,
  output: Writable,
  end: () => void,
  receiver: Receiver,
  maxBody: () => number,
): Peer {
  const writer = createWriter(output);
  const answers = countAnswers(writer, (waiting) => {
    // Who does not read is not read from either, and who has asked that much by then is gone.
    if (waiting === MOST_WAITING) input.pause();
    else if (waiting === MOST_WAITING / 2) input.resume();
    else if (waiting > MOST_WAITING * 16) {
      receiver.broken(new Error("the answers are not read"));
      close();
    }
  });
  const connection = createMessageConnection(createReader(input, maxBody), writer, NullLogger);
  const gone = new AbortController();
  const close = (): void => {
    if (gone.signal.aborted) return;
    gone.abort(CLOSED);
    answers.release();
    connection.dispose();
    end();
  };
  connection.onError(([error]) => {
    receiver.broken(error);
    close();
  });
  connection.onClose(close);
  connection.onRequest(async (method, params, token) => {
    answers.expect();
    if (!isMethod(method, "request"))
      throw new ResponseError(ErrorCodes.MethodNotFound, `no such method: ${method.slice(0, 100)}`);
    try {
      return await receiver.request(method, params, signalOf(token));
    } catch (error) {
      throw responseError(error);
    }
  });
  connection.onNotification((method, params) => {
    if (isMethod(method, "notification")) receiver.notification(method, params);
  });
  connection.listen();
  return {
    closed: gone.signal,
    wantsProgress: false,
    close,
    answered: () => answers.done(),
    request: async (method, params, signal) => {
      const source = new CancellationTokenSource();
      const { promise: givenUp, reject } = Promise.withResolvers<never>();
      // The other side is told, and not waited for: it may be stuck in a read.
      const cancel = (): void => {
        source.cancel();
        reject(new PipdError("server-cancelled", "cancelled"));
      };
      signal.addEventListener("abort", cancel, { once: true });
      if (signal.aborted) cancel();
      try {
        return await Promise.race([
          connection.sendRequest<Result<typeof method>>(method, params, source.token),
          givenUp,
        ]);
      } finally {
        signal.removeEventListener("abort", cancel);
        source.dispose();
      }
    },
    notify: async (method, params) => {
      if (gone.signal.aborted) return;
      // The reader reports a broken transport; a lost notification is no second error.
      await connection.sendNotification(method, params).catch(() => {});
    },
  };
}

/** Made once: the error that an abort without a reason brings along takes a tenth of a millisecond to make. */
const CLOSED = new DOMException("the connection has ended", "AbortError");
const CANCELLED = new DOMException("the caller has cancelled the request", "AbortError");

/**
 * What comes in, within the limits of the framing: the library's own reader has none, and nothing that follows a broken frame is looked at.
 * Without its streams, as setting those up for one short command took longer than the command.
 */
function createReader(input: Readable, maxBody: () => number): MessageReader {
  const errors = new Emitter<Error>();
  const closings = new Emitter<void>();
  const partial = new Emitter<PartialMessageInfo>();
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    closings.fire();
  };
  return {
    onError: errors.event,
    onClose: closings.event,
    onPartialMessage: partial.event,
    listen: (callback) => {
      const scanner = createFrameScanner(
        (body) => {
          if (open) callback(decodeBody(body) as Message);
        },
        { maxBody },
      );
      const onData = (chunk: Uint8Array): void => {
        try {
          if (open) scanner.bytes(chunk);
        } catch (error) {
          if (!open) return;
          open = false;
          errors.fire(error as Error);
        }
      };
      input.on("data", onData);
      input.on("error", (error) => errors.fire(error));
      input.on("end", close);
      input.on("close", close);
      return { dispose: () => void input.off("data", onData) };
    },
    dispose: () => {
      open = false;
      errors.dispose();
      closings.dispose();
      partial.dispose();
    },
  };
}

/**
 * Writes messages to a stream; those of one round of the event loop are one piece for the system: the library's own writer makes two system calls of each
 * message, and waits for the first before the second. `write` resolves when the system has taken the bytes.
 */
function createWriter(output: Writable): MessageWriter {
  const errors = new Emitter<[Error, Message | undefined, number | undefined]>();
  const closings = new Emitter<void>();
  // Both stay when this is disposed of: what was written before may fail after, and an error that nobody listens to ends the process.
  output.on("error", (error) => errors.fire([error, undefined, undefined]));
  output.on("close", () => closings.fire());
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
    onClose: closings.event,
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
      errors.dispose();
      closings.dispose();
    },
  };
}

/** Answers that may be ready for a client that does not take them. */
const MOST_WAITING = 32;

/** Follows what the library writes, since it does not say when an answer has left. @param changed called with the number of answers that are ready and have not left */
function countAnswers(
  writer: MessageWriter,
  changed: (waiting: number) => void,
): { expect(): void; release(): void; done(): Promise<void> } {
  let open = 0;
  let ready = 0;
  let waiters: (() => void)[] = [];
  const release = (): void => {
    for (const waiter of waiters) waiter();
    waiters = [];
  };
  const write = writer.write.bind(writer);
  writer.write = async (message) => {
    if (!Message.isResponse(message)) return write(message);
    changed(++ready);
    try {
      await write(message);
    } finally {
      changed(--ready);
    }
    open = Math.max(0, open - 1);
    if (open === 0) release();
  };
  return {
    expect: () => {
      open++;
    },
    release,
    done: () => new Promise((resolve) => (open === 0 ? resolve() : void waiters.push(resolve))),
  };
}

function isMethod(method: string, kind: "request" | "notification"): method is MethodName {
  return (
    Object.hasOwn(METHODS, method) &&
    METHODS[method as MethodName].kind === kind &&
    METHODS[method as MethodName].from !== "server"
  );
}

function signalOf(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort(CANCELLED);
  else token.onCancellationRequested(() => controller.abort(CANCELLED));
  return controller.signal;
}

function responseError(error: unknown): ResponseError<ErrorFacts> {
  const { code, message, data } = errorFacts(error);
  return new ResponseError(code, message, data);
}
