/**
 * Pages of a package index: the JSON form (PEP 691, 700, 714) whole, the HTML form (PEP 503, 592, 658, 714) link by link.
 * What pip 26.3 takes from them, and nothing checked that pip does not check, but for the version of the interface (PEP 629).
 */
import { InvalidText } from "./invalid-text.ts";
import { joinUrl, quoteUrl, splitUrl, unquote } from "./url.ts";

/** A file of a project, as a page lists it. */
export interface IndexFile {
  /** Last part of the URL's path, decoded; the page's own `filename` where the URL does not end in the name of a distribution. */
  readonly filename: string;
  /** Absolute, quoted as pip quotes it, without fragment. */
  readonly url: string;
  /** Hex digests by algorithm ("sha256"), from the page and from the fragment of its link. Empty when the index gives none. */
  readonly hashes: Readonly<Record<string, string>>;
  /** As written; may be no valid specifier. */
  readonly requiresPython?: string;
  /** Bytes. */
  readonly size?: number;
  /** ISO 8601, as written. */
  readonly uploadTime?: string;
  /** The reason (maybe ""), or false. */
  readonly yanked: false | string;
  /** Whether `<url>.metadata` exists; its SHA-256 in hex where the index gives it. */
  readonly coreMetadata: boolean | string;
}

/** What pip sends when it asks for a page. */
export const ACCEPT_HEADER =
  "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";

/** Algorithms a link fragment may name. */
const FRAGMENT_HASH = /[#&](sha512|sha384|sha256|sha224|sha1|md5)=([^&]*)/;

const DISTRIBUTION_ENDING = /\.(?:whl|zip|tgz|tar|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))$/;

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses a project page in JSON. `pageUrl` is where it was finally found (after redirects): links may be relative to it.
 * Entries without a URL are left out. Throws {@link InvalidText} of kind "index-page" for text that is no JSON object and for an interface version
 * above 1. The URL is not part of the messages.
 */
export function parseJsonPage(text: string, pageUrl: string): IndexFile[] {
  let page: unknown;
  try {
    page = JSON.parse(text);
  } catch {
    throw new InvalidText("index-page", text, "The page is not valid JSON.");
  }
  if (!isObject(page)) {
    throw new InvalidText("index-page", text, "The page is not a JSON object.");
  }
  const version = isObject(page["meta"]) ? page["meta"]["api-version"] : undefined;
  if (typeof version === "string" || typeof version === "number") {
    checkInterfaceVersion(String(version));
  }
  const files: IndexFile[] = [];
  for (const entry of Array.isArray(page["files"]) ? page["files"] : []) {
    const file = isObject(entry) ? fileOfJson(entry, pageUrl) : undefined;
    if (file !== undefined) {
      files.push(file);
    }
  }
  return files;
}

/**
 * Checks the version an index declares (`meta.api-version`, or the content of `<meta name="pypi:repository-version">`): a major version above 1 is
 * refused, a newer minor version and text that is no version are let pass (PEP 629). Throws {@link InvalidText} of kind "index-page".
 */
export function checkInterfaceVersion(version: string): void {
  const major = /^\s*(\d+)(?:\.\d+)*\s*$/.exec(version)?.[1];
  if (major !== undefined && Number(major) > 1) {
    throw new InvalidText(
      "index-page",
      version,
      `The index speaks version ${version.trim()} of the simple repository API; only version 1 is understood.`,
    );
  }
}

/**
 * The file an anchor of an HTML page points to, undefined when it has no `href`.
 *
 * `attributes` have lower-case names and values with character references decoded; an attribute without value is "".
 * `text` is what stands between the tags; pip does not look at it, and neither does this, unless the URL has no usable file name.
 * `baseUrl` is the `href` of the first `<base>`, else the URL of the page.
 */
export function fileOfAnchor(
  attributes: Readonly<Record<string, string>>,
  text: string,
  baseUrl: string,
): IndexFile | undefined {
  const href = attributes["href"];
  if (href === undefined || href === "") {
    return undefined;
  }
  const requiresPython = attributes["data-requires-python"];
  const core = attributes["data-core-metadata"] ?? attributes["data-dist-info-metadata"];
  const coreMetadata = core === undefined ? false : (/^sha256=(.+)$/s.exec(core)?.[1] ?? true);
  return {
    ...locate(href, baseUrl, text.trim(), {}),
    ...(requiresPython ? { requiresPython } : {}),
    yanked: attributes["data-yanked"] ?? false,
    coreMetadata,
  };
}

/** An entry of `files`; undefined when it has no URL. */
export function fileOfJson(entry: JsonObject, pageUrl: string): IndexFile | undefined {
  const url = entry["url"];
  if (typeof url !== "string") {
    return undefined;
  }
  const filename = entry["filename"];
  const requiresPython = entry["requires-python"];
  const size = entry["size"];
  const uploadTime = entry["upload-time"];
  return {
    ...locate(url, pageUrl, typeof filename === "string" ? filename : "", stringValues(entry["hashes"])),
    ...(typeof requiresPython === "string" && requiresPython !== "" ? { requiresPython } : {}),
    ...(typeof size === "number" && size >= 0 ? { size } : {}),
    ...(typeof uploadTime === "string" && uploadTime !== "" ? { uploadTime } : {}),
    yanked: yankedOf(entry["yanked"]),
    coreMetadata: coreMetadataOf(entry["core-metadata"] ?? entry["dist-info-metadata"]),
  };
}

/** URL, file name and hashes of a link. A hash in the fragment wins over one the page gives beside it. */
function locate(
  reference: string,
  base: string,
  givenName: string,
  given: Readonly<Record<string, string>>,
): Pick<IndexFile, "filename" | "url" | "hashes"> {
  const isAbsolute = reference.startsWith("https://") || reference.startsWith("http://");
  const quoted = isAbsolute ? quoteUrl(reference) : joinAndQuote(base, reference);
  const hash = quoted.indexOf("#");
  const url = hash < 0 ? quoted : quoted.slice(0, hash);
  const fragment = hash < 0 ? null : FRAGMENT_HASH.exec(quoted.slice(hash));
  const hashes = fragment === null ? given : { ...given, [fragment[1] ?? ""]: fragment[2] ?? "" };
  if (givenName !== "" && url.endsWith(givenName) && url.at(-givenName.length - 1) === "/") {
    return { filename: givenName, url, hashes };
  }
  const fromUrl = fileNameOf(url);
  const useGiven = givenName !== "" && !DISTRIBUTION_ENDING.test(fromUrl) && !givenName.includes("/");
  return { filename: useGiven ? givenName : fromUrl, url, hashes };
}

/** "../../files/foo-1.0.whl#sha256=...": steps up, then names that need no quoting. */
const PLAIN_REFERENCE = /^((?:\.\.\/)*)(?:[A-Za-z0-9_][A-Za-z0-9_.~-]*\/)*[A-Za-z0-9_][A-Za-z0-9_.~-]*(?:#[^\s]*)?$/;

/** Where the last page's steps up lead: the same for all links of a page. */
let lastSteps = { base: "", steps: "", folder: "" };

/** `quoteUrl(joinUrl(base, reference))`, ten times faster for the usual link. */
function joinAndQuote(base: string, reference: string): string {
  const steps = PLAIN_REFERENCE.exec(reference)?.[1];
  if (steps === undefined) {
    return quoteUrl(joinUrl(base, reference));
  }
  if (lastSteps.base !== base || lastSteps.steps !== steps) {
    lastSteps = { base, steps, folder: quoteUrl(joinUrl(base, steps === "" ? "./" : steps)) };
  }
  return lastSteps.folder + reference.slice(steps.length);
}

/** The last part of a URL's path, decoded; what a decoded slash separates counts as folders. */
function fileNameOf(url: string): string {
  const path = unquote(splitUrl(url).path).replace(/\/+$/, "");
  return path.slice(path.lastIndexOf("/") + 1);
}

/** PEP 592 in JSON: false, true, or the reason. An empty reason means not yanked, as for pip. */
function yankedOf(value: unknown): false | string {
  if (typeof value === "string") {
    return value === "" ? false : value;
  }
  return value ? "" : false;
}

function coreMetadataOf(value: unknown): boolean | string {
  if (isObject(value)) {
    const sha256 = value["sha256"];
    return typeof sha256 === "string" && sha256 !== "" ? sha256 : true;
  }
  return Boolean(value);
}

function stringValues(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) {
    return {};
  }
  const entries = Object.entries(value);
  return entries.every(([, digest]) => typeof digest === "string")
    ? (value as Readonly<Record<string, string>>)
    : Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
