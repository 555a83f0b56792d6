import { setTimeout as wait } from "node:timers/promises";
import type { Dispatcher } from "undici";
import { PipdError } from "../std/errors.ts";
import { once } from "../std/once.ts";
import { redact } from "../std/redact.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import { createCredentials, withoutCredentials } from "./auth.ts";
import { ACCEPT_ENCODING, decode } from "./content-coding.ts";
import { createDispatchers } from "./dispatchers.ts";
import { failureOf, PassingFailure, stillUnreachable, told, unreachable } from "./failures.ts";
import type { Host, HostHealth } from "./hosts.ts";
import { createHosts } from "./hosts.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { networkKey } from "./network-settings.ts";
import { proxyFor } from "./proxies.ts";
import { createIdentities } from "./request-identity.ts";
import { retryAfterOf } from "./retry-after.ts";
import { type BodyLimits, steadyBody, wholeBody } from "./steady-body.ts";

export interface HttpRequest {
  /** `http:` or `https:`; may hold credentials; a fragment is ignored. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly network: NetworkSettings;
  /** The index or page the URL was found at: its credentials serve for the same host. */
  readonly location?: string;
  /** Gives a whole body as the server sent it, its Content-Encoding undone by nobody. */
  readonly asSent?: boolean;
  /** Of the whole body, decompressed, in bytes: a longer one is an attack. Default 128 MiB; a stream has no limit unless it is given. */
  readonly longest?: number;
}

/** The head of an answer. Redirects have been followed; every status is an answer, errors included. */
export interface HttpHead {
  readonly status: number;
  /** Names in lower case; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where the answer came from in the end, without credentials. */
  readonly url: string;
}

export interface HttpAnswer extends HttpHead {
  /** Decompressed, unless it was wanted as it was sent. */
  readonly body: Uint8Array;
}

/** An answer whose body is read as it comes, as the server sent it. It must be read to its end or cancelled. */
export interface HttpStream extends HttpHead {
  readonly body: AsyncIterable<Uint8Array>;
  cancel(): void;
}

/**
 * The daemon's one way to the network. Both methods throw PipdError: "index-unreachable" when no connection comes about (remembered for a while, so
 * that the next request fails at once), "request-failed" when a connection breaks or stays silent more often than the settings allow,
 * "certificate-invalid", "too-many-redirects"; and the signal's reason when that is aborted.
 */
export interface HttpClient {
  /** GETs a whole body. Identical requests under way at the same time are one. */
  get(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** GETs, and gives the body as a stream. A connection that breaks later is the caller's to mend. */
  open(request: HttpRequest, signal: AbortSignal): Promise<HttpStream>;
  /** What an answer depends on besides the URL: the credentials sent with the request, and the caller's network settings. */
  identity(request: HttpRequest): string;
  /** Waits before attempt number `attempt` (1 is the first repetition), at least as long as Retry-After says. */
  backOff(attempt: number, retryAfter: string | undefined, signal: AbortSignal): Promise<void>;
  /** How the hosts that were asked have been, each once per way of reaching it. */
  health(): readonly HostHealth[];
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly userAgent: string;
  /** Requests at once to a host that speaks HTTP/1.1. */
  readonly concurrency: number;
  /** Requests at once to a host that speaks HTTP/2. */
  readonly streams?: number;
  /** Milliseconds before the first repetition; doubled before each further one. */
  readonly backOff?: number;
}

const RETRIED: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 520, 527]);
const MOST_REDIRECTS = 20;
const REDIRECT_HINT = "Check the URL; the server, or a proxy before it, is not set up as an index should be.";
/** Bytes of a body, decompressed, beyond which it is an attack. */
export const LONGEST_BODY = 128 * 1024 * 1024;
const LONGEST_BACK_OFF = 10_000;
const LONGEST_RETRY_AFTER = 60_000;
/** How long a host that was down may take for an answer. */
const SHORT_ATTEMPT = 1_000;

/** One exchange with one host, and how to free its place there. */
interface Exchange {
  readonly host: Host;
  readonly response: Dispatcher.ResponseData;
  readonly url: URL;
  readonly leave: () => void;
}

/** The server wants to be asked again. */
class Repetition {
  readonly retryAfter: string | undefined;

  constructor(response: Dispatcher.ResponseData) {
    this.retryAfter = headerOf(response, "retry-after");
  }
}

/** Makes the client; nothing is loaded or opened before the first request. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock, concurrency, streams = 100, backOff: firstBackOff = 250 } = options;
  const hosts = createHosts(concurrency, clock);
  const raised = new Set<string>();
  const asked = new Map<string, Host>();
  // Each import costs as much as the rest of what is done before a request is sent.
  const loadQueue = once(async () => (await import("p-queue")).default);
  const dispatchers = createDispatchers({
    // In the bundle a CommonJS package has its names on `default` alone.
    load: once(async () => (await import("undici")).default),
    connections: concurrency,
    streams,
    onHttp2: (origin) => {
      raised.add(origin);
      asked.get(origin)?.raise(streams); // Those who wait need not wait for the first answer.
    },
  });
  const credentials = createCredentials();
  const flights = createSingleFlight<string, HttpAnswer>();

  const authorizationOf = (url: URL, { url: asked, location, network }: HttpRequest) =>
    credentials.authorization(url, location === undefined ? [asked] : [asked, location], network);

  const identity = createIdentities((request: HttpRequest) => authorizationOf(new URL(request.url), request));

  async function exchange(url: URL, request: HttpRequest, signal: AbortSignal, last: boolean): Promise<Exchange> {
    const { network } = request;
    const PQueue = await loadQueue();
    // Who waits for a shorter time finds a host down that is not down for others.
    const host = hosts.get(`${url.origin} ${networkKey(network)} ${network.idleTimeout}`, PQueue);
    refuseIfDown(host, url, clock());
    asked.set(url.origin, host);
    const leave = await host.enter(signal);
    const started = clock();
    const { down } = host;
    const late = new AbortController();
    const timer = down === undefined ? undefined : setTimeout(() => late.abort(), SHORT_ATTEMPT).unref();
    try {
      refuseIfDown(host, url, started);
      const dispatcher = await dispatchers.get(url, network);
      const authorization = authorizationOf(url, request);
      const began = clock();
      host.asked();
      const response = await dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: "GET",
        headers: {
          "user-agent": options.userAgent,
          "accept-encoding": "identity",
          ...request.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        headersTimeout: network.idleTimeout,
        bodyTimeout: network.idleTimeout,
        signal: down === undefined ? signal : AbortSignal.any([signal, late.signal]),
      });
      if (raised.has(url.origin)) {
        host.raise(streams);
      }
      host.answered(clock() - began);
      if (response.statusCode >= 500) host.erred(`status ${response.statusCode}`);
      return { host, response, url, leave };
    } catch (error) {
      leave();
      if (signal.aborted) throw signal.reason;
      const took = clock() - started;
      if (down !== undefined && late.signal.aborted) {
        host.failed(down.reason, took);
        throw unreachable(url, down.reason, error);
      }
      throw markHost(error, host, url, { network, last, took });
    } finally {
      clearTimeout(timer);
    }
  }

  async function follow(request: HttpRequest, signal: AbortSignal, last: boolean): Promise<Exchange> {
    let url = new URL(request.url);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const found = await exchange(url, request, signal, last);
      const target = redirectOf(found.response, url);
      if (target === undefined) {
        return found;
      }
      await drop(found);
      url = target;
    }
    throw new PipdError(
      "too-many-redirects",
      `${withoutCredentials(request.url)} is redirected more than ${MOST_REDIRECTS} times.`,
      { hint: REDIRECT_HINT },
    );
  }

  /** Runs `attempt` until it gives something other than a wish to be repeated, or fails in a way that repeating does not mend. */
  async function retrying<T>(
    request: HttpRequest,
    signal: AbortSignal,
    attempt: (last: boolean) => Promise<T | Repetition>,
  ): Promise<T> {
    for (let number = 0; ; number++) {
      const last = number >= request.network.retries;
      let retryAfter: string | undefined;
      try {
        const result = await attempt(last);
        if (!(result instanceof Repetition)) {
          return result;
        }
        ({ retryAfter } = result);
      } catch (error) {
        if (!(error instanceof PassingFailure)) {
          throw error;
        }
        if (last || signal.aborted) {
          throw signal.aborted ? signal.reason : error.told;
        }
      }
      await backOff(number + 1, retryAfter, signal);
    }
  }

  async function backOff(attempt: number, retryAfter: string | undefined, signal: AbortSignal): Promise<void> {
    const longest = Math.min(firstBackOff * 2 ** (attempt - 1), LONGEST_BACK_OFF);
    const asked = retryAfterOf(retryAfter, clock());
    try {
      await wait(Math.max(asked, longest * (0.5 + options.random() / 2)), undefined, { signal });
    } catch {
      throw signal.reason;
    }
  }

  /** True if the answer is to be asked for again; its body is gone then. */
  async function toBeRepeated(found: Exchange, last: boolean): Promise<boolean> {
    const { statusCode } = found.response;
    if (statusCode === 429 || statusCode === 503) {
      found.host.slowDown();
    }
    const asked = retryAfterOf(headerOf(found.response, "retry-after"), clock());
    if (last || !RETRIED.has(statusCode) || asked > LONGEST_RETRY_AFTER) {
      return false;
    }
    await drop(found);
    return true;
  }

  async function fetchWhole(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    return retrying(request, signal, async (last) => {
      const found = await follow(request, signal, last);
      if (await toBeRepeated(found, last)) {
        return new Repetition(found.response);
      }
      try {
        const longest = request.longest ?? LONGEST_BODY;
        const raw = await wholeBody(found.response.body, { patience: request.network.idleTimeout, longest, clock });
        const head = headOf(found);
        if (request.asSent === true) return { ...head, body: raw };
        return { ...head, body: decode(raw, head.headers["content-encoding"], head.url, longest) };
      } catch (error) {
        throw signal.aborted ? signal.reason : told(error, found.url);
      } finally {
        found.leave();
      }
    });
  }

  return {
    get(request, signal) {
      const whole = { ...request, headers: { "accept-encoding": ACCEPT_ENCODING, ...request.headers } };
      const key = JSON.stringify([
        withoutCredentials(request.url),
        request.headers,
        request.asSent,
        identity(request),
        request.network.retries,
        request.network.idleTimeout,
      ]);
      return flights.run(key, signal, (shared) => fetchWhole(whole, shared));
    },
    open(request, signal) {
      return retrying(request, signal, async (last) => {
        const found = await follow(request, signal, last);
        if (await toBeRepeated(found, last)) {
          return new Repetition(found.response);
        }
        const { longest = Number.POSITIVE_INFINITY } = request;
        return streamOf(found, { patience: request.network.idleTimeout, longest, clock }, signal);
      });
    },
    identity,
    backOff,
    health: () => hosts.health(),
    close: () => dispatchers.close(),
  };
}

function refuseIfDown({ down }: Host, url: URL, now: number): void {
  if (down !== undefined && now < down.quietUntil) {
    throw stillUnreachable(url, down.reason, down.quietUntil - now);
  }
}

/** Draws the conclusions of a failed exchange: a host that was not heard of lately is down at once, another one gets further attempts. */
function markHost(
  error: unknown,
  host: Host,
  url: URL,
  { network, last, took }: { readonly network: NetworkSettings; readonly last: boolean; readonly took: number },
): unknown {
  if (error instanceof PipdError) {
    return error;
  }
  const failure = failureOf(error);
  const proxy = proxyFor(url, network);
  const reason = proxy === undefined ? failure.reason : `${failure.reason} (through the proxy ${redact(proxy)})`;
  host.erred(redact(reason));
  const silent = failure.kind === "unreachable" || failure.kind === "timeout";
  if (silent && (last || !host.reachedLately)) {
    host.failed(reason, took);
    return unreachable(url, reason, error);
  }
  return told(error, url, { ...failure, reason });
}

function redirectOf({ statusCode, headers }: Dispatcher.ResponseData, from: URL): URL | undefined {
  const location = headers.location;
  if (
    ![301, 302, 303, 307, 308].includes(statusCode) ||
    typeof location !== "string" ||
    !URL.canParse(location, from.href)
  ) {
    return undefined;
  }
  const target = new URL(location, from);
  if (target.protocol !== "http:" && target.protocol !== "https:") {
    throw new PipdError(
      "bad-redirect",
      `${withoutCredentials(from.href)} redirects to ${redact(target.href)}, which is not followed.`,
      { hint: REDIRECT_HINT },
    );
  }
  return target;
}

/** Reads what is left of a body nobody wants, so that its connection can be used again. */
async function drop({ response, leave }: Exchange): Promise<void> {
  await response.body.dump().catch(() => {});
  leave();
}

function streamOf(found: Exchange, limits: BodyLimits, signal: AbortSignal): HttpStream {
  const { response, url, leave } = found;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* steadyBody(response.body, limits);
    } catch (error) {
      const failure = signal.aborted ? signal.reason : told(error, url);
      throw failure instanceof PassingFailure ? failure.told : failure;
    } finally {
      leave();
    }
  }
  return {
    ...headOf(found),
    body: chunks(),
    cancel() {
      response.body.on("error", () => {}).destroy();
      leave();
    },
  };
}

function headOf({ response, url }: Exchange): HttpHead {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) {
      headers[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
    }
  }
  return { status: response.statusCode, headers, url: withoutCredentials(url.href) };
}

function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === "string" ? value : undefined;
}
