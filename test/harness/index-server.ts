import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createSecureServer } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type Answer, type Fault, isHit, send, spoilt } from "./faults.ts";
import type { ServedFile } from "./index-pages.ts";
import { htmlPage, jsonPage } from "./index-pages.ts";

export type { ServedFile } from "./index-pages.ts";

export interface IndexServerOptions {
  /** Files by name. Their project is found in the name. */
  readonly files?: Readonly<Record<string, ServedFile>>;
  /** Extra answers by path, e.g. `/links.html`. */
  readonly pages?: Readonly<Record<string, { readonly type: string; readonly body: string }>>;
  /** `json` answers JSON to those who accept it, `html` HTML to all. */
  readonly format?: "json" | "html";
  /** Seconds for Cache-Control of pages; undefined: no Cache-Control. Default 600. */
  readonly maxAge?: number | undefined;
  /** Default true. */
  readonly etags?: boolean;
  readonly gzip?: boolean;
  /** Whether files may be read in parts. Default true. */
  readonly ranges?: boolean;
  /** Milliseconds before every answer. */
  readonly latency?: number;
  /** Bytes per second of a body. */
  readonly bandwidth?: number;
  /** `user:password` that every request must bring. */
  readonly auth?: string;
  /** By path, e.g. `/simple/demo/` or `/files/demo-1.0-py3-none-any.whl`. */
  readonly faults?: Readonly<Record<string, Fault>>;
  /** https with HTTP/2 and HTTP/1.1 ("h2"), or with HTTP/1.1 only ("h1"). The certificate is `certificatePath` of the server. */
  readonly tls?: "h2" | "h1";
  /** Any free one by default. */
  readonly port?: number;
  /** Which certificate: a good one, one that has run out, one of another host. */
  readonly certificate?: CertificateKind;
}

type CertificateKind = "loopback" | "expired" | "other-host";

export interface Counters {
  readonly requests: number;
  /** 200 and 404 answers of project pages; a 304 counts below. */
  readonly pages: number;
  readonly notModified: number;
  readonly metadata: number;
  /** Requests for files, and those of them that were answered with 206. */
  readonly files: number;
  readonly ranges: number;
  readonly inFlight: number;
  readonly maxInFlight: number;
  readonly connections: number;
}

export interface IndexServer {
  /** The Simple API's root, with a slash at the end. */
  readonly url: string;
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** PEM file to trust when `tls` is set. */
  readonly certificatePath: string;
  /** Headers of every request so far, by path, the newest last. */
  readonly seen: ReadonlyMap<string, readonly Readonly<Record<string, string | string[] | undefined>>[]>;
  counters(): Counters;
  resetCounters(): void;
  /** Replaces the options that are given. */
  set(options: Partial<IndexServerOptions>): void;
  /** Breaks all connections; new ones are accepted. */
  cut(): void;
  close(): Promise<void>;
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

const JSON_TYPE = "application/vnd.pypi.simple.v1+json";
const certificateOf = ({ certificate = "loopback" }: IndexServerOptions): string =>
  join(import.meta.dirname, `${certificate}-certificate.pem`);
const keyPath = new URL("./loopback-key.pem", import.meta.url);

/** Starts a package index on the loopback interface. */
export async function startIndexServer(initial: IndexServerOptions = {}): Promise<IndexServer> {
  let options = initial;
  let counters = zero();
  const sockets = new Set<Socket>();
  const faultsLeft = new Map<Fault, number>();
  const seen = new Map<string, Readonly<Record<string, string | string[] | undefined>>[]>();

  const faultOf = (path: string, range: string | undefined): Fault | undefined => {
    const fault = options.faults?.[path];
    if (fault === undefined || !isHit(fault, range)) {
      return undefined;
    }
    const left = faultsLeft.get(fault) ?? fault.times ?? Number.POSITIVE_INFINITY;
    faultsLeft.set(fault, left - 1);
    return left > 0 ? fault : undefined;
  };

  const onRequest = async (request: Request, response: Response): Promise<void> => {
    const path = decodeURI(new URL(request.url ?? "/", "http://x").pathname);
    seen.set(path, [...(seen.get(path) ?? []), { ...request.headers }]);
    counters.requests += 1;
    counters.inFlight += 1;
    counters.maxInFlight = Math.max(counters.maxInFlight, counters.inFlight);
    let open = true;
    const ended = () => {
      counters.inFlight -= open ? 1 : 0;
      open = false;
    };
    response.once("finish", ended).once("close", ended);
    if (options.latency) {
      await sleep(options.latency);
    }
    const answer = spoilt(answerOf(request, path, options, faultOf(path, request.headers.range)));
    count(counters, path, answer.status);
    await send(response, answer, options.bandwidth);
  };

  const handler = (request: Request, response: Response) => {
    onRequest(request, response).catch(() => response.destroy());
  };
  const server = makeServer(options, handler);
  server.on("connection", (socket: Socket) => {
    counters.connections += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const origin = `${options.tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${origin}/simple/`,
    origin,
    certificatePath: certificateOf(initial),
    seen,
    counters: () => ({ ...counters }),
    resetCounters: () => {
      counters = { ...zero(), inFlight: counters.inFlight };
    },
    set: (changed) => {
      options = { ...options, ...changed };
    },
    cut,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

/** The project a file name belongs to, normalised. */
export function projectOfFile(filename: string): string {
  const name = filename.endsWith(".whl") ? (filename.split("-")[0] ?? "") : filename.replace(/-[^-]*$/, "");
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function zero(): Mutable<Counters> {
  return {
    requests: 0,
    pages: 0,
    notModified: 0,
    metadata: 0,
    files: 0,
    ranges: 0,
    inFlight: 0,
    maxInFlight: 0,
    connections: 0,
  };
}

function count(counters: Mutable<Counters>, path: string, status: number): void {
  if (path.startsWith("/simple/")) {
    counters[status === 304 ? "notModified" : "pages"] += 1;
  } else if (path.endsWith(".metadata")) {
    counters.metadata += 1;
  } else if (path.startsWith("/files/")) {
    counters.files += 1;
    counters.ranges += status === 206 ? 1 : 0;
  }
}

function makeServer(options: IndexServerOptions, handler: (request: Request, response: Response) => void): Server {
  if (options.tls === undefined) {
    return createServer(handler);
  }
  const secure = createSecureServer(
    {
      cert: readFileSync(certificateOf(options)),
      key: readFileSync(keyPath),
      allowHTTP1: true,
      ALPNProtocols: options.tls === "h2" ? ["h2", "http/1.1"] : ["http/1.1"],
      settings: { maxConcurrentStreams: 250 },
    },
    handler,
  );
  return secure;
}

function answerOf(request: Request, path: string, options: IndexServerOptions, fault: Fault | undefined): Answer {
  const plain = (status: number, headers: Record<string, string | number> = {}, body = `${status}\n`): Answer => ({
    status,
    headers: { "content-type": "text/plain", ...headers },
    body: Buffer.from(body),
    fault,
  });
  if (fault?.redirect !== undefined) {
    return plain(fault.status ?? 302, { location: fault.redirect });
  }
  if (fault?.status !== undefined) {
    return plain(fault.status, {
      ...fault.headers,
      ...(fault.retryAfter === undefined ? {} : { "retry-after": fault.retryAfter }),
    });
  }
  if (
    options.auth !== undefined &&
    request.headers.authorization !== `Basic ${Buffer.from(options.auth).toString("base64")}`
  ) {
    return plain(401, { "www-authenticate": 'Basic realm="test"' });
  }
  const page = options.pages?.[path];
  if (page !== undefined) {
    return answerPage(request, page.type, page.body, options, fault);
  }
  if (path.startsWith("/simple/")) {
    return simplePage(request, path, options, fault) ?? plain(404);
  }
  return fileAnswer(request, path, options, fault) ?? plain(404);
}

function simplePage(
  request: Request,
  path: string,
  options: IndexServerOptions,
  fault: Fault | undefined,
): Answer | undefined {
  const project = path.slice("/simple/".length).replace(/\/$/, "");
  const files = Object.entries(options.files ?? {}).filter(([name]) => projectOfFile(name) === project);
  if (files.length === 0) {
    return undefined;
  }
  const json = options.format !== "html" && (request.headers.accept ?? "").includes(JSON_TYPE);
  const body = json ? jsonPage(project, files) : htmlPage(files);
  return answerPage(request, json ? JSON_TYPE : "text/html; charset=utf-8", body, options, fault);
}

function answerPage(
  request: Request,
  type: string,
  text: string,
  options: IndexServerOptions,
  fault: Fault | undefined,
): Answer {
  const etag = `"${createHash("sha256").update(text).digest("hex").slice(0, 16)}"`;
  const maxAge = "maxAge" in options ? options.maxAge : 600;
  const headers: Record<string, string> = {
    "content-type": type,
    vary: "Accept, Accept-Encoding",
    ...(options.etags === false ? {} : { etag }),
    ...(maxAge === undefined ? {} : { "cache-control": `max-age=${maxAge}, public` }),
  };
  if (options.etags !== false && request.headers["if-none-match"] === etag) {
    return { status: 304, headers, body: new Uint8Array(), fault };
  }
  const zip = options.gzip === true && [request.headers["accept-encoding"]].join(",").includes("gzip");
  return {
    status: 200,
    headers: zip ? { ...headers, "content-encoding": "gzip" } : headers,
    body: zip ? gzipSync(text) : Buffer.from(text),
    fault,
  };
}

function fileAnswer(
  request: Request,
  path: string,
  options: IndexServerOptions,
  fault: Fault | undefined,
): Answer | undefined {
  const name = path.replace(/^\/files\//, "");
  const whole = bytesOf(name, options, fault);
  if (!path.startsWith("/files/") || whole === undefined) {
    return undefined;
  }
  const etag = `"${createHash("sha256").update(whole).digest("hex").slice(0, 16)}"`;
  const headers = {
    "content-type": "application/octet-stream",
    "cache-control": "max-age=365000000, immutable, public",
    ...(options.ranges === false ? {} : { "accept-ranges": "bytes" }),
    ...(options.etags === false ? {} : { etag }),
  };
  const asked = options.ranges === false ? undefined : rangeOf(request, whole.length, etag);
  if (asked === undefined) {
    return { status: 200, headers, body: whole, fault };
  }
  const [start, end] = asked;
  if (start >= whole.length) {
    return {
      status: 416,
      headers: { ...headers, "content-range": `bytes */${whole.length}` },
      body: new Uint8Array(),
      fault,
    };
  }
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${start}-${end}/${whole.length}` },
    body: whole.subarray(start, end + 1),
    fault,
  };
}

function bytesOf(name: string, options: IndexServerOptions, fault: Fault | undefined): Uint8Array | undefined {
  const file = options.files?.[name.replace(/\.metadata$/, "")];
  if (fault?.body !== undefined) {
    return Buffer.from(fault.body);
  }
  if (!name.endsWith(".metadata")) {
    return file?.bytes;
  }
  return file?.metadata === undefined ? undefined : Buffer.from(file.metadata);
}

/** First and last byte asked for, or undefined for the whole file. */
function rangeOf(request: Request, length: number, etag: string): readonly [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "");
  const condition = request.headers["if-range"];
  if (match === null || (condition !== undefined && condition !== etag)) {
    return undefined;
  }
  if (match[1] === "") {
    return [Math.max(0, length - Number(match[2])), length - 1];
  }
  return [Number(match[1]), match[2] === "" ? length - 1 : Math.min(Number(match[2]), length - 1)];
}
