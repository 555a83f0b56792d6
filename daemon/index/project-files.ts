import type { WheelFilename } from "../standards/filename.ts";
import type { IndexFile } from "../standards/index-page.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import type { NetworkSettings } from "./network-settings.ts";

/** Where a file was found: what is needed to fetch it as its index was fetched. */
export interface FileSource {
  /** The index or find-links location as configured, credentials included: never show it. */
  readonly location: string;
  readonly network: NetworkSettings;
  /** Nothing about the file is read from the cache nor kept in it. */
  readonly cacheDisabled: boolean;
}

/** A file of a project: an entry of an index page, of a find-links page, or of a folder. */
export interface ProjectFile extends IndexFile {
  readonly key: NormalizedName;
  readonly version: Version;
  /** Absent for an sdist, and for a name that only looks like a wheel's: then `sdist` is false, too, and the file is of no use. */
  readonly wheel?: WheelFilename | undefined;
  readonly sdist: boolean;
  /** The index or find-links location, to be shown: no credentials. */
  readonly origin: string;
  readonly source: FileSource;
}

/** All files of one version of a project. */
export interface VersionFiles {
  readonly version: Version;
  /** In the order of the sources. */
  readonly files: readonly ProjectFile[];
}

/** Files of a project, unranked. Both views are made of objects when they are looked at, and a resolution looks at few of them. */
export interface FoundFiles {
  readonly all: readonly ProjectFile[];
  /** By the key of the version. */
  readonly byVersion: ReadonlyMap<string, VersionFiles>;
  /** What the page behind them takes in memory. */
  readonly bytes: number;
}

/** All files of a project in all sources, unranked: those of find-links first, then those of the indexes in their order. */
export interface ProjectFiles {
  readonly key: NormalizedName;
  /** Whether any source knows the project. */
  readonly found: boolean;
  readonly files: readonly ProjectFile[];
  /** The same by the key of the version, where that is known already. */
  readonly byVersion?: FoundFiles["byVersion"] | undefined;
  /** Sources that gave no answer, to be shown: no credentials. If `found` is false and this is not empty, the project may exist all the same. */
  readonly unreachable: readonly UnusableSource[];
}

/** A source that gave no answer, or none that is of use. No credentials. */
export interface UnusableSource {
  readonly url: string;
  readonly reason: string;
  /** What to do. */
  readonly hint?: string;
}
