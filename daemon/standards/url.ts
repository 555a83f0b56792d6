/**
 * URLs as Python's `urllib.parse` splits, joins and quotes them.
 *
 * pip compares, prints and records URLs in these forms; the WHATWG `URL` class normalises differently (host case, default ports, dots, percent signs).
 */

export interface SplitUrl {
  /** Lower-case, without the colon; "" when there is none. */
  readonly scheme: string;
  /** `user:password@host:port`. */
  readonly netloc: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Without the hash sign. */
  readonly fragment: string;
}

/** Schemes whose URLs are joined with relative references (`urllib.parse.uses_relative` and `uses_netloc`, as far as an index has them). */
const RELATIVE_SCHEMES: ReadonlySet<string> = new Set(["", "http", "https", "file", "ftp", "sftp"]);

/** `urllib.parse.urlsplit`: newlines and tabs inside are dropped, as are control characters and spaces before. */
export function splitUrl(url: string): SplitUrl {
  let rest = url.replace(/^[\0-\x20]+/, "").replace(/[\t\r\n]/g, "");
  let scheme = "";
  const schemeMatch = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(rest);
  if (schemeMatch !== null) {
    scheme = (schemeMatch[1] ?? "").toLowerCase();
    rest = rest.slice(schemeMatch[0].length);
  }
  let netloc = "";
  if (rest.startsWith("//")) {
    const end = rest.slice(2).search(/[/?#]/);
    netloc = end < 0 ? rest.slice(2) : rest.slice(2, end + 2);
    rest = end < 0 ? "" : rest.slice(end + 2);
  }
  const [beforeFragment, fragment] = cut(rest, "#");
  const [path, query] = cut(beforeFragment, "?");
  return { scheme, netloc, path, query, fragment };
}

/** Schemes with a network location even where it is empty (`file:///x`), as far as installers meet them (`urllib.parse.uses_netloc`). */
const NETLOC_SCHEMES: ReadonlySet<string> = new Set([
  "http",
  "https",
  "file",
  "ftp",
  "sftp",
  "svn",
  "svn+ssh",
  "git",
  "git+ssh",
]);

/** `urllib.parse.urlunsplit`. A `file:` URL without host keeps its two slashes before the path. */
export function unsplitUrl(parts: SplitUrl): string {
  let url = parts.path;
  if (parts.netloc !== "" || (NETLOC_SCHEMES.has(parts.scheme) && !url.startsWith("//"))) {
    url = `//${parts.netloc}${url !== "" && !url.startsWith("/") ? "/" : ""}${url}`;
  }
  const scheme = parts.scheme === "" ? "" : `${parts.scheme}:`;
  const query = parts.query === "" ? "" : `?${parts.query}`;
  const fragment = parts.fragment === "" ? "" : `#${parts.fragment}`;
  return scheme + url + query + fragment;
}

/** `urllib.parse.urljoin`: what a reference on a page at `base` points to (RFC 3986, section 5.2). */
export function joinUrl(base: string, reference: string): string {
  if (base === "" || reference === "") {
    return base === "" ? reference : base;
  }
  const from = splitUrl(base);
  const to = splitUrl(reference);
  const scheme = to.scheme === "" ? from.scheme : to.scheme;
  if (scheme !== from.scheme || !RELATIVE_SCHEMES.has(scheme)) {
    return reference;
  }
  if (to.netloc !== "") {
    return unsplitUrl({ ...to, scheme });
  }
  if (to.path === "") {
    const query = to.query === "" ? from.query : to.query;
    return unsplitUrl({ ...from, scheme, query, fragment: to.fragment });
  }
  return unsplitUrl({ ...to, scheme, netloc: from.netloc, path: joinPaths(from.path, to.path) });
}

function joinPaths(base: string, reference: string): string {
  const baseParts = base.split("/");
  if (baseParts.at(-1) !== "") {
    baseParts.pop();
  }
  let segments: string[];
  if (reference.startsWith("/")) {
    segments = reference.split("/");
  } else {
    segments = [...baseParts, ...reference.split("/")];
    const inner = segments.slice(1, -1).filter((segment) => segment !== "");
    segments = [segments[0] ?? "", ...inner, ...(segments.length > 1 ? segments.slice(-1) : [])];
  }
  const resolved: string[] = [];
  for (const segment of segments) {
    if (segment === "..") {
      resolved.pop();
    } else if (segment !== ".") {
      resolved.push(segment);
    }
  }
  const last = segments.at(-1);
  if (last === "." || last === "..") {
    resolved.push("");
  }
  return resolved.join("/") || "/";
}

const UNQUOTED = /^[A-Za-z0-9_.~/-]*$/;

/** `urllib.parse.quote`: percent-encodes the UTF-8 form of all but letters, digits, `_.-~` and `/`. */
export function quotePath(text: string): string {
  if (UNQUOTED.test(text)) {
    return text;
  }
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%2F", "/");
}

const decoder = new TextDecoder("utf-8");

/** `urllib.parse.unquote`: decodes percent escapes as UTF-8 with U+FFFD for what is not; a lone percent sign stays. */
export function unquote(text: string): string {
  if (!text.includes("%")) {
    return text;
  }
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Uint8Array.from(run.slice(1).split("%"), (hex) => Number.parseInt(hex, 16));
    // A leading BOM is a character for Python, and a mark to drop for the decoder.
    return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
      ? `\ufeff${decoder.decode(bytes.subarray(3))}`
      : decoder.decode(bytes);
  });
}

/**
 * Quotes the path of a URL, leaving what is quoted already (pip's `_ensure_quoted_url`): `@` and `%2F` are kept apart, so that revisions
 * of VCS URLs survive.
 */
export function quoteUrl(url: string): string {
  if (PLAIN_URL.test(url)) {
    return url;
  }
  const parts = splitUrl(url);
  const path = parts.path
    .split(/(@|%2F)/i)
    .map((part, index) => (index % 2 === 1 ? part.toUpperCase() : quotePath(unquote(part))))
    .join("");
  return parts.scheme + unsplitUrl({ ...parts, scheme: "file", path }).slice("file".length);
}

/** The common case, where nothing needs quoting: one test instead of a split and a join for each of thousands of links. */
const PLAIN_URL = /^https?:\/\/[^/?#\s]+\/[A-Za-z0-9_.~/-]*(?:#[^\s]*)?$/;

/** The text before the first separator, and the text after it ("" when there is none). */
function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
