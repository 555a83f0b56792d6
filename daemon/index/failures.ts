import { errnoOf, PipdError } from "../std/errors.ts";
import { redact } from "../std/redact.ts";
import { withoutCredentials } from "./auth.ts";
import { TOO_LONG, TOO_SLOW } from "./steady-body.ts";

/**
 * What a failed request says about the server: `unreachable` no connection came about, `timeout` it stayed silent, `broken` the connection broke
 * (another attempt may work), `certificate` it is not who it should be, `other` nothing is known.
 */
export type FailureKind = "unreachable" | "timeout" | "broken" | "certificate" | "other";

export interface Failure {
  readonly kind: FailureKind;
  /** A few words for a message. */
  readonly reason: string;
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: "the host name cannot be resolved",
  EAI_AGAIN: "the host name cannot be resolved at the moment",
  EAI_NODATA: "the host name has no address",
  EAI_NONAME: "the host name cannot be resolved",
  EAI_FAIL: "the host name cannot be resolved",
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to the host",
  EHOSTDOWN: "the host is down",
  ENETUNREACH: "the network is unreachable",
  ENETDOWN: "the network is down",
  EADDRNOTAVAIL: "the address is not available",
  ETIMEDOUT: "connecting timed out",
  UND_ERR_CONNECT_TIMEOUT: "connecting timed out",
  UND_ERR_PRX_TLS: "the proxy's certificate is not valid",
  UND_ERR_PRX_CONN: "the proxy broke the connection",
};

const TIMEOUTS: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: "the server did not answer in time",
  UND_ERR_BODY_TIMEOUT: "the server stopped sending",
  [TOO_SLOW]: "the server sends next to nothing",
};

const BROKEN: Readonly<Record<string, string>> = {
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_CLOSED: "the connection was closed",
  UND_ERR_DESTROYED: "the connection was closed",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer was incomplete",
  UND_ERR_RES_EXCEEDED_MAX_SIZE: "the answer was too long",
  UND_ERR_INFO: "the connection was closed",
};

/** Sorts an error of undici, of a socket or of TLS. The innermost cause that says something counts. */
export function failureOf(error: unknown): Failure {
  const code = errnoOf(error);
  if (code !== undefined) {
    const known = sortCode(code);
    if (known !== undefined) {
      return known;
    }
  }
  if (error instanceof AggregateError) {
    const inner = error.errors.map(failureOf).find((failure) => failure.kind !== "other");
    if (inner !== undefined) {
      return inner;
    }
  }
  const message = error instanceof Error ? error.message : String(error);
  const proxied = /^Proxy response \((\d+)\)/.exec(message) ?? /^Proxy Authentication Required \((407)\)/.exec(message);
  if (proxied !== null) {
    return { kind: "unreachable", reason: `the proxy answered ${proxied[1]}` };
  }
  if (/socks5?/i.test(message)) {
    return { kind: "unreachable", reason: `the SOCKS proxy failed: ${message}` };
  }
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined || cause === null ? { kind: "other", reason: message } : failureOf(cause);
}

function sortCode(code: string): Failure | undefined {
  const unreachable = UNREACHABLE[code];
  const timeout = TIMEOUTS[code];
  const broken =
    BROKEN[code] ?? (code.startsWith("ERR_HTTP2") || code.startsWith("HPE_") ? "the connection broke" : undefined);
  if (unreachable !== undefined) {
    return { kind: "unreachable", reason: unreachable };
  }
  if (timeout !== undefined) {
    return { kind: "timeout", reason: timeout };
  }
  if (broken !== undefined) {
    return { kind: "broken", reason: broken };
  }
  if (code === TOO_LONG) {
    return { kind: "other", reason: "the answer is far too long" };
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code)) {
    return { kind: "certificate", reason: `its certificate cannot be verified (${code})` };
  }
  return undefined;
}

/** A failure that another attempt may not meet again. */
export class PassingFailure extends Error {
  /** What to tell when there is no other attempt. */
  readonly told: PipdError;

  constructor(told: PipdError) {
    super(told.message);
    this.told = told;
  }
}

/** What to do about a server that is there and does not do its work. */
export const TRY_AGAIN = "Try again later; --timeout and --retries make pipd more patient.";

/** The PipdError "index-unreachable" for the host of `url`. */
export function unreachable(url: URL, reason: string, cause?: unknown): PipdError {
  return new PipdError("index-unreachable", `Could not reach ${url.origin}: ${reason}`, {
    hint: UNREACHABLE_HINT,
    cause,
  });
}

/** The same for a host that has not been asked again, for it failed a moment ago; `quiet` milliseconds are left. */
export function stillUnreachable(url: URL, reason: string, quiet: number): PipdError {
  const seconds = Math.ceil(quiet / 1000);
  return new PipdError("index-unreachable", `Could not reach ${url.origin} a moment ago: ${reason}`, {
    hint: `${UNREACHABLE_HINT} The host is asked again in ${seconds} s.`,
  });
}

const UNREACHABLE_HINT = "Check the network connection, the proxy settings and the index URL.";

/** The error as a person may read it (a PipdError), wrapped as {@link PassingFailure} if another attempt may help. */
export function told(error: unknown, url: URL, failure: Failure = failureOf(error)): unknown {
  const at = redact(withoutCredentials(url));
  if (error instanceof PipdError) {
    return error;
  }
  switch (failure.kind) {
    case "certificate":
      return new PipdError("certificate-invalid", `Could not connect to ${url.origin}: ${failure.reason}`, {
        hint: "If the host is to be trusted, name its certificate authority with --cert, or the host with --trusted-host.",
        cause: error,
      });
    case "unreachable":
      return new PassingFailure(unreachable(url, failure.reason, error));
    case "timeout":
    case "broken":
      return new PassingFailure(
        new PipdError("request-failed", `Could not fetch ${at}: ${failure.reason}`, { hint: TRY_AGAIN, cause: error }),
      );
    case "other":
      return new PipdError("request-failed", `Could not fetch ${at}: ${redact(failure.reason)}`, {
        hint: TRY_AGAIN,
        cause: error,
      });
  }
}
