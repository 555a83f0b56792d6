import { nextNumber, releaseKey, type VersionParts, versionKey, versionText } from "./version-parts.ts";

/**
 * A place in the order of versions, between two neighbours. `key` compares with the keys of versions; two bounds without a version between them
 * have the same key, so that ranges can be compared by their keys. `version` and `side` say how a person would name the place.
 */
export interface Bound {
  readonly key: string;
  /** Canonical text; "" for the place before all versions. */
  readonly version: string;
  /**
   * before: at the version. before-family: at its first development release (`<1.0`, `==1.0.*`). after: past the version, its local versions and,
   * for `>1.0`, its post-releases; or past the version alone.
   */
  readonly side: "before" | "before-family" | "after";
}

/** Before every version. */
export const FIRST_BOUND: Bound = { key: "", version: "", side: "before" };

const FIRST_VERSION_KEY = versionKey({
  epoch: "0",
  release: ["0"],
  pre: undefined,
  post: undefined,
  dev: "0",
  local: undefined,
});

function boundAt(place: VersionParts, named: VersionParts, side: Bound["side"]): Bound {
  const key = versionKey(place);
  return { key: key === FIRST_VERSION_KEY ? "" : key, version: versionText(named), side };
}

/** The place just below the version. */
export function boundBefore(parts: VersionParts): Bound {
  return boundAt(parts, parts, "before");
}

/** The place below the version's own development releases and, for a final one, its pre-releases. */
export function boundBeforeFamily(parts: VersionParts): Bound {
  return boundAt({ ...parts, dev: "0", local: undefined }, parts, "before-family");
}

/** The place above the version, below every other with its public part (`1.0+local`). */
export function boundAfterExactly(parts: VersionParts): Bound {
  // A blank sorts below the "+" of a local part and below the items of a longer one. There is no least version above to stand for this place.
  return { key: `${versionKey(parts)} `, version: versionText(parts), side: "after" };
}

/** The place above the version and its local versions: at the least version that follows them. */
export function boundAfterLocals(parts: VersionParts): Bound {
  if (parts.dev !== undefined) {
    return boundAt({ ...parts, dev: nextNumber(parts.dev), local: undefined }, parts, "after");
  }
  const post = parts.post === undefined ? "0" : nextNumber(parts.post);
  return boundAt({ ...parts, post, dev: "0", local: undefined }, parts, "after");
}

/** The place above the version, its local versions and its post-releases: where `>` of the version begins. */
export function boundAfterPosts(parts: VersionParts): Bound {
  if (parts.dev !== undefined || parts.post !== undefined) return boundAfterLocals(parts);
  if (parts.pre !== undefined) {
    return boundAt({ ...parts, pre: [parts.pre[0], nextNumber(parts.pre[1])], dev: "0" }, parts, "after");
  }
  // No version follows directly: between 1.0 and 1.0.1 there are 1.0.0.1, 1.0.0.0.1 and so on.
  return { key: `${releaseKey(parts)}~`, version: versionText(parts), side: "after" };
}

/** The release with its last number one higher, nothing after it: where `==1.2.*` ends. */
export function nextPrefix(parts: VersionParts): VersionParts {
  const last = parts.release.length - 1;
  const release = [...parts.release.slice(0, last), nextNumber(parts.release[last] as string)];
  return { epoch: parts.epoch, release, pre: undefined, post: undefined, dev: undefined, local: undefined };
}
