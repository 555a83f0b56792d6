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

/** Reads a version; throws InvalidText of kind `"version"`. */
export function parseVersion(_text: string): Version {
  throw new Error("follows");
}

/** Reads a version; undefined where it is not one. */
export function tryParseVersion(_text: string): Version | undefined {
  throw new Error("follows");
}

/** The order of PEP 440. */
export function compareVersions(a: Version, b: Version): -1 | 0 | 1 {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
