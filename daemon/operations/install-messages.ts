import type { ProjectFile } from "../index/project-files.ts";
import type { Installed } from "../python/installed.ts";
import type { RequestedBy, Resolution, Resolved } from "../resolver/ports.ts";
import type { Satisfied } from "../resolver/satisfied.ts";
import { requirementText } from "../resolver/wording.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import { specifierContains } from "../standards/specifier.ts";
import type { Call } from "../std/call.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import type { WheelStore } from "../store/wheel-store.ts";
import { type Chosen, isSkippedWheel } from "./choose-installations.ts";
import { formatSize } from "./format-size.ts";
import { originOf } from "./requested-by.ts";
import { type DirectWheels, fileOf } from "./resolve-requirements.ts";

/** What `install` tells a person, in pip's words. */
export interface Messages {
  alreadySatisfied(satisfied: Omit<Satisfied, "requirement">): void;
  /** @param force `--force-reinstall`: what is installed is not mentioned */
  resolved(resolution: Resolution, chosen: readonly Chosen[], directs: DirectWheels, force: boolean): void;
  fetching(file: ProjectFile, store: WheelStore, isUnderWay: boolean): void;
  /** Names and versions as their metadata has them. */
  wouldInstall(packages: readonly CoreMetadata[]): void;
}

export function createMessages(call: Call): Messages {
  const say = (text: string): void => call.reporter.message("info", text);
  const alreadySatisfied = ({ text, installed, from }: Omit<Satisfied, "requirement">): void => {
    say(
      `Requirement already satisfied: ${text} in ${shownPath(installed.location, call)}${from === "" ? "" : ` (from ${from})`} (${installed.version})`,
    );
  };
  return {
    alreadySatisfied,
    resolved: (resolution, chosen, directs, force) => {
      const byKey = new Map(resolution.candidates.map((resolved) => [resolved.candidate.key, resolved]));
      for (const resolved of resolution.candidates.toSorted((a, b) => a.ordinal - b.ordinal)) {
        const { source } = resolved.candidate;
        const by = resolved.requestedBy[0];
        if (by === undefined) continue;
        const from = originOf(by, byKey);
        if (source.kind === "installed")
          alreadySatisfied({ text: requirementText(by), installed: source.installed, from });
        else {
          const old = force ? undefined : chosen.find((one) => one.resolved === resolved)?.replaces;
          if (old !== undefined && isSatisfiedBy(by, old))
            alreadySatisfied({ text: requirementText(by), installed: old, from });
          collecting(resolved, by, from, fileOf(resolved.candidate, directs), call);
        }
        if (isSkippedWheel(resolved, chosen)) {
          say(
            `${resolved.candidate.name} is already installed with the same version as the provided wheel. Use --force-reinstall to force an installation of the wheel.`,
          );
        }
      }
    },
    fetching: (file, store, isUnderWay) => {
      if (pathOfFileUrl(file.url) !== undefined) return;
      const sha256 = file.hashes["sha256"];
      const isStored = !isUnderWay && sha256 !== undefined && store.find(sha256) !== undefined;
      say(
        `${isStored ? "Using cached" : "Downloading"} ${file.filename}${file.size === undefined ? "" : ` (${formatSize(file.size)})`}`,
      );
    },
    wouldInstall: (packages) => {
      const items = packages.map(({ name, version }) => `${name}-${version}`).toSorted();
      if (items.length > 0) say(`Would install ${items.join(" ")}`);
    },
  };
}

/** pip looks at what is installed first, also when it then upgrades it. */
function isSatisfiedBy({ requirement }: RequestedBy, { parsedVersion }: Installed): boolean {
  return parsedVersion !== undefined && specifierContains(requirement.specifier, parsedVersion, true);
}

function collecting({ candidate }: Resolved, by: RequestedBy, from: string, file: ProjectFile, call: Call): void {
  const path = pathOfFileUrl(file.url);
  const suffix = from === "" ? "" : ` (from ${from})`;
  const text = requirementText(by);
  const what = candidate.source.kind === "direct" && path === undefined ? candidate.source.direct.shownUrl : text;
  call.reporter.message(
    "info",
    path === undefined ? `Collecting ${what}${suffix}` : `Processing ${shownPath(path, call)}${suffix}`,
  );
}

/** A path below the caller's folder is shown relative to it, as pip's `display_path`. */
function shownPath(path: string, { cwd }: Call): string {
  return path.startsWith(`${cwd}/`) ? `.${path.slice(cwd.length)}` : path;
}
