import { readFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";

/** A server that speaks plain HTTP and TLS on one port, so that both URLs name the same host. */
export interface BothSchemes {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly certificatePath: string;
  [Symbol.asyncDispose](): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts one; `secure` answers what comes over TLS, `plain` the rest. */
export async function startBothSchemes(secure: Handler, plain: Handler): Promise<BothSchemes> {
  const certificatePath = join(import.meta.dirname, "loopback-certificate.pem");
  const key = readFileSync(join(import.meta.dirname, "loopback-key.pem"));
  const inner = { tls: createHttps({ cert: readFileSync(certificatePath), key }, secure), http: createHttp(plain) };
  const sockets = new Set<Socket>();
  const outer = createServer((socket) => {
    sockets.add(socket);
    socket
      .on("error", () => {})
      .once("data", (first) => {
        socket.pause();
        socket.unshift(first);
        (first[0] === 0x16 ? inner.tls : inner.http).emit("connection", socket);
        process.nextTick(() => socket.resume());
      });
  });
  await new Promise<void>((resolve) => void outer.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(outer.address() as AddressInfo).port}`,
    certificatePath,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        outer.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
