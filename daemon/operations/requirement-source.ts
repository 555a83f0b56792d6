import { isAbsolute, join, normalize } from "node:path";
import { isWheelFilename } from "../standards/filename.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { type Marker, parseMarker } from "../standards/marker.ts";
import { parseRequirement, type Requirement } from "../standards/requirement.ts";
import { PipdError } from "../std/errors.ts";
import { fileUrlOfPath, pathOfFileUrl } from "../std/file-url.ts";
import { kindOfPath } from "../std/read-file.ts";

/** One thing the user asked for, parsed: a requirement by name, or a wheel at a path or URL. */
export interface Wanted {
  /** As typed. */
  readonly text: string;
  /** Where it stands, as pip says it: `-r requirements.txt (line 3)`; "" for the command line. */
  readonly origin: string;
  readonly wants:
    | { readonly kind: "requirement"; readonly requirement: Requirement }
    | {
        readonly kind: "wheel";
        readonly url: string;
        readonly extras: readonly string[];
        readonly marker: Marker | undefined;
      };
  /** `sha256:...` from `--hash`. */
  readonly hashes: readonly string[];
}

const ARCHIVES = /\.(zip|tar\.gz|tgz|tar|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$/i;
const VCS_SCHEME = /^(git|hg|svn|bzr)\+/;

/**
 * Reads one requirement as pip does: a PEP 508 requirement, a path or a URL (both with optional extras and marker).
 * @param cwd the caller's directory, for relative paths
 * @throws PipdError `invalid-requirement`, `not-supported-yet` for sources that would have to be built
 */
export function parseWanted(text: string, origin: string, cwd: string, hashes: readonly string[] = []): Wanted {
  const { body, marker } = splitMarker(text);
  const { body: location, extras } = splitExtras(body);
  const url = urlOf(location, cwd, text, origin);
  if (url === undefined)
    return { text, origin, hashes, wants: { kind: "requirement", requirement: requirementOf(text, origin, cwd) } };
  refuseSources(url, text);
  return {
    text,
    origin,
    hashes,
    wants: { kind: "wheel", url, extras, marker: marker === "" ? undefined : markerOf(marker, text, origin) },
  };
}

function markerOf(marker: string, text: string, origin: string): Marker {
  try {
    return parseMarker(marker);
  } catch (error) {
    throw invalid(text, origin, error);
  }
}

function splitMarker(text: string): { readonly body: string; readonly marker: string } {
  const separator = /^[a-z][a-z0-9+.-]*:/i.test(text) || /@\s*[a-z][a-z0-9+.-]*:/i.test(text) ? /;\s+|\s;/ : /;/;
  const match = separator.exec(text);
  return match === null
    ? { body: text.trim(), marker: "" }
    : { body: text.slice(0, match.index).trim(), marker: text.slice(match.index + match[0].length).trim() };
}

function splitExtras(body: string): { readonly body: string; readonly extras: readonly string[] } {
  const open = body.lastIndexOf("[");
  const list = body.slice(open + 1, -1);
  if (open < 1 || !body.endsWith("]") || list.includes("]")) return { body, extras: [] };
  return {
    body: body.slice(0, open),
    extras: list
      .split(",")
      .map((extra) => extra.trim())
      .filter((extra) => extra !== ""),
  };
}

/** The URL that a requirement names instead of a project, or undefined when it is a requirement by name (`name @ url` included). */
function urlOf(location: string, cwd: string, text: string, origin: string): string | undefined {
  if (VCS_SCHEME.test(location) || /^(https?|file):/i.test(location))
    return location.startsWith("file:") ? canonicalFileUrl(location) : location;
  if (/^[A-Za-z0-9._-]+\s*(\[[^\]]*\])?\s*@/.test(location)) return undefined;
  const path = isAbsolute(location) ? normalize(location) : join(cwd, location);
  const looksLikePath = location.includes("/") || location.startsWith(".");
  const kind = kindOfPath(path);
  if (kind === "folder" && looksLikePath) return fileUrlOfPath(path);
  if (isWheelFilename(location) || ARCHIVES.test(location)) {
    if (kind !== "file") {
      throw new PipdError(
        "invalid-requirement",
        `Could not install packages due to an OSError: [Errno 2] No such file or directory: '${path}'${fromOrigin(origin)}`,
        {
          hint: `Check the path; relative paths start at ${cwd}.`,
        },
      );
    }
    return fileUrlOfPath(path);
  }
  if (looksLikePath) throw missingPath(text, location, kind, origin);
  return undefined;
}

function missingPath(text: string, location: string, kind: "file" | "folder" | undefined, origin: string): PipdError {
  const hint =
    kind === "file"
      ? `It looks like a path. The path does exist. The argument you provided (${location}) appears to be a requirements file. If that is the case, use the '-r' flag to install the packages specified within it.`
      : `It looks like a path. File '${location}' does not exist.`;
  return new PipdError(
    "invalid-requirement",
    `Invalid requirement: '${text}': Expected package name at the start of dependency specifier${fromOrigin(origin)}\nHint: ${hint}`,
  );
}

function canonicalFileUrl(url: string): string {
  const path = pathOfFileUrl(url);
  const fragment = url.includes("#") ? url.slice(url.indexOf("#")) : "";
  return path === undefined ? url : fileUrlOfPath(path) + fragment;
}

function refuseSources(url: string, text: string): void {
  const path = pathOfFileUrl(url);
  const bare = url.replace(/[#?].*$/, "");
  if (VCS_SCHEME.test(url)) throw notSupported(`a version control URL (${text})`);
  if (path !== undefined && kindOfPath(path) === "folder") throw notSupported(`a source folder (${text})`);
  if (ARCHIVES.test(bare)) throw notSupported(`a source archive (${text})`);
  if (!isWheelFilename(decodeURIComponent(bare.slice(bare.lastIndexOf("/") + 1))))
    throw notSupported(`something that is not a wheel (${text})`);
}

function notSupported(what: string): PipdError {
  return new PipdError(
    "not-supported-yet",
    `Installing ${what} is not supported by pipd yet: it would have to be built from source.`,
    {
      hint: "Build a wheel first (pip wheel), and install that.",
    },
  );
}

function requirementOf(text: string, origin: string, cwd: string): Requirement {
  let requirement: Requirement;
  try {
    requirement = parseRequirement(text);
  } catch (error) {
    throw invalid(text, origin, error);
  }
  if (requirement.url === undefined) return requirement;
  const url = requirement.url.startsWith("file:") ? canonicalFileUrl(requirement.url) : requirement.url;
  if (/^\.{0,2}\//.test(url)) return { ...requirement, url: fileUrlOfPath(isAbsolute(url) ? url : join(cwd, url)) };
  refuseSources(url, text);
  return { ...requirement, url };
}

function invalid(text: string, origin: string, error: unknown): PipdError {
  if (!(error instanceof InvalidText)) throw error;
  const single = /^[^=<>!~]+=[^=]/.test(text) ? "\nHint: = is not a valid operator. Did you mean == ?" : "";
  return new PipdError(
    "invalid-requirement",
    `Invalid requirement: '${text}': ${error.message}${fromOrigin(origin)}${single}`,
    { cause: error },
  );
}

function fromOrigin(origin: string): string {
  return origin === "" ? "" : ` (from ${origin})`;
}
