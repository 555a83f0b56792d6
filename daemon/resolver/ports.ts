import type { ProjectFiles } from "../index/project-files.ts";
import type { Installed } from "../python/installed.ts";
import type { MarkerEnvironment } from "../standards/marker.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import type { Version } from "../standards/version.ts";
import type { Candidate, DirectWheel } from "./candidate.ts";

/** A requirement of the user. Markers are evaluated here, with no extra. */
export interface RootRequirement {
  readonly requirement: Requirement;
  /** "" for the command line, else pip's words: "-r requirements.txt (line 3)". */
  readonly origin: string;
  /** The wheel a URL requirement names. Required when `requirement.url` is there. */
  readonly direct?: DirectWheel;
  /** `sha256:...` texts one of which the file must have. */
  readonly hashes?: readonly string[];
}

/** A requirement that holds only for projects which something else needs. It must not have extras; a URL forces that wheel. */
export type Constraint = RootRequirement;

/** All that decides a resolution apart from what the ports answer. */
export interface ResolveInput {
  readonly requirements: readonly RootRequirement[];
  readonly constraints: readonly Constraint[];
  readonly markerEnvironment: MarkerEnvironment;
  /** As pip compares it: major.minor.micro. */
  readonly pythonVersion: Version;
  /** Tags of the target interpreter, best first (`tagRanks` of standards/tag). */
  readonly tagRanks: ReadonlyMap<string, number>;
  /** Take wheels whatever their tags. */
  readonly ignoreTags?: boolean;
  /** `--no-binary` and `--only-binary`. Everything, if missing. */
  readonly allowedFormats?: (key: NormalizedName) => { readonly wheel: boolean; readonly sdist: boolean };
  /** What the environment has. Preferred where nothing asks for an upgrade. */
  readonly installed: ReadonlyMap<NormalizedName, Installed>;
  /** `-U`: "only-if-needed" lets the user's own projects float, "eager" all. */
  readonly upgrade: "none" | "only-if-needed" | "eager";
  readonly forceReinstall: boolean;
  readonly ignoreInstalled: boolean;
  readonly noDeps: boolean;
  readonly prereleases: "pip-default" | "allow";
  readonly ignoreRequiresPython: boolean;
}

/** The resolver's view of the world. Answers may come at once. Each question is asked once per resolution; prefetching asks early, without waiting. */
export interface ResolverPorts {
  project(key: NormalizedName): Promise<ProjectFiles> | ProjectFiles;
  /** Asked for candidates from files only. */
  metadata(candidate: Candidate): Promise<CoreMetadata> | CoreMetadata;
  /** The wheel of a URL found in a Requires-Dist. */
  direct(url: string, name: string): Promise<DirectWheel> | DirectWheel;
  /** Who wants to know early what the solution is likely to be. */
  readonly watch?: DecisionWatch;
}

/** Told of decisions while the resolution goes on. A restart makes some anew without taking them back. */
export interface DecisionWatch {
  /** The version that would be decided for as things stand now; its metadata is there. Seldom wrong, never taken back: a decision follows, or none. */
  expected(candidate: Candidate): void;
  decided(candidate: Candidate): void;
  takenBack(candidate: Candidate): void;
}

/** Who asked for a project. */
export interface RequestedBy {
  readonly requirement: Requirement;
  /** The candidate whose metadata has the requirement; undefined for the user. */
  readonly by: Candidate | undefined;
  /** Of a user's requirement. */
  readonly origin: string;
}

/** A project of the solution. */
export interface Resolved {
  readonly candidate: Candidate;
  /** Normalised, sorted: all extras anything asked for and the distribution provides. */
  readonly extras: readonly string[];
  /** In the order in which the resolver met them, the user's first. `requestedBy[0]` is pip's "Collecting x (from y)". */
  readonly requestedBy: readonly RequestedBy[];
  readonly isUserRequested: boolean;
  /** Keys of the projects it needs directly, its extras included, sorted. */
  readonly dependencies: readonly NormalizedName[];
  /** Place in the order of decisions: pip's order for `--report`. */
  readonly ordinal: number;
}

/** What a resolution took. */
export interface ResolutionStatistics {
  readonly decisions: number;
  readonly conflicts: number;
  readonly attempts: number;
  readonly postponements: number;
  readonly pages: number;
  readonly metadata: number;
  readonly restarts: number;
}

/** A solution. */
export interface Resolution {
  /** In pip's install order: what has no dependencies first; among equals by name, descending, as pip sorts. */
  readonly candidates: readonly Resolved[];
  readonly statistics: ResolutionStatistics;
}
