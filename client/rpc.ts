import type { Readable, Writable } from "node:stream";
import { createFrameScanner, decodeBody, encodeFrame } from "../protocol/framing.ts";
import type { MethodName, Params, Result } from "../protocol/methods.ts";
import {
  type ErrorFacts,
  isMessage,
  type Message,
  type RequestMessage,
  type ResponseMessage,
} from "../protocol/wire.ts";

/** The other side answered a request with an error. */
export class RemoteError extends Error {
  override readonly name = "RemoteError";
  readonly facts: ErrorFacts;

  constructor(message: string, facts: ErrorFacts) {
    super(message);
    this.facts = facts;
  }
}

/** The connection ended before a request was answered. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
  /** Whether it was given up because the other side sent what is no message of the protocol. */
  readonly broken: boolean;

  constructor(message: string, broken = false) {
    super(message);
    this.broken = broken;
  }
}

/** A request in progress; `id` is what `$/cancelRequest` takes. */
export interface Pending<T> {
  readonly id: number;
  readonly answer: Promise<T>;
}

type Handler = (params: never) => unknown;

/** A connection that speaks the methods of protocol/methods.ts. Written for start-up time: the daemon uses a library. */
export interface Rpc {
  request<Name extends MethodName>(method: Name, params: Params<Name>): Pending<Result<Name>>;
  notify<Name extends MethodName>(method: Name, params: Params<Name>): void;
  /** What is done with a request or notification of the other side. A handler of a request returns or promises the result. */
  on<Name extends MethodName>(
    method: Name,
    handler: (params: Params<Name>) => Result<Name> | Promise<Result<Name>>,
  ): void;
  close(): void;
}

/** Speaks over two streams; `destroy` closes the transport. */
export function createRpc(input: Readable, output: Writable, destroy: () => void): Rpc {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const handlers = new Map<string, Handler>();
  let lastId = 0;
  let lost: ConnectionLost | undefined;

  const end = (reason: string, broken = false): void => {
    if (lost !== undefined) return;
    lost = new ConnectionLost(reason, broken);
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
    destroy();
  };
  const send = (message: Message): void => {
    if (lost === undefined) output.write(encodeFrame(message));
  };
  const answer = async ({ id, method, params }: RequestMessage): Promise<void> => {
    const handler = handlers.get(method);
    if (handler === undefined)
      return send({ jsonrpc: "2.0", id, error: { code: -32601, message: `no such method: ${method}` } });
    try {
      send({ jsonrpc: "2.0", id, result: await handler(params as never) });
    } catch (error) {
      send({ jsonrpc: "2.0", id, error: { code: -32603, message: String(error) } });
    }
  };
  const settle = ({ id, result, error }: ResponseMessage): void => {
    const pending = waiting.get(id as number);
    waiting.delete(id as number);
    if (error === undefined) pending?.resolve(result);
    else pending?.reject(new RemoteError(error.message, error.data ?? {}));
  };
  const receive = (message: unknown): void => {
    if (!isMessage(message)) throw new Error("not a JSON-RPC message");
    if (!("method" in message)) return settle(message);
    if ("id" in message) return void answer(message);
    handlers.get(message.method)?.(message.params as never);
  };
  const scanner = createFrameScanner((body) => receive(decodeBody(body)));
  input.on("data", (chunk: Uint8Array) => {
    try {
      scanner.bytes(chunk);
    } catch (error) {
      end(`bad message: ${(error as Error).message}`, true);
    }
  });
  for (const stream of [input, output]) stream.on("error", (error) => end(error.message));
  input.on("end", () => end("closed"));
  input.on("close", () => end("closed"));
  return {
    request: (method, params) => {
      const id = ++lastId;
      const promise = new Promise<never>((resolve, reject) => {
        if (lost !== undefined) return reject(lost);
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      });
      send({ jsonrpc: "2.0", id, method, params });
      return { id, answer: promise };
    },
    notify: (method, params) => send({ jsonrpc: "2.0", method, params }),
    on: (method, handler) => void handlers.set(method, handler),
    close: () => end("closed here"),
  };
}
