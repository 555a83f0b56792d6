/** One installed distribution: what its info folder says, read when asked for and kept while the folder is unchanged. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DirectUrl, parseDirectUrl } from "../standards/direct-url.ts";
import { parseRecord, parseWheelFile, type RecordRow, type WheelFile } from "../standards/dist-info.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { type CoreMetadata, parseMetadata, parseMetadataFields } from "../standards/metadata.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import { translateNewlines } from "../standards/python-lines.ts";
import { tryParseVersion, type Version } from "../standards/version.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { stampOf } from "./folder-stamp.ts";

/**
 * How a distribution lies on the disk: a `.dist-info` folder, a `.egg-info` folder (old setuptools, also in the source folder of a
 * legacy editable), a single `.egg-info` file (distutils), or `EGG-INFO` inside an `.egg` folder.
 */
export type InstalledKind = "dist-info" | "egg-info" | "egg-info-file" | "egg";

/** A distribution in an environment. The same object as long as its metadata on the disk is the same. */
export interface Installed {
  readonly key: NormalizedName;
  readonly kind: InstalledKind;
  /** The folder that holds the info folder, as the search path has it (pip's `location`). */
  readonly location: string;
  /** The `.dist-info` or `.egg-info` folder or file. */
  readonly infoFolder: string;
  /** `realpath` of the folder it is installed in: `location`, or for a legacy editable the folder of its `.egg-link` file. */
  readonly installedIn: string;
  /** The `.egg-link` file that led here (setuptools' old `develop`). */
  readonly eggLink: string | undefined;
  /** The name as METADATA spells it. */
  readonly name: string;
  /** The version as METADATA spells it, "" when nothing says it. */
  readonly version: string;
  /** pip's `version`: of the folder's name, else of METADATA. Undefined when it is not PEP 440. */
  readonly parsedVersion: Version | undefined;
  /** Folder of the project for an editable install (PEP 660 or legacy). */
  readonly editable: string | undefined;
  /** First word line of INSTALLER, "" when unknown. */
  readonly installer: string;
  /** Whether the user asked for it by name (REQUESTED). */
  readonly requested: boolean;
  /** `direct_url.json` (PEP 610); undefined also when it cannot be understood. */
  readonly directUrl: DirectUrl | undefined;
  /** Metadata without the description. A missing file gives empty metadata. */
  metadata(): CoreMetadata;
  /** Metadata with the description, read anew each time. */
  fullMetadata(): CoreMetadata;
  /** RECORD, or undefined when there is none. Read anew each time. */
  record(): readonly RecordRow[] | undefined;
  /** WHEEL, or undefined when there is none or it is not understood. */
  wheel(): WheelFile | undefined;
  /** Expanded tags of WHEEL; undefined without that file. */
  wheelTags(): readonly string[] | undefined;
  /** A file of the info folder as text, or undefined. Read anew each time. */
  readText(name: string): string | undefined;
}

/** What a scan has found out about an info folder by its name alone. */
export interface FoundInfo {
  readonly kind: InstalledKind;
  readonly location: string;
  readonly infoFolder: string;
  readonly installedIn: string;
  readonly eggLink: string | undefined;
  readonly nameInPath: string | undefined;
  readonly versionInPath: string | undefined;
  /** Changes with each scan: files other than METADATA are checked again at their first use in a new one. */
  readonly generation: () => number;
  /** Called when something has been read that could be kept. */
  readonly loaded?: () => void;
}

/** What has been read of a distribution. */
export interface LoadedParts {
  readonly metadata: CoreMetadata | undefined;
  /** With the stamp of the info folder that they were read from. */
  readonly details: { readonly stamp: string; readonly value: Details } | undefined;
}

/** What of that is known again after a restart: fields that only `show` needs are read when they are asked for. */
export interface KnownParts extends Partial<Pick<LoadedParts, "details">> {
  readonly metadata?:
    | Pick<CoreMetadata, "metadataVersion" | "name" | "version" | "requiresPython" | "requiresDist" | "providesExtra">
    | undefined;
}

const loadedParts = new WeakMap<Installed, { readonly found: FoundInfo; readonly parts: () => LoadedParts }>();

/** What is known of a distribution without reading anything more. */
export function loadedOf(
  installed: Installed,
): { readonly found: FoundInfo; readonly parts: () => LoadedParts } | undefined {
  return loadedParts.get(installed);
}

/** What the small files of an info folder say. */
export interface Details {
  readonly installer: string;
  readonly requested: boolean;
  readonly directUrl: DirectUrl | undefined;
  readonly wheel: WheelFile | undefined;
  readonly hasWheelFile: boolean;
}

/** Reads nothing yet, unless the path has no name: then METADATA must say it. Undefined when nothing does. */
export function createInstalled(found: FoundInfo, known?: KnownParts): Installed | undefined {
  const { infoFolder } = found;
  let metadata: CoreMetadata | undefined;
  let details: { readonly generation: number; readonly stamp: string; readonly value: Details } | undefined =
    known?.details && { generation: -1, ...known.details };
  if (known?.metadata !== undefined) metadata = partlyKnown(known.metadata, () => readMetadata().headers);

  const readText = (name: string): string | undefined => readFileText(join(infoFolder, name));
  const metadataText = (): string =>
    found.kind === "egg-info-file"
      ? (readFileText(infoFolder) ?? "")
      : readText("METADATA") || readText("PKG-INFO") || "";
  const readMetadata = (): CoreMetadata => withRequiresText(parseMetadataFields(metadataText()), found, readText);
  const getMetadata = (): CoreMetadata => {
    if (metadata === undefined) {
      metadata = readMetadata();
      found.loaded?.();
    }
    return metadata;
  };
  const getDetails = (): Details => {
    const generation = found.generation();
    if (details?.generation !== generation) {
      const stamp = stampOf(infoFolder);
      const isSame = details?.stamp === stamp;
      details = { generation, stamp, value: isSame ? details!.value : readDetails(readText) };
      if (!isSame) found.loaded?.();
    }
    return details.value;
  };

  const written = found.nameInPath || getMetadata().name;
  if (written === "") {
    return undefined;
  }
  const key = normalizeName(written);
  const installed: Installed = {
    key,
    kind: found.kind,
    location: found.location,
    infoFolder,
    installedIn: found.installedIn,
    eggLink: found.eggLink,
    get name() {
      return getMetadata().name || key;
    },
    get version() {
      return getMetadata().version || (found.versionInPath ?? "");
    },
    get parsedVersion() {
      return tryParseVersion(found.versionInPath ?? getMetadata().version);
    },
    get editable() {
      const { directUrl } = getDetails();
      if (directUrl !== undefined) {
        return directUrl.dirInfo?.editable ? pathOfFileUrl(directUrl.url) : undefined;
      }
      return found.eggLink === undefined ? undefined : found.location;
    },
    get installer() {
      return getDetails().installer;
    },
    get requested() {
      return getDetails().requested;
    },
    get directUrl() {
      return getDetails().directUrl;
    },
    metadata: getMetadata,
    fullMetadata: () => withRequiresText(parseMetadata(metadataText()), found, readText),
    record: () => {
      const text = readText("RECORD");
      return text === undefined ? undefined : parseRecord(text);
    },
    wheel: () => getDetails().wheel,
    wheelTags: () => (getDetails().hasWheelFile ? (getDetails().wheel?.tags ?? []) : undefined),
    readText,
  };
  const parts = (): LoadedParts => ({ metadata, details: details && { stamp: details.stamp, value: details.value } });
  loadedParts.set(installed, { found, parts });
  return installed;
}

function partlyKnown(
  known: NonNullable<KnownParts["metadata"]>,
  readHeaders: () => CoreMetadata["headers"],
): CoreMetadata {
  let headers: CoreMetadata["headers"] | undefined;
  return {
    ...known,
    get headers() {
      return (headers ??= readHeaders());
    },
  };
}

function readFileText(path: string): string | undefined {
  try {
    return translateNewlines(readFileSync(path, "utf8"));
  } catch {
    // As importlib.metadata: what cannot be read is not there.
    return undefined;
  }
}

function readDetails(readText: (name: string) => string | undefined): Details {
  const wheelText = readText("WHEEL");
  return {
    installer: firstLine(readText("INSTALLER") ?? ""),
    requested: readText("REQUESTED") !== undefined,
    directUrl: understood(readText("direct_url.json"), parseDirectUrl),
    wheel: understood(wheelText, parseWheelFile),
    hasWheelFile: wheelText !== undefined,
  };
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "") ?? ""
  );
}

function understood<T>(text: string | undefined, parse: (text: string) => T): T | undefined {
  if (text === undefined) {
    return undefined;
  }
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof InvalidText) {
      return undefined;
    }
    throw error;
  }
}

/** An egg has its requirements in `requires.txt`: they become Requires-Dist and Provides-Extra, as in pip. */
function withRequiresText(
  metadata: CoreMetadata,
  found: FoundInfo,
  readText: (name: string) => string | undefined,
): CoreMetadata {
  const text = found.kind === "egg-info" || found.kind === "egg" ? readText("requires.txt") : undefined;
  if (text === undefined) {
    return metadata;
  }
  const { requirements, extras } = parseRequiresText(text);
  const requiresDist = metadata.requiresDist.length > 0 ? metadata.requiresDist : requirements;
  const providesExtra = metadata.providesExtra.length > 0 ? metadata.providesExtra : extras;
  const headers = new Map(metadata.headers);
  if (requiresDist.length > 0) {
    headers.set("requires-dist", requiresDist);
  }
  if (providesExtra.length > 0) {
    headers.set("provides-extra", providesExtra);
  }
  return { ...metadata, requiresDist, providesExtra, headers };
}

/** setuptools' `requires.txt`: requirements, under section headers `[extra]`, `[:marker]` or `[extra:marker]`. */
function parseRequiresText(text: string): {
  readonly requirements: readonly string[];
  readonly extras: readonly string[];
} {
  const requirements: string[] = [];
  const extras = new Set<string>();
  let suffix = "";
  let extra = "";
  for (const line of text.split("\n").map((part) => part.trim())) {
    if (line === "" || line.startsWith("#")) {
      continue;
    }
    if (line.startsWith("[") && line.endsWith("]")) {
      const [name = "", marker = ""] = splitOnce(line.replace(/^[[\]]+|[[\]]+$/g, ""), ":");
      extra = normalizeName(name);
      suffix = markerSuffix(extra, marker);
      continue;
    }
    requirements.push(line + suffix);
    if (extra !== "") {
      extras.add(extra);
    }
  }
  return { requirements, extras: [...extras] };
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function markerSuffix(extra: string, marker: string): string {
  if (extra !== "" && marker !== "") {
    return ` ; (${marker}) and extra == "${extra}"`;
  }
  if (extra !== "") {
    return ` ; extra == "${extra}"`;
  }
  return marker === "" ? "" : ` ; ${marker}`;
}
