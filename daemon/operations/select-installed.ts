import { join } from "node:path";
import type { Environment } from "../python/environment.ts";
import type { Installed } from "../python/installed.ts";
import { normalizeName } from "../standards/name.ts";
import { PipdError } from "../std/errors.ts";
import type { Parts } from "./parts.ts";

/** Which installed distributions a command is about, in the words of pip's options. */
export type { Installed as InstalledDistribution } from "../python/installed.ts";

export interface Selection {
  readonly local: boolean;
  readonly user: boolean;
  /** Absolute; when there are any, only these folders are looked at. */
  readonly paths: readonly string[];
  readonly editablesOnly: boolean;
  readonly includeEditables: boolean;
  /** Leave out what the standard library pretends to have installed (`wsgiref`, `argparse`, `python`). */
  readonly skipStandardLibrary: boolean;
}

const STANDARD_LIBRARY: ReadonlySet<string> = new Set(["python", "wsgiref", "argparse"]);

/**
 * The installed distributions of an environment, or of folders, in scan order: the first of a name wins, as for an import.
 * @throws PipdError `invalid-options` when `paths` is combined with `local` or `user`
 */
export function selectInstalled(
  parts: Parts,
  environment: Environment | undefined,
  selection: Selection,
): readonly Installed[] {
  if (selection.paths.length > 0 && (selection.local || selection.user)) {
    throw new PipdError("invalid-options", "Cannot combine '--path' with '--user' or '--local'");
  }
  const folders = selection.paths.length > 0 ? selection.paths : (environment?.searchPath ?? []);
  const installed = parts.installed.scan(folders, environment?.root);
  return installed.distributions.filter(
    (distribution) =>
      (!selection.local || environment === undefined || isLocal(distribution, environment)) &&
      (!selection.user ||
        (environment?.facts.userSite != null && isInside(distribution.location, environment.facts.userSite))) &&
      (selection.includeEditables || distribution.editable === undefined) &&
      (!selection.editablesOnly || distribution.editable !== undefined) &&
      !(selection.skipStandardLibrary && STANDARD_LIBRARY.has(distribution.key)),
  );
}

/** pip's `dist_is_local`: always outside a virtual environment, else when it lies below `sys.prefix`. */
export function isLocal(distribution: Installed, environment: Environment): boolean {
  return (
    !environment.isVirtual ||
    isInside(distribution.location, environment.facts.prefix) ||
    isInside(distribution.location, environment.root)
  );
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(join(folder, "/"));
}

/** What is left when these projects are taken out. */
export function withoutProjects(distributions: readonly Installed[], names: readonly string[]): readonly Installed[] {
  const keys = new Set<string>(names.map(normalizeName));
  return keys.size === 0 ? distributions : distributions.filter((distribution) => !keys.has(distribution.key));
}
