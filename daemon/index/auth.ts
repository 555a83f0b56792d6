import { readFileSync, statSync } from "node:fs";
import type { Netrc } from "./netrc.ts";
import { parseNetrc } from "./netrc.ts";
import type { NetworkSettings } from "./network-settings.ts";

/** Finds the credentials a request is sent with. */
export interface Credentials {
  /**
   * The value of the Authorization header for `url`, or undefined: the user name and password in the URL itself, else those of the first of
   * `locations` (index URLs) on the same host and port, else those of the caller's netrc file. As pip, they are sent without being asked for;
   * unlike pip, what belongs to an `https:` location is never sent in the clear.
   */
  authorization(url: URL, locations: readonly string[], network: NetworkSettings): string | undefined;
}

/** Makes a finder that reads each netrc file again only when it has changed, and looks for that once for each settings object (a command has one). */
export function createCredentials(): Credentials {
  const answers = new WeakMap<NetworkSettings, Map<string, string | undefined>>();
  const files = new Map<string, { readonly stamp: string; readonly netrc: Netrc | undefined }>();

  function load(path: string): Netrc | undefined {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) {
      files.delete(path);
      return undefined;
    }
    const stamp = `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
    const known = files.get(path);
    if (known?.stamp === stamp) {
      return known.netrc;
    }
    const netrc = parseNetrc(readFileSync(path, "utf8"));
    files.set(path, { stamp, netrc });
    return netrc;
  }

  /** requests ignores a netrc file that cannot be read or parsed, and so do we. */
  function netrcOf(paths: readonly string[]): Netrc | undefined {
    for (const path of paths) {
      try {
        const netrc = load(path);
        if (netrc !== undefined) {
          return netrc;
        }
      } catch {
        return undefined;
      }
    }
    return undefined;
  }

  function find(url: URL, locations: readonly string[], network: NetworkSettings): string | undefined {
    for (const candidate of [url.href, ...locations]) {
      const other = URL.canParse(candidate) ? new URL(candidate) : undefined;
      if (other?.host === url.host && !isDowngrade(other, url) && (other.username !== "" || other.password !== "")) {
        return basic(decode(other.username), decode(other.password));
      }
    }
    const isExposed = (location: string): boolean => {
      const other = URL.canParse(location) ? new URL(location) : undefined;
      return other?.hostname === url.hostname && isDowngrade(other, url);
    };
    if (locations.some(isExposed)) {
      return undefined;
    }
    const netrc = netrcOf(network.netrcFiles);
    const entry = netrc?.get(url.hostname) ?? netrc?.get("default");
    return entry === undefined ? undefined : basic(entry.login === "" ? entry.account : entry.login, entry.password);
  }

  return {
    authorization(url, locations, network) {
      const known = answers.get(network) ?? new Map<string, string | undefined>();
      answers.set(network, known);
      // Of a location on the same host only its credentials count: they are the same for all paths.
      const key = [url.protocol, url.username, url.password, url.host, ...locations.map(authorityOf)].join(" ");
      if (!known.has(key)) known.set(key, find(url, locations, network));
      return known.get(key);
    },
  };
}

/** Scheme, credentials, host and port of a URL, as written. */
export function authorityOf(url: string): string {
  const start = url.indexOf("//") + 2;
  const end = start < 2 ? -1 : url.slice(start).search(/[/?#]/);
  return end === -1 ? url : url.slice(0, start + end);
}

/** The URL without user name, password and fragment: what is asked for, compared and shown. */
export function withoutCredentials(url: string | URL): string {
  const parsed = new URL(url);
  parsed.username = "";
  parsed.password = "";
  parsed.hash = "";
  return parsed.href;
}

function isDowngrade(from: URL, to: URL): boolean {
  return from.protocol === "https:" && to.protocol === "http:";
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, "utf8").toString("base64")}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
