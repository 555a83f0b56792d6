import { BlockList, isIP, isIPv4 } from "node:net";
import type { NetworkSettings } from "./network-settings.ts";

/** The proxy through which the caller's settings send a request, or undefined for a direct connection. */
export function proxyFor(url: URL, network: NetworkSettings): string | undefined {
  const proxy = url.protocol === "https:" ? network.httpsProxy : network.httpProxy;
  return proxy === undefined || bypassesProxy(url, network.noProxy) ? undefined : proxy;
}

/** Whether NO_PROXY exempts the URL: `*`, `host`, `.suffix` (its own name included), `host:port`, an address, or a block such as `10.0.0.0/8`. */
export function bypassesProxy(url: URL, noProxy: readonly string[]): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return noProxy.some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") {
    return true;
  }
  const slash = entry.indexOf("/");
  if (slash !== -1) {
    return isIP(host) !== 0 && blockContains(entry.slice(0, slash), Number(entry.slice(slash + 1)), host);
  }
  const [, name = entry, only] = /^\[?(.*?)\]?:(\d+)$/.exec(isIP(entry) === 6 ? "" : entry) ?? [];
  if (only !== undefined && only !== port) {
    return false;
  }
  const plain = name.replace(/^\.+/, "");
  return host === plain || (isIP(host) === 0 && host.endsWith(`.${plain}`));
}

function blockContains(network: string, prefix: number, host: string): boolean {
  const family = isIPv4(network) ? "ipv4" : "ipv6";
  if (isIP(network) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === "ipv4" ? 32 : 128)) {
    return false;
  }
  const block = new BlockList();
  block.addSubnet(network, prefix, family);
  return block.check(host, isIPv4(host) ? "ipv4" : "ipv6");
}

/** Whether `--trusted-host` names the URL's host (any port) or its host and port. */
export function isTrustedHost(url: URL, trustedHosts: readonly string[]): boolean {
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const host = url.hostname.toLowerCase();
  return trustedHosts.some((entry) => [host, `${host}:${port}`].includes(entry.toLowerCase()));
}

/** Whether pip would fetch from this place: `https:` and `file:`, loopback hosts, and hosts the caller trusts. */
export function isSecureOrigin(url: URL, trustedHosts: readonly string[]): boolean {
  const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/i.test(url.hostname);
  return url.protocol !== "http:" || loopback || isTrustedHost(url, trustedHosts);
}
