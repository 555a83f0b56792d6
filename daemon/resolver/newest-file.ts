import type { ProjectFile, ProjectFiles } from "../index/project-files.ts";
import type { Version } from "../standards/version.ts";
import { type FileRules, rateVersion, versionsOf } from "./project-versions.ts";

/** The newest release of a project that an interpreter can have. */
export interface NewestFile {
  readonly version: Version;
  /** A wheel if the release has one that fits. */
  readonly filetype: "wheel" | "sdist";
}

/** Which releases count beside the rules. */
export interface NewestChoice {
  readonly prereleases: boolean;
  /** An older wheel comes before a newer source archive. */
  readonly preferBinary: boolean;
}

/**
 * What pip calls the latest version: of all files that are not yanked and fit, that of the best. A release with nothing but a source archive counts,
 * whether it could be built or not. Undefined when there is none.
 */
export function newestFile(project: ProjectFiles, rules: FileRules, choice: NewestChoice): NewestFile | undefined {
  const newestWith = (accepts: (file: ProjectFile) => boolean): NewestFile | undefined => {
    const { versions, files } = versionsOf(project);
    for (const version of versions.toReversed()) {
      if (version.isPrerelease && !choice.prereleases) continue;
      const wanted = files.get(version.key)?.files.filter((file) => file.yanked === false && accepts(file)) ?? [];
      const { wheel, sdist } = rateVersion({ version, files: wanted }, rules);
      if (wheel ?? sdist) return { version, filetype: wheel ? "wheel" : "sdist" };
    }
    return undefined;
  };
  const wheel = choice.preferBinary ? newestWith((file) => file.wheel !== undefined) : undefined;
  return wheel ?? newestWith(() => true);
}
