import { createBoundedCache } from "./bounded-cache.ts";
import { InvalidText, quoteForMessage } from "./invalid-text.ts";
import { stripPythonSpace } from "./python-text.ts";
import { isNumber, scanVersion, type VersionParts, versionKey, versionText } from "./version-parts.ts";

/** A version by PEP 440. Immutable; versions with the same `key` are equal, whatever their `text` (`1.0` and `1.0.0`). */
export interface Version {
  /** The canonical spelling, equal to `str(packaging.version.Version(...))`. Exact even where the numbers below are above 2^53. */
  readonly text: string;
  /** Versions are ordered as these strings are by JavaScript's `<`. */
  readonly key: string;
  readonly epoch: number;
  /** As written, trailing zeros kept. */
  readonly release: readonly number[];
  readonly pre: readonly ["a" | "b" | "rc", number] | undefined;
  readonly post: number | undefined;
  readonly dev: number | undefined;
  readonly local: readonly (string | number)[] | undefined;
  /** Has a pre-release or a development part. */
  readonly isPrerelease: boolean;
  readonly isPostrelease: boolean;
  readonly isDevrelease: boolean;
}

/** About 6 MB when full: the versions of the projects of a large resolution. */
const known = createBoundedCache<Version>(16_384);

function versionOf(parts: VersionParts): Version {
  const { pre, post, dev, local } = parts;
  return {
    text: versionText(parts),
    key: versionKey(parts),
    epoch: Number(parts.epoch),
    release: parts.release.map(Number),
    pre: pre === undefined ? undefined : [pre[0], Number(pre[1])],
    post: post === undefined ? undefined : Number(post),
    dev: dev === undefined ? undefined : Number(dev),
    local: local?.map((item) => (isNumber(item) ? Number(item) : item)),
    isPrerelease: pre !== undefined || dev !== undefined,
    isPostrelease: post !== undefined,
    isDevrelease: dev !== undefined,
  };
}

/** Reads what `packaging.version.Version` reads; undefined where it is not a version. The same text mostly gives the same object. */
export function tryParseVersion(text: string): Version | undefined {
  const remembered = known.get(text);
  if (remembered !== undefined) return remembered;
  const stripped = stripPythonSpace(text);
  const scanned = scanVersion(stripped, 0, true);
  if (scanned === undefined || scanned.end !== stripped.length) return undefined;
  const version = versionOf(scanned.parts);
  known.set(text, version);
  return version;
}

/** Reads what `packaging.version.Version` reads; throws InvalidText of kind `"version"`. */
export function parseVersion(text: string): Version {
  const version = tryParseVersion(text);
  if (version === undefined) throw new InvalidText("version", text, `Invalid version: ${quoteForMessage(text)}`);
  return version;
}

/** The order of PEP 440. */
export function compareVersions(a: Version, b: Version): -1 | 0 | 1 {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
