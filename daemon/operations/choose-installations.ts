import type { Installed } from "../python/installed.ts";
import type { Resolution, Resolved } from "../resolver/ports.ts";
import type { NormalizedName } from "../standards/name.ts";

/** A project of the solution that has to be installed. */
export interface Chosen {
  readonly resolved: Resolved;
  /** What it takes the place of. */
  readonly replaces: Installed | undefined;
  /** The project's name as whoever asked first spelt it. */
  readonly name: string;
}

export interface ChoiceRules {
  readonly force: boolean;
  /** Nothing is uninstalled, everything is laid over what is there. */
  readonly ignoresInstalled: boolean;
}

/** What of a solution is not there yet, in install order: pip's rules for reinstalling. */
export function chooseInstallations(
  { candidates }: Resolution,
  installed: ReadonlyMap<NormalizedName, Installed>,
  rules: ChoiceRules,
): readonly Chosen[] {
  return candidates.flatMap((resolved) => {
    const { candidate } = resolved;
    if (candidate.source.kind === "installed") return [];
    const present = rules.ignoresInstalled ? undefined : installed.get(candidate.key);
    const isSame =
      present !== undefined && present.parsedVersion?.key === candidate.version.key && present.editable === undefined;
    if (isSame && !rules.force) return [];
    return [{ resolved, replaces: present, name: resolved.requestedBy[0]?.requirement.name ?? candidate.name }];
  });
}

/** Whether a wheel the user gave is left alone because its version is installed already. */
export function isSkippedWheel(resolved: Resolved, chosen: readonly Chosen[]): boolean {
  return resolved.candidate.source.kind === "direct" && !chosen.some((one) => one.resolved === resolved);
}
