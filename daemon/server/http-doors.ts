import { randomBytes } from "node:crypto";
import { lstatSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { DaemonStatus } from "../../protocol/methods.ts";
import type { DaemonPaths } from "../../protocol/session.ts";
import { writeFileAtomically } from "../std/files.ts";
import type { HttpApp, HttpAppParts } from "./http.ts";
import { type Door, openDoor } from "./listen.ts";
import type { Log } from "./log.ts";
import { errorFacts } from "./rpc-error.ts";

/** Where the daemon answers over HTTP. */
export interface HttpDoors {
  readonly facts: NonNullable<DaemonStatus["http"]>;
  /** Accepts nobody any more. */
  close(): void;
}

export interface HttpDoorsParts extends Omit<HttpAppParts, "access" | "describeError"> {
  readonly paths: Pick<DaemonPaths, "folder" | "http" | "httpToken">;
  readonly platform: string;
  readonly pid: number;
  readonly log: Log;
}

/** Connections at a time over all doors. */
const MOST_CONNECTIONS = 64;

/**
 * Answers over HTTP when the settings ask for that (R13): `http` for the socket, `httpPort` for the loopback interface, too (0: any free port).
 * A port that is taken keeps nobody from serving: `facts` then says why.
 */
export async function serveHttp(
  { http, httpPort }: { readonly http: boolean; readonly httpPort: number | undefined },
  parts: HttpDoorsParts,
): Promise<HttpDoors | undefined> {
  if ((!http && httpPort === undefined) || parts.lifecycle.retiring) return undefined;
  try {
    const doors = await openHttpDoors(parts, httpPort);
    if (parts.lifecycle.retiring) doors.close();
    return doors;
  } catch (error) {
    const reason = `not served: ${error instanceof Error ? error.message : String(error)}`;
    parts.log.error({ error: reason }, "HTTP");
    return { facts: { error: reason }, close: () => {} };
  }
}

/**
 * Opens the socket (0600, in the daemon's own folder) and, if there is to be one, the port. The HTTP server itself is loaded with the first
 * connection: until then both cost a descriptor each. Rejects with the system's error when one of them cannot be opened.
 */
async function openHttpDoors(parts: HttpDoorsParts, port: number | undefined): Promise<HttpDoors> {
  const { paths, platform, pid, log } = parts;
  const token = port === undefined ? undefined : randomBytes(32).toString("hex");
  const sockets = new Set<Socket>();
  let url: string | undefined;
  let loaded: Promise<HttpApp> | undefined;
  const load = (): Promise<HttpApp> =>
    (loaded ??= import("./http.ts").then(({ createHttpApp }) =>
      createHttpApp({
        ...parts,
        describeError: errorFacts,
        access: (viaPort) => (viaPort ? { hosts: hostsOf(url), token } : { hosts: ["localhost", "pipd"] }),
      }),
    ));
  const accept = (socket: Socket, viaPort: boolean): void => {
    socket.on("error", () => {});
    if (sockets.size >= MOST_CONNECTIONS) return void socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    load().then(
      (app) => app.serve(socket, viaPort),
      (error: unknown) => {
        loaded = undefined;
        log.error({ error: String(error) }, "the HTTP server could not be loaded");
        socket.destroy();
      },
    );
  };
  // A pipe on Windows has nothing but its name to protect it: there only the port, with its token, is offered.
  const door: Door | undefined =
    platform === "win32"
      ? undefined
      : await openDoor(paths.http, `${paths.folder}/.h.${pid}`, platform, (socket) => accept(socket, false));
  const opened = token === undefined ? undefined : await openPort(port ?? 0, (socket) => accept(socket, true), door);
  url = opened?.url;
  if (token !== undefined) writeFileAtomically(paths.httpToken, token);
  else rmSync(paths.httpToken, { force: true });
  const tokenFile = token === undefined ? undefined : lstatSync(paths.httpToken);
  return {
    facts: { ...(door === undefined ? {} : { socket: paths.http }), ...(url === undefined ? {} : { url }) },
    close: () => {
      door?.close();
      opened?.close();
      const now = lstatSync(paths.httpToken, { throwIfNoEntry: false });
      if (now !== undefined && now.ino === tokenFile?.ino) rmSync(paths.httpToken, { force: true });
      for (const socket of sockets) socket.end();
    },
  };
}

/** What a client on this machine may call us: anything else is a name that somebody has pointed here. */
function hostsOf(url: string | undefined): readonly string[] {
  if (url === undefined) return [];
  const { port } = new URL(url);
  const names = ["127.0.0.1", "localhost"];
  // A client leaves the port of the scheme out.
  return port === "" ? names : names.map((name) => `${name}:${port}`);
}

async function openPort(
  port: number,
  accept: (socket: Socket) => void,
  door: Door | undefined,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer(accept);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ port, host: "127.0.0.1" }, resolve);
  try {
    await promise;
  } catch (error) {
    door?.close();
    throw error;
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
