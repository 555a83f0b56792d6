import type { NormalizedName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import type { IndexSources } from "./index-sources.ts";
import type { ProjectFile, ProjectFiles } from "./project-files.ts";

/** What a finished transfer was. */
export interface Downloaded {
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** The daemon's view of all package indexes. */
export interface PackageIndex {
  /** All files of a project in the caller's sources. Asked again by the same call, the answer is the same. */
  project(key: NormalizedName, sources: IndexSources, call: Call): Promise<ProjectFiles>;
  /** The text of a wheel's METADATA, by the cheapest way there is. */
  metadata(file: ProjectFile, call: Call): Promise<string>;
  /** Puts the file at `destination` (absolute; its folder exists), verified against the hashes of the index. */
  download(file: ProjectFile, destination: string, call: Call): Promise<Downloaded>;
  /** The file that a URL names (`https:`, `http:`, `file:`; a wheel or an sdist; `#sha256=` counts as a hash of the index). */
  fileOfUrl(url: string, sources: IndexSources): ProjectFile;
  /** The text at a URL, such as a requirements file. */
  text(url: string, sources: IndexSources, call: Call): Promise<string>;
  close(): Promise<void>;
}
