/** How one caller reaches the network: everything that its options and environment say, resolved once. Two callers may differ in all of it. */
export interface NetworkSettings {
  /** Proxy for `http:` URLs, for `https:` URLs; absent: direct. With a scheme (`http`, `https`, `socks5`), credentials as given. */
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  /** Entries of NO_PROXY: host names and suffixes, addresses, CIDR blocks, `host:port`, `*`. */
  readonly noProxy: readonly string[];
  /** Absolute path of a PEM file (or of a folder of them) that replaces the usual certificate authorities. */
  readonly certificateAuthorities?: string;
  /** Absolute path of a PEM file with the client's key and certificate. */
  readonly clientCertificate?: string;
  /** `host` or `host:port`: TLS is not verified there, and plain `http:` is accepted. */
  readonly trustedHosts: readonly string[];
  /** How long a connection may stay silent, in milliseconds. There is no limit for a whole transfer. */
  readonly idleTimeout: number;
  /** How long connecting (TLS included) may take, in milliseconds. */
  readonly connectTimeout: number;
  /** How often a request is repeated after a failure that may pass, and how often a broken body is resumed. */
  readonly retries: number;
  readonly resumeRetries: number;
  /** netrc files in the order they are tried; the first that exists counts. */
  readonly netrcFiles: readonly string[];
}

/** pip's network options after precedence: an option that nobody gave is absent. Paths are absolute. */
export interface NetworkOptions {
  readonly proxy?: string;
  readonly noProxyEnv?: boolean;
  readonly cert?: string;
  readonly clientCert?: string;
  readonly trustedHosts?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
  readonly retries?: number;
  readonly resumeRetries?: number;
}

/** Connecting is given up after this many milliseconds even if the caller allows longer silence: an index that is down must not cost more. */
const LONGEST_CONNECT = 5_000;

/**
 * The settings that follow from a caller's environment and options, as requests and pip read them: the proxy option, else the lower-case
 * variable, else the upper-case one, else ALL_PROXY; `--cert`, else REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE.
 */
export function networkSettingsOf(
  env: Readonly<Record<string, string>>,
  options: NetworkOptions = {},
): NetworkSettings {
  const trustEnvironment = options.noProxyEnv !== true;
  const variable = (name: string): string | undefined => (trustEnvironment ? env[name] || undefined : undefined);
  const either = (name: string) => variable(name.toLowerCase()) ?? variable(name);
  const cgi = env.REQUEST_METHOD !== undefined; // HTTP_PROXY may then be the `Proxy:` header of a visitor.
  const proxyOf = (scheme: "HTTP" | "HTTPS") =>
    cgi && scheme === "HTTP" ? variable("http_proxy") : (either(`${scheme}_PROXY`) ?? either("ALL_PROXY"));
  const httpProxy = proxyAddress(options.proxy ?? proxyOf("HTTP"));
  const httpsProxy = proxyAddress(options.proxy ?? proxyOf("HTTPS"));
  const authorities =
    options.cert ??
    variable("REQUESTS_CA_BUNDLE") ??
    variable("CURL_CA_BUNDLE") ??
    (env.SSL_CERT_FILE || env.SSL_CERT_DIR || undefined);
  const idleTimeout = (options.timeout ?? 15) * 1000;
  return {
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    noProxy: (either("NO_PROXY") ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
    ...(authorities === undefined ? {} : { certificateAuthorities: authorities }),
    ...(options.clientCert === undefined ? {} : { clientCertificate: options.clientCert }),
    trustedHosts: options.trustedHosts ?? [],
    idleTimeout,
    connectTimeout: Math.min(idleTimeout, LONGEST_CONNECT),
    retries: options.retries ?? 5,
    resumeRetries: options.resumeRetries ?? 5,
    netrcFiles: trustEnvironment ? netrcFilesOf(env) : [],
  };
}

/**
 * A text that two settings share exactly if the same request gets the same answer under both: it goes into the key of whatever an answer is
 * remembered by. Time-outs and retries are not in it.
 */
export function networkKey(network: NetworkSettings): string {
  const known = keys.get(network);
  if (known !== undefined) {
    return known;
  }
  const { httpProxy, httpsProxy, noProxy, certificateAuthorities, clientCertificate, trustedHosts } = network;
  const key = JSON.stringify([httpProxy, httpsProxy, noProxy, certificateAuthorities, clientCertificate, trustedHosts]);
  keys.set(network, key);
  return key;
}

const keys = new WeakMap<NetworkSettings, string>();

function netrcFilesOf(env: Readonly<Record<string, string>>): readonly string[] {
  if (env.NETRC) {
    return [env.NETRC];
  }
  return env.HOME ? [`${env.HOME}/.netrc`, `${env.HOME}/_netrc`] : [];
}

/** A proxy as a URL with a scheme undici knows: `socks5h` is `socks5`, for undici always sends the name. Empty: no proxy. */
function proxyAddress(text: string | undefined): string | undefined {
  if (text === undefined || text.trim() === "") {
    return undefined;
  }
  const trimmed = text.trim();
  return (trimmed.includes("://") ? trimmed : `http://${trimmed}`).replace(/^socks(?:5h)?:/i, "socks5:");
}
