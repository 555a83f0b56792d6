import type { Environment } from "../python/environment.ts";
import { type Installed, type InstalledSet, isInUserSite, isLocal, type ScanDepth } from "../python/installed.ts";
import { normalizeName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import type { Parts } from "./parts.ts";

export type { Installed as InstalledDistribution, InstalledSet } from "../python/installed.ts";

/** Which installed distributions a command is about, in the words of pip's options. */
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

/** Everything that is installed, also what the standard library pretends to be. */
export const EVERYTHING: Selection = {
  local: false,
  user: false,
  paths: [],
  editablesOnly: false,
  includeEditables: true,
  skipStandardLibrary: false,
};

const STANDARD_LIBRARY: ReadonlySet<string> = new Set(["python", "wsgiref", "argparse"]);

/**
 * The installed distributions of an environment, or of folders, in scan order: the first of a name wins, as for an import.
 * @throws PipdError `invalid-options` when `paths` is combined with `local` or `user`
 */
export function selectInstalled(
  parts: Parts,
  environment: Environment | undefined,
  selection: Selection,
  call: Call,
): readonly Installed[] {
  // For commands that change what they see: only the present counts.
  const now = { ...call, arrivedAt: undefined };
  return selectFrom(scanInstalled(parts, environment, selection, now), environment, selection);
}

/**
 * For commands that change nothing: all that is installed where the selection looks, and the warnings about it said. Whatever is made of it holds as long as it is the same object,
 * unless the selection is about the user site.
 * @throws PipdError `invalid-options` when `paths` is combined with `local` or `user`
 */
export function scanInstalled(
  parts: Parts,
  environment: Environment | undefined,
  selection: Selection,
  call: Call,
  depth: ScanDepth = "all",
): InstalledSet {
  if (selection.paths.length > 0 && (selection.local || selection.user)) {
    throw new PipdError("invalid-options", "Cannot combine '--path' with '--user' or '--local'");
  }
  const folders = selection.paths.length > 0 ? selection.paths : (environment?.searchPath ?? []);
  const installed = parts.installed.scan(folders, depth, call.arrivedAt);
  for (const { text } of installed.warnings) call.reporter.message("warning", text);
  return installed;
}

/** What a selection takes of all that is installed. */
export function selectFrom(
  installed: InstalledSet,
  environment: Environment | undefined,
  selection: Selection,
): readonly Installed[] {
  return installed.distributions.filter(
    (distribution) =>
      (!selection.local || environment === undefined || isLocal(distribution, environment)) &&
      (!selection.user || (environment !== undefined && isInUserSite(distribution, environment))) &&
      (selection.includeEditables || distribution.editable === undefined) &&
      (!selection.editablesOnly || distribution.editable !== undefined) &&
      !(selection.skipStandardLibrary && STANDARD_LIBRARY.has(distribution.key)),
  );
}

/** What is left when these projects are taken out. */
export function withoutProjects(distributions: readonly Installed[], names: readonly string[]): readonly Installed[] {
  const keys = new Set<string>(names.map(normalizeName));
  return keys.size === 0 ? distributions : distributions.filter((distribution) => !keys.has(distribution.key));
}
