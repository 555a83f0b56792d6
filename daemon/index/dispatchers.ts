import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SecureContext } from "node:tls";
import type { Agent, buildConnector, Dispatcher, Pool, ProxyAgent } from "undici";
import { PipdError } from "../std/errors.ts";
import { createLruMap } from "../std/lru-map.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { isTrustedHost, proxyFor } from "./proxies.ts";

/** undici's pools, one per way to reach the network. */
export interface Dispatchers {
  /** What to send a request for `url` with. Throws PipdError "certificate-file" if the caller's certificates cannot be read. */
  get(url: URL, network: NetworkSettings): Promise<Dispatcher>;
  close(): Promise<void>;
}

export interface DispatcherOptions {
  /** Loads undici, with the first request. */
  readonly load: () => Promise<Undici>;
  /** Connections to a host that speaks HTTP/1.1. */
  readonly connections: number;
  /** Requests at once on an HTTP/2 connection. */
  readonly streams: number;
  /** Told the origin when a connection to it turns out to speak HTTP/2. */
  readonly onHttp2: (origin: string) => void;
}

/** More ways than this at a time are not kept: the one used least recently is closed once its requests are done. */
const MOST_DISPATCHERS = 8;
/** Idle connections stay open that long, in milliseconds, unless the server says otherwise: the next command finds them warm. */
const KEEP_ALIVE = 60_000;
const H2_WINDOW = 4 * 1024 * 1024;

/** What is used of it; the bundle has nothing else (test/build.mjs). */
interface Undici {
  readonly Agent: typeof Agent;
  readonly Pool: typeof Pool;
  readonly ProxyAgent: typeof ProxyAgent;
  readonly buildConnector: typeof buildConnector;
}

type Connect = (
  options: never,
  callback: (error: Error | null, socket: { readonly alpnProtocol?: unknown } | null) => void,
) => unknown;

/** Makes the daemon's pools. */
export function createDispatchers(options: DispatcherOptions): Dispatchers {
  const contexts = createLruMap<SecureContext>(MOST_DISPATCHERS);
  const closing = new Set<Promise<void>>();
  const dispatchers = createLruMap<Dispatcher>(MOST_DISPATCHERS, undefined, retire);
  const live = new Set<Dispatcher>();

  function retire(dispatcher: Dispatcher): void {
    live.delete(dispatcher);
    const closed = dispatcher.close().catch(() => {});
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  }

  return {
    async get(url, network) {
      const undici = await options.load();
      const proxy = proxyFor(url, network);
      const trusted = isTrustedHost(url, network.trustedHosts);
      const tlsKey = tlsKeyOf(network);
      // A pool for plain http alone needs no certificates, and loading them takes a while.
      const secure = url.protocol === "https:" || proxy !== undefined;
      const key = JSON.stringify([proxy, trusted, secure, tlsKey, network.connectTimeout]);
      const known = dispatchers.get(key);
      if (known !== undefined) {
        return known;
      }
      const context = secure ? (contexts.get(tlsKey) ?? (await secureContextOf(network))) : undefined;
      if (context !== undefined) {
        contexts.set(tlsKey, context);
      }
      const made = dispatchers.get(key) ?? make(undici, { proxy, trusted, context, network, options });
      live.add(made);
      dispatchers.set(key, made);
      return made;
    },
    async close() {
      await Promise.all([...live].map((dispatcher) => dispatcher.destroy().catch(() => {})));
      live.clear();
      dispatchers.clear();
      await Promise.all(closing);
    },
  };
}

interface Way {
  readonly proxy: string | undefined;
  readonly trusted: boolean;
  readonly context: SecureContext | undefined;
  readonly network: NetworkSettings;
  readonly options: DispatcherOptions;
}

function make(undici: Undici, { proxy, trusted, context, network, options }: Way): Dispatcher {
  const tls = {
    ...(context === undefined ? {} : { secureContext: context }),
    rejectUnauthorized: !trusted,
    timeout: network.connectTimeout,
    allowH2: true,
    preferH2: true,
  };
  const pool = {
    connections: options.connections,
    allowH2: true,
    connectTimeout: network.connectTimeout,
    keepAliveTimeout: KEEP_ALIVE,
    h2Options: {
      maxConcurrentStreams: options.streams,
      connectionWindowSize: 4 * H2_WINDOW,
      settings: { initialWindowSize: H2_WINDOW },
    },
  };
  // The connector is the one place that sees which protocol was agreed on.
  const factory = (origin: string | URL, given: object) => {
    const connect = (given as { readonly connect: Connect }).connect;
    const { origin: name } = new URL(origin);
    return new undici.Pool(name, {
      ...pool,
      ...given,
      connect: watched(connect, () => options.onHttp2(name)) as never,
    });
  };
  if (proxy === undefined) {
    return new undici.Agent({ ...pool, factory, connect: undici.buildConnector(tls) });
  }
  // undici would speak TLS to a SOCKS proxy that has settings for it.
  const proxyTls = proxy.startsWith("socks") ? {} : { proxyTls: { ...tls, allowH2: false } };
  return new undici.ProxyAgent({ ...pool, factory, uri: proxy, requestTls: tls, ...proxyTls });
}

function watched(connect: Connect, onHttp2: () => void): Connect {
  return (options, callback) =>
    connect(options, (error, socket) => {
      if (socket?.alpnProtocol === "h2") {
        onHttp2();
      }
      callback(error, socket);
    });
}

/** Changes when the certificates do, so that a repaired bundle counts without a new daemon. */
function tlsKeyOf(network: NetworkSettings): string {
  const paths = [network.certificateAuthorities, network.clientCertificate];
  return JSON.stringify(
    paths.map((path) => (path === undefined ? null : [path, statSync(path, { throwIfNoEntry: false })?.mtimeMs])),
  );
}

/** One context for all connections: reading a bundle of 140 authorities takes milliseconds each time. */
async function secureContextOf(network: NetworkSettings): Promise<SecureContext> {
  const tls = await import("node:tls");
  const { certificateAuthorities: authorities, clientCertificate: client } = network;
  const ca =
    authorities === undefined
      ? [...new Set([...tls.getCACertificates("default"), ...tls.getCACertificates("system")])]
      : readPem(authorities, "TLS CA certificate bundle");
  const own = client === undefined ? undefined : readPem(client, "TLS certificate file");
  return tls.createSecureContext({ ca, ...(own === undefined ? {} : { cert: own, key: own }) });
}

function readPem(path: string, what: string): string {
  try {
    if (!statSync(path).isDirectory()) {
      return readFileSync(path, "utf8");
    }
    const files = readdirSync(path).filter((name) => /\.(?:pem|crt|cer|\d+)$/.test(name));
    return files.map((name) => readFileSync(join(path, name), "utf8")).join("\n");
  } catch (cause) {
    throw new PipdError("certificate-file", `Could not find a suitable ${what}, invalid path: ${path}`, {
      hint: "Check --cert, --client-cert, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE.",
      cause,
    });
  }
}
