import { createServer as createHttpServer, request as forward, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";

export interface ProxyServer {
  /** `http://127.0.0.1:<port>` or `socks5://127.0.0.1:<port>`. */
  readonly url: string;
  /** What went through: `GET http://...`, `CONNECT host:port`, `SOCKS host:port`. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

/** An HTTP proxy on the loopback interface that forwards and tunnels; with `auth` (`user:password`) it wants Basic credentials. */
export async function startHttpProxy(auth?: string): Promise<ProxyServer> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const allowed = (header: string | undefined) =>
    auth === undefined || header === `Basic ${Buffer.from(auth).toString("base64")}`;
  const server = createHttpServer((request, response) => {
    seen.push(`GET ${request.url ?? ""}`);
    if (!allowed(request.headers["proxy-authorization"])) {
      response.writeHead(407).end();
      return;
    }
    const { "proxy-authorization": _credentials, ...headers } = request.headers;
    const onward = forward(request.url ?? "", { headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end();
  });
  server.on("connect", (request, socket: Socket) => {
    seen.push(`CONNECT ${request.url ?? ""}`);
    if (!allowed(request.headers["proxy-authorization"])) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    tunnel(socket, request.url ?? "", "HTTP/1.1 200 OK\r\n\r\n");
  });
  return listen(server, "http", seen, sockets);
}

/** A SOCKS5 proxy without authentication. It is asked for names, not addresses. */
export async function startSocksProxy(): Promise<ProxyServer> {
  const seen: string[] = [];
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(Buffer.from([5, 0]));
      socket.once("data", (request: Buffer) => {
        const byName = request[3] === 3;
        const length = byName ? (request[4] ?? 0) : 4;
        const start = byName ? 5 : 4;
        const host = byName
          ? request.toString("latin1", start, start + length)
          : [...request.subarray(start, start + 4)].join(".");
        const target = `${host}:${request.readUInt16BE(start + length)}`;
        seen.push(`SOCKS ${target}`);
        tunnel(socket, target, Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0]));
      });
    });
  });
  return listen(server, "socks5", seen, new Set());
}

function tunnel(socket: Socket, target: string, greeting: string | Buffer): void {
  const at = target.lastIndexOf(":");
  const onward = connect(Number(target.slice(at + 1)), target.slice(0, at), () => {
    socket.write(greeting);
    onward.pipe(socket).pipe(onward);
  });
  onward.on("error", () => socket.destroy());
  socket.on("error", () => onward.destroy());
}

async function listen(
  server: Server | ReturnType<typeof createTcpServer>,
  scheme: string,
  seen: readonly string[],
  sockets: Set<Socket>,
): Promise<ProxyServer> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) {
          socket.destroy();
        }
      }),
  };
}
