import type { ProjectFile } from "../index/project-files.ts";
import type { Installed } from "../python/installed.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";

/** A wheel somebody named by its URL or path, instead of a project of an index. */
export interface DirectWheel {
  /** Identity: two requirements with the same URL mean the same wheel. Credentials included; see `shownUrl`. */
  readonly url: string;
  /** For messages: without credentials; a path for local files. */
  readonly shownUrl: string;
  readonly key: NormalizedName;
  /** As in its metadata. */
  readonly name: string;
  readonly version: Version;
  readonly metadata: CoreMetadata;
}

/** Where a candidate would come from. */
export type CandidateSource =
  | { readonly kind: "file"; readonly file: ProjectFile }
  | { readonly kind: "installed"; readonly installed: Installed }
  | { readonly kind: "direct"; readonly direct: DirectWheel };

/** A version of a project that the resolver may pick, with what it would use of it. */
export interface Candidate {
  readonly key: NormalizedName;
  /** As the source spells it: the file name, the metadata of what is installed. */
  readonly name: string;
  readonly version: Version;
  readonly source: CandidateSource;
}
