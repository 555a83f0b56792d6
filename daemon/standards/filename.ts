/**
 * File names of wheels (PEP 427, `packaging.utils.parse_wheel_filename` of 26.3) and source distributions (PEP 625 and the legacy names pip reads).
 */
import { InvalidText, quoteForMessage } from "./invalid-text.ts";
import { type NormalizedName, normalizeName } from "./name.ts";
import type { Tag } from "./tag.ts";
import { tryParseVersion, type Version } from "./version.ts";

export interface WheelFilename {
  readonly key: NormalizedName;
  /** The name as it stands in the file name. */
  readonly name: string;
  readonly version: Version;
  /** Build tag: the leading number and the rest, compared in this order; absent when the name has none. */
  readonly build?: readonly [number: number, suffix: string];
  /** Every tag of the compressed tag set, each once. Arrays are shared between files with the same set. */
  readonly tags: readonly Tag[];
}

export interface SdistFilename {
  readonly key: NormalizedName;
  readonly version: Version;
  /** "3.8" of the legacy ending "-py3.8": such a file is only for that Python. */
  readonly pythonVersion?: string;
}

/** What pip unpacks as a source distribution. The ending is compared as it is written. */
const SDIST_EXTENSIONS: ReadonlySet<string> = new Set([
  ".tar.gz",
  ".zip",
  ".tgz",
  ".tar",
  ".tar.bz2",
  ".tbz",
  ".tar.xz",
  ".txz",
  ".tlz",
  ".tar.lz",
  ".tar.lzma",
]);

/** More tags than this in one file name is an attack on memory, not a wheel. The longest compressed sets in use have about 100. */
const MOST_TAGS = 10_000;

const WHEEL_NAME = /^[\p{L}\p{N}_.]+$/u;
const IDENTIFIER = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;
const LEGACY_PYTHON_ENDING = /-py([123]\.?[0-9]?)$/;

/** Tag sets repeat on a page and between pages: parsed once. Bounded, because a page is not to be trusted. */
const tagSets = new Map<string, readonly Tag[]>();
const MOST_TAG_SETS = 20_000;

/** Whether the name ends as a wheel's does. It may still be invalid. */
export function isWheelFilename(filename: string): boolean {
  return filename.endsWith(".whl");
}

/** Whether pip unpacks a file of this name as a source distribution. It may still be invalid. */
export function isSdistFilename(filename: string): boolean {
  const extension = extensionOf(filename);
  return SDIST_EXTENSIONS.has(extension) && !(extension === ".zip" && filename.includes("macosx10"));
}

/**
 * Parses the file name of a wheel, with packaging's rules and no more leniency: pip 26.3 skips such files of an index and refuses them when named.
 * Throws {@link InvalidText} of kind "wheel-filename" with packaging's words.
 */
export function parseWheelFilename(filename: string): WheelFilename {
  if (!isWheelFilename(filename)) {
    throw invalidWheel(filename, "extension must be '.whl'", filename);
  }
  const stem = filename.slice(0, -".whl".length);
  const parts = stem.split("-");
  if (parts.length !== 5 && parts.length !== 6) {
    throw invalidWheel(filename, "wrong number of parts", stem);
  }
  const [name = "", versionText = ""] = parts;
  if (name.includes("__") || !WHEEL_NAME.test(name)) {
    throw new InvalidText("wheel-filename", filename, `Invalid project name: ${quoteForMessage(stem)}`);
  }
  const version = tryParseVersion(versionText);
  if (version === undefined) {
    throw invalidWheel(filename, "invalid version", stem);
  }
  const build = parts.length === 6 ? parseBuildTag(filename, stem, parts[2] ?? "") : undefined;
  const [python = "", abi = "", platform = ""] = parts.slice(-3);
  const tags = expandTags(python, abi, platform);
  if (tags === undefined) {
    throw invalidWheel(filename, "invalid tag component", stem);
  }
  const fields = { key: normalizeName(name), name, version, tags };
  return build === undefined ? fields : { ...fields, build };
}

function parseBuildTag(filename: string, stem: string, text: string): readonly [number, string] {
  const build = /^(\d+)(.*)/s.exec(text);
  if (build === null) {
    throw new InvalidText("wheel-filename", filename, `Invalid build number: ${text} in ${quoteForMessage(stem)}`);
  }
  return [Number(build[1]), build[2] ?? ""];
}

/**
 * Parses the file name of a source distribution.
 *
 * Without `project` the last dash separates name and version (`packaging.utils.parse_sdist_filename`, plus the archive types only pip reads).
 * With it, pip's rule: the first dash whose left side is that project, so that "foo-bar-1.0-1.zip" is version "1.0-1" of foo-bar.
 * Throws {@link InvalidText} of kind "sdist-filename".
 */
export function parseSdistFilename(filename: string, project?: NormalizedName): SdistFilename {
  if (!isSdistFilename(filename)) {
    throw invalidSdist(filename, "unsupported archive format");
  }
  const stem = filename.slice(0, filename.length - extensionOf(filename).length);
  const dash = project === undefined ? stem.lastIndexOf("-") : dashAfter(stem, project);
  if (dash < 0) {
    throw invalidSdist(filename, project === undefined ? "no dash" : "another project");
  }
  if (dash === 0) {
    throw invalidSdist(filename, "empty project name");
  }
  const key = project ?? normalizeName(stem.slice(0, dash));
  const legacy = project === undefined ? null : LEGACY_PYTHON_ENDING.exec(stem);
  const end = legacy !== null && legacy.index > dash ? legacy.index : stem.length;
  const version = tryParseVersion(stem.slice(dash + 1, end));
  if (version === undefined) {
    throw invalidSdist(filename, "invalid version");
  }
  return end === stem.length ? { key, version } : { key, version, pythonVersion: legacy?.[1] ?? "" };
}

/** The text that stands for the version in the file name of a source distribution of `project`, by pip's rule; undefined where that has none. */
export function sdistVersionText(filename: string, project: NormalizedName): string | undefined {
  if (!isSdistFilename(filename)) return undefined;
  const stem = filename.slice(0, filename.length - extensionOf(filename).length);
  const dash = dashAfter(stem, project);
  return dash > 0 ? stem.slice(dash + 1) : undefined;
}

/** Expands a compressed tag set such as "py2.py3-none-any"; undefined when it is not three non-empty parts with a Python identifier first. */
export function parseTagSet(text: string): readonly Tag[] | undefined {
  const [python, abi, platform, ...rest] = text.split("-");
  if (python === undefined || abi === undefined || platform === undefined || rest.length > 0) {
    return undefined;
  }
  return expandTags(python, abi, platform);
}

function expandTags(python: string, abi: string, platform: string): readonly Tag[] | undefined {
  const set = `${python}-${abi}-${platform}`;
  const known = tagSets.get(set);
  if (known !== undefined) {
    return known;
  }
  const pythons = python.split(".");
  const abis = abi.split(".");
  const platforms = platform.split(".");
  if (
    pythons.length * abis.length * platforms.length > MOST_TAGS ||
    abis.includes("") ||
    platforms.includes("") ||
    !pythons.every((interpreter) => IDENTIFIER.test(interpreter))
  ) {
    return undefined;
  }
  const tags = new Set<Tag>();
  for (const interpreter of pythons) {
    for (const one of abis) {
      for (const system of platforms) {
        tags.add(`${interpreter}-${one}-${system}`.toLowerCase());
      }
    }
  }
  if (tagSets.size >= MOST_TAG_SETS) {
    tagSets.clear();
  }
  const expanded = [...tags];
  tagSets.set(set, expanded);
  return expanded;
}

/** `posixpath.splitext`, with ".tar" taken along: leading dots belong to the name. */
function extensionOf(filename: string): string {
  const dot = lastExtension(filename);
  if (dot < 0) {
    return "";
  }
  const before = filename.slice(0, dot);
  return before.toLowerCase().endsWith(".tar") ? filename.slice(dot - ".tar".length) : filename.slice(dot);
}

function lastExtension(filename: string): number {
  const dot = filename.lastIndexOf(".");
  const lead = /^\.*/.exec(filename)?.[0].length ?? 0;
  return dot >= lead && dot > filename.lastIndexOf("/") ? dot : -1;
}

function dashAfter(stem: string, project: NormalizedName): number {
  for (let dash = stem.indexOf("-"); dash >= 0; dash = stem.indexOf("-", dash + 1)) {
    if (normalizeName(stem.slice(0, dash)) === project) {
      return dash;
    }
  }
  return -1;
}

function invalidWheel(filename: string, why: string, shown: string): InvalidText {
  return new InvalidText("wheel-filename", filename, `Invalid wheel filename (${why}): ${quoteForMessage(shown)}`);
}

function invalidSdist(filename: string, why: string): InvalidText {
  return new InvalidText("sdist-filename", filename, `Invalid sdist filename (${why}): ${quoteForMessage(filename)}`);
}
