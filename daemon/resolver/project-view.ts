import type { ProjectFile, ProjectFiles } from "../index/project-files.ts";
import { compareVersions, type Version } from "../standards/version.ts";
import { rangeContains, rangeOfBounds, singletonRange, type VersionRange } from "../standards/version-range.ts";
import { type FileRules, type RatedVersion, rateVersion, versionsOf } from "./project-versions.ts";

/** What the requirements that are in force say about which versions may be picked (beyond their range). */
export interface VersionPolicy {
  /** All versions that the requirements in force accept together. */
  readonly combined: VersionRange;
  /** A requirement names a pre-release, or the user allows them. */
  readonly prereleases: boolean;
  /** A requirement is an exact `==` or `===`. */
  readonly pinned: boolean;
  /** Take pre-releases and yanked files as a last resort even where pip's rule, by the requirements in force, would not. */
  readonly permissive: boolean;
}

/** The best version, or none; `passedOver` if a pre-release or a yanked version was there but not allowed by the requirements now in force. */
export interface Pick {
  readonly version: Version | undefined;
  readonly passedOver: boolean;
}

/** The versions of one project as a resolution sees them. */
export interface ProjectView {
  readonly project: ProjectFiles;
  /** Ascending; what is installed included. */
  readonly versions: readonly Version[];
  /** The best usable version in `set`, by pip's rules for pre-releases and yanked files. `installed`, if in `set`, is always usable. */
  pick(set: VersionRange, policy: VersionPolicy): Pick;
  /** Is a version that `pick` allowed still allowed under `policy`? */
  allows(version: Version, policy: VersionPolicy): boolean;
  /** The usable versions below `version` in `set`, best first, at most `count`: those that `pick` would try next. */
  next(set: VersionRange, below: Version, count: number): readonly Version[];
  /** The file that stands for a version. */
  fileOf(version: Version): ProjectFile | undefined;
  rated(version: Version): RatedVersion | undefined;
  /** `version` and everything up to the next version there is. */
  interval(version: Version): VersionRange;
}

/** The view of a project's page; `installed` is a version that is available without a file, if any. */
export function createProjectView(
  project: ProjectFiles,
  rules: FileRules,
  installed: Version | undefined,
): ProjectView {
  const table = versionsOf(project, rules.allowedHashes(project.key));
  const versions = withInstalled(table.versions, installed);
  const ratings = new Map<string, RatedVersion>();
  const intervals = new Map<string, VersionRange>();

  const rated = (version: Version): RatedVersion | undefined => {
    let rating = ratings.get(version.key);
    if (rating) return rating;
    const entry = table.files.get(version.key);
    if (!entry) return undefined;
    rating = rateVersion(entry, rules);
    ratings.set(version.key, rating);
    return rating;
  };
  const isInstalled = (version: Version): boolean => version.key === installed?.key;
  const isUsable = (version: Version): boolean => isInstalled(version) || rated(version)?.wheel !== undefined;
  const isYanked = (version: Version): boolean =>
    !isInstalled(version) && rated(version)?.wheel === undefined && rated(version)?.yankedWheel !== undefined;

  /** The newest version in `set` that passes. */
  const newest = (set: VersionRange, passes: (version: Version) => boolean): Version | undefined => {
    for (let index = versions.length - 1; index >= 0; index--) {
      const version = versions[index]!;
      if (rangeContains(set, version) && passes(version)) return version;
    }
    return undefined;
  };
  const isFinal = (version: Version): boolean => !version.isPrerelease;
  /** pip looks at yanked files, too, when it asks whether there are final versions; it does not look at what is installed. */
  const hasFinal = (set: VersionRange): boolean =>
    newest(set, (version) => isFinal(version) && hasWheel(rated(version))) !== undefined;
  const allowsPrereleases = (policy: VersionPolicy): boolean => policy.prereleases || !hasFinal(policy.combined);
  const allowsYanked = (policy: VersionPolicy): boolean =>
    policy.pinned && newest(policy.combined, (version) => rated(version)?.wheel !== undefined) === undefined;

  const pick = (set: VersionRange, policy: VersionPolicy): Pick => {
    const best = newest(set, (version) => isUsable(version) && (isFinal(version) || isInstalled(version)));
    const any = newest(set, isUsable);
    if (any !== best && allowsPrereleases(policy)) {
      return { version: any, passedOver: false };
    }
    if (best) return { version: best, passedOver: false };
    const yanked = newest(set, isYanked);
    if (yanked && allowsYanked(policy) && (isFinal(yanked) || allowsPrereleases(policy))) {
      return { version: yanked, passedOver: false };
    }
    const lastResort = any ?? yanked;
    return policy.permissive
      ? { version: lastResort, passedOver: false }
      : { version: undefined, passedOver: lastResort !== undefined };
  };

  return {
    project,
    versions,
    rated,
    pick,
    allows: (version, policy) =>
      isInstalled(version) ||
      ((isFinal(version) || allowsPrereleases(policy)) && (!isYanked(version) || allowsYanked(policy))),
    next(set, below, count) {
      const found: Version[] = [];
      for (let index = versions.length - 1; index >= 0 && found.length < count; index--) {
        const version = versions[index]!;
        if (version.key >= below.key || version.isPrerelease || !rangeContains(set, version)) continue;
        if (isUsable(version)) found.push(version);
      }
      return found;
    },
    fileOf: (version) => rated(version)?.wheel ?? rated(version)?.yankedWheel,
    interval(version) {
      let range = intervals.get(version.key);
      if (!range) {
        range = intervalOf(versions, version);
        intervals.set(version.key, range);
      }
      return range;
    },
  };
}

function hasWheel(rating: RatedVersion | undefined): boolean {
  return rating?.wheel !== undefined || rating?.yankedWheel !== undefined;
}

function withInstalled(versions: readonly Version[], installed: Version | undefined): readonly Version[] {
  if (!installed || versions.some((version) => version.key === installed.key)) return versions;
  return [...versions, installed].sort(compareVersions);
}

/** Binary search: the first version above. */
function intervalOf(versions: readonly Version[], version: Version): VersionRange {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (versions[middle]!.key <= version.key) low = middle + 1;
    else high = middle;
  }
  const above = versions[low];
  if (!above) return singletonRange(version);
  return rangeOfBounds([singletonRange(version).bounds[0]!, singletonRange(above).bounds[0]!]);
}
