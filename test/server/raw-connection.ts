import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createFrameScanner, decodeBody, encodeFrame } from "../../protocol/framing.ts";
import { proofText } from "../../protocol/session.ts";
import { hmacSha256Hex } from "../../protocol/sha256.ts";
import type { Sandbox } from "../harness/sandbox.ts";

/** A client without manners: sends whatever bytes or messages a test wants, and keeps what comes back. */
export interface RawConnection {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): void;
  /** Sends a request and resolves with the response. */
  request(
    method: string,
    params: unknown,
  ): Promise<{
    readonly result?: unknown;
    readonly error?: { readonly code: number; readonly data?: { readonly code?: string; readonly action?: string } };
  }>;
  notify(method: string, params: unknown): void;
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>;
}

type Answer = Awaited<ReturnType<RawConnection["request"]>>;

export async function dialRaw(path: string): Promise<RawConnection> {
  const socket = connect(path);
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  socket.on("close", () => close());
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  socket.on("error", () => {});
  const waiting = new Map<number, (answer: Answer) => void>();
  const scanner = createFrameScanner((body) => {
    const message = decodeBody(body) as Answer & { readonly id?: number };
    if (message.id !== undefined) waiting.get(message.id)?.(message);
  });
  socket.on("data", (chunk) => scanner.bytes(chunk));
  let id = 0;
  return {
    socket,
    closed,
    send: (bytes) => void socket.write(bytes),
    notify: (method, params) => void socket.write(encodeFrame({ jsonrpc: "2.0", method, params })),
    request: (method, params) => {
      const { promise, resolve } = Promise.withResolvers<Answer>();
      waiting.set(++id, resolve);
      socket.write(encodeFrame({ jsonrpc: "2.0", id, method, params }));
      void closed.then(() => resolve({ error: { code: 0, data: { code: "closed" } } }));
      return promise;
    },
  };
}

export const NONCE = "ab".repeat(32);

/** Parameters of `initialize` as the client would send them to this daemon, with what a test wants otherwise. */
export function initializeParams(
  namespace: { readonly host: string; readonly mnt: string },
  changes: object = {},
): object {
  return {
    protocol: { min: 1, max: 1 },
    client: { name: "pipd", version: "0", buildId: "0+0.0", pid: process.pid },
    nonce: NONCE,
    namespace,
    ...changes,
  };
}

/** Completes the handshake. Gives the result of `initialize`. */
export async function shakeHandsRaw(
  connection: RawConnection,
  namespace: { readonly host: string; readonly mnt: string },
  tokenPath: string,
): Promise<{ readonly nonce: string; readonly proof: string }> {
  const { result } = await connection.request("initialize", initializeParams(namespace));
  const { nonce, proof } = result as { readonly nonce: string; readonly proof: string };
  connection.notify("initialized", {
    proof: hmacSha256Hex(readFileSync(tokenPath, "latin1"), proofText(NONCE, nonce, "client")),
  });
  return { nonce, proof };
}

/** Connects to the sandbox's running daemon and completes the handshake. */
export async function dialDaemon(sandbox: Sandbox): Promise<RawConnection & AsyncDisposable> {
  const folder = readdirSync(sandbox.runtime).find((name) => /^[0-9a-f]{14}$/.test(name));
  const connection = await dialRaw(join(sandbox.runtime, folder ?? "", "sock"));
  const namespace = {
    host: readFileSync("/proc/sys/kernel/hostname", "utf8").trim(),
    mnt: readlinkSync("/proc/self/ns/mnt"),
  };
  await shakeHandsRaw(connection, namespace, join(sandbox.runtime, folder ?? "", "token"));
  return {
    ...connection,
    [Symbol.asyncDispose]: async () => {
      connection.socket.destroy();
      await connection.closed;
    },
  };
}
