/** `direct_url.json` (PEP 610): where a distribution came from when it was not an index. As pip 26.3 and packaging 26.3 read and write it. */
import { InvalidText } from "./invalid-text.ts";
import { pythonJsonString } from "./python-lines.ts";
import { splitUrl, unsplitUrl } from "./url.ts";

export interface DirectUrl {
  /** Of the archive, the directory (`file:`) or the repository (without `git+`). May hold credentials until it is rendered. */
  readonly url: string;
  /** Exactly one of the three is there. */
  readonly archiveInfo?: ArchiveOrigin;
  readonly vcsInfo?: VcsOrigin;
  readonly dirInfo?: DirectoryOrigin;
  readonly subdirectory?: string;
}

export interface ArchiveOrigin {
  /** Hex digests by algorithm name, in the order given. */
  readonly hashes?: Readonly<Record<string, string>>;
}

export interface VcsOrigin {
  /** "git", "hg", "bzr" or "svn"; others are kept. */
  readonly vcs: string;
  readonly commitId: string;
  readonly requestedRevision?: string;
}

export interface DirectoryOrigin {
  readonly editable?: boolean;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses the text of a `direct_url.json`. Throws {@link InvalidText} of kind "direct-url" with packaging's words
 * ("Missing required value in 'vcs_info.commit_id'"); pip then warns and goes on as if the file were not there.
 */
export function parseDirectUrl(text: string): DirectUrl {
  const fail = (message: string, context?: string): never => {
    throw new InvalidText("direct-url", text, context === undefined ? message : `${message} in '${context}'`);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return fail("Invalid JSON");
  }
  if (!isObject(json)) {
    return fail("Unexpected type (expected object)");
  }
  const read = reader(fail);
  const url = read.string(json, "url", "") ?? fail("Missing required value", "url");
  const archive = read.object(json, "archive_info");
  const archiveInfo = archive && { archiveInfo: archiveOf(archive, read, fail) };
  const vcs = read.object(json, "vcs_info");
  const vcsInfo = vcs && { vcsInfo: vcsOf(vcs, read, fail) };
  const directory = read.object(json, "dir_info");
  const dirInfo = directory && { dirInfo: directoryOf(directory, fail) };
  const subdirectory = read.string(json, "subdirectory", "");
  if ([archive, vcs, directory].filter((origin) => origin !== undefined).length !== 1) {
    fail("Exactly one of vcs_info, archive_info, dir_info must be present");
  }
  if (dirInfo !== undefined) {
    const parts = splitUrl(url);
    if (parts.scheme !== "file") {
      fail("URL scheme must be file:// when dir_info is present", "url");
    }
    if (!parts.path.startsWith("/")) {
      fail("File URL must be absolute when dir_info is present", "url");
    }
  }
  return { url, ...archiveInfo, ...vcsInfo, ...dirInfo, ...(subdirectory === undefined ? {} : { subdirectory }) };
}

/**
 * The JSON object pip puts into `--report` (`download_info`) and `inspect`: credentials removed unless they are `${VARIABLES}` or the user `git`,
 * the legacy `hash` beside `hashes`, keys in the order of packaging's class.
 */
export function directUrlJson(direct: DirectUrl): JsonObject {
  const [hash] = Object.entries(direct.archiveInfo?.hashes ?? {});
  return {
    url: withoutSecrets(direct.url),
    ...(direct.archiveInfo && {
      archive_info: {
        ...(direct.archiveInfo.hashes && { hashes: direct.archiveInfo.hashes }),
        ...(hash && { hash: `${hash[0]}=${hash[1]}` }),
      },
    }),
    ...(direct.vcsInfo && {
      vcs_info: {
        vcs: direct.vcsInfo.vcs,
        commit_id: direct.vcsInfo.commitId,
        ...(direct.vcsInfo.requestedRevision === undefined
          ? {}
          : { requested_revision: direct.vcsInfo.requestedRevision }),
      },
    }),
    ...(direct.dirInfo && {
      dir_info: direct.dirInfo.editable === undefined ? {} : { editable: direct.dirInfo.editable },
    }),
    ...(direct.subdirectory === undefined ? {} : { subdirectory: direct.subdirectory }),
  };
}

/** The text pip writes as `direct_url.json`: one line, keys sorted, ASCII only, no newline at the end. */
export function renderDirectUrl(direct: DirectUrl): string {
  return pythonJson(directUrlJson(direct));
}

/**
 * The requirement `pip freeze` prints for such a distribution: "name @ url#sha256=...", "name @ git+url@commit#subdirectory=x".
 * Editable ones have a form of their own there (`-e ...`), which needs the file system.
 */
export function directUrlRequirement(name: string, direct: DirectUrl): string {
  const fragments: string[] = [];
  let url = direct.url;
  if (direct.vcsInfo !== undefined) {
    url = `${direct.vcsInfo.vcs}+${direct.url}@${direct.vcsInfo.commitId}`;
  } else {
    const [hash] = Object.entries(direct.archiveInfo?.hashes ?? {});
    if (hash !== undefined) {
      fragments.push(`${hash[0]}=${hash[1]}`);
    }
  }
  if (direct.subdirectory) {
    fragments.push(`subdirectory=${direct.subdirectory}`);
  }
  return `${name} @ ${url}${fragments.length === 0 ? "" : `#${fragments.join("&")}`}`;
}

type Fail = (message: string, context?: string) => never;

interface Reader {
  string(from: JsonObject, key: string, within: string): string | undefined;
  object(from: JsonObject, key: string): JsonObject | undefined;
}

/** Reads optional values of an expected type; null counts as absent. */
function reader(fail: Fail): Reader {
  return {
    string(from, key, within) {
      const value = from[key] ?? undefined;
      return value === undefined || typeof value === "string"
        ? value
        : fail(`Unexpected type ${pythonTypeName(value)} (expected str)`, within + key);
    },
    object(from, key) {
      const value = from[key] ?? undefined;
      return value === undefined || isObject(value)
        ? value
        : fail(`Unexpected type ${pythonTypeName(value)} (expected Mapping)`, key);
    },
  };
}

function archiveOf(from: JsonObject, read: Reader, fail: Fail): ArchiveOrigin {
  const within = "archive_info.";
  const given = from["hashes"] ?? undefined;
  if (given !== undefined && !isObject(given)) {
    fail(`Unexpected type ${pythonTypeName(given)} (expected Mapping)`, `${within}hashes`);
  }
  const hashes = given as Readonly<Record<string, string>> | undefined;
  if (hashes !== undefined && !Object.values(hashes).every((digest) => typeof digest === "string")) {
    fail("Hash values must be strings", `${within}hashes`);
  }
  const legacy = read.string(from, "hash", within);
  if (legacy === undefined) {
    return hashes === undefined ? {} : { hashes };
  }
  const equals = legacy.indexOf("=");
  if (equals < 0) {
    fail("Invalid hash format (expected '<algorithm>=<hash>')", `${within}hash`);
  }
  const algorithm = legacy.slice(0, equals);
  const digest = legacy.slice(equals + 1);
  if (hashes === undefined) {
    return { hashes: { [algorithm]: digest } };
  }
  if (!Object.hasOwn(hashes, algorithm)) {
    fail(`Algorithm '${algorithm}' used in hash field is not present in hashes field`, `${within}hashes`);
  }
  if (hashes[algorithm] !== digest) {
    fail(`Algorithm '${algorithm}' used in hash field has different value in hashes field`, `${within}hash`);
  }
  return { hashes };
}

function vcsOf(from: JsonObject, read: Reader, fail: Fail): VcsOrigin {
  const within = "vcs_info.";
  const vcs = read.string(from, "vcs", within) ?? fail("Missing required value", `${within}vcs`);
  const requestedRevision = read.string(from, "requested_revision", within);
  const commitId = read.string(from, "commit_id", within) ?? fail("Missing required value", `${within}commit_id`);
  return { vcs, commitId, ...(requestedRevision === undefined ? {} : { requestedRevision }) };
}

function directoryOf(from: JsonObject, fail: Fail): DirectoryOrigin {
  const editable = from["editable"] ?? undefined;
  if (editable === undefined) {
    return {};
  }
  return typeof editable === "boolean"
    ? { editable }
    : fail(`Unexpected type ${pythonTypeName(editable)} (expected bool)`, "dir_info.editable");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pythonTypeName(value: unknown): string {
  if (typeof value === "number") {
    return Number.isInteger(value) ? "int" : "float";
  }
  if (Array.isArray(value)) {
    return "list";
  }
  return { string: "str", boolean: "bool" }[typeof value as string] ?? "dict";
}

const VARIABLES_ONLY = /^\$\{[A-Za-z0-9-_]+\}(?::\$\{[A-Za-z0-9-_]+\})?$/;

/** A URL without `user:password@`, unless it is made of environment variables (PEP 610) or the user `git`. */
function withoutSecrets(url: string): string {
  const parts = splitUrl(url);
  const at = parts.netloc.lastIndexOf("@");
  const credentials = parts.netloc.slice(0, Math.max(at, 0));
  const keep = at < 0 || credentials === "git" || VARIABLES_ONLY.test(credentials);
  return unsplitUrl(keep ? parts : { ...parts, netloc: parts.netloc.slice(at + 1) });
}

/** `json.dumps(value, sort_keys=True)` for what a direct URL is made of. */
function pythonJson(value: unknown): string {
  if (isObject(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${pythonJsonString(key)}: ${pythonJson(value[key])}`).join(", ")}}`;
  }
  return typeof value === "string" ? pythonJsonString(value) : String(value);
}
