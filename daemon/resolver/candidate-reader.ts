import type { Installed } from "../python/installed.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { parseSpecifierSet, specifierContains } from "../standards/specifier.ts";
import { tryParseVersion } from "../standards/version.ts";
import { PipdError } from "../std/errors.ts";
import { type Attempt, FoundDirect } from "./attempt.ts";
import type { Candidate, DirectWheel } from "./candidate.ts";
import { type Demand, demandOf, type Reason } from "./demand.ts";
import { metadataFault, metadataRequirements } from "./metadata-requirements.ts";
import type { World } from "./world.ts";

/** What a candidate demands, or why it is of no use. */
export type ReadCandidate =
  | { readonly kind: "known"; readonly demands: readonly Demand[] }
  | { readonly kind: "unavailable"; readonly reason: Reason };

/** Reads candidates' metadata. */
export interface CandidateReader {
  /** The demands of a candidate, or of one of its extras. `by` names it in `Attempt.refused`. */
  read(candidate: Candidate, extra: string | undefined, by: string): Promise<ReadCandidate> | ReadCandidate;
}

/** A reader for one attempt. Its warnings are pip's. */
export function createCandidateReader(world: World, attempt: Attempt): CandidateReader {
  const { input } = world;

  const check = (candidate: Candidate, metadata: CoreMetadata): Reason | undefined => {
    if (candidate.source.kind === "installed") {
      refuseBrokenInstallation(candidate.source.installed, metadataFault(metadata, input.markerEnvironment));
      return undefined;
    }
    const inconsistent = candidate.source.kind === "file" ? findInconsistency(candidate, metadata) : undefined;
    if (inconsistent) {
      world.warn(`Discarding ${shownFile(candidate)}: Requested ${candidate.key} has inconsistent ${inconsistent}`);
      return { kind: "invalid-metadata", fault: `inconsistent ${inconsistent}` };
    }
    const fault = metadataFault(metadata, input.markerEnvironment);
    if (fault !== undefined) {
      world.warn(
        `Ignoring version ${candidate.version.text} of ${candidate.key} since it has invalid metadata:\n` +
          `Requested ${candidate.key} from ${shownFile(candidate)} has invalid metadata: ${fault}`,
      );
      return { kind: "invalid-metadata", fault };
    }
    if (!input.ignoreRequiresPython && refusesPython(metadata, world)) {
      return { kind: "requires-python", specifier: metadata.requiresPython! };
    }
    return undefined;
  };

  /** The wheel of a URL in metadata; throws FoundDirect if the attempt does not know it yet. */
  const bind = async (url: string, key: NormalizedName, by: string): Promise<DirectWheel | "conflict"> => {
    const bound = attempt.directs.get(key);
    if (bound) return bound.url === url ? bound : "conflict";
    throw new FoundDirect(await world.fetches.direct(url, key), by);
  };
  const demandsWithUrls = async (requirements: readonly Requirement[], by: string): Promise<readonly Demand[]> => {
    const demands: Demand[] = [];
    for (const requirement of requirements) {
      const { url, key } = requirement;
      demands.push(demandOf(requirement, url === undefined ? undefined : await bind(url, key, by)));
    }
    return demands;
  };
  const requirementsOf = (
    candidate: Candidate,
    metadata: CoreMetadata,
    extra: string | undefined,
  ): readonly Requirement[] => {
    const requirements = metadataRequirements(metadata, input.markerEnvironment);
    if (extra === undefined) return requirements.base;
    const added = requirements.ofExtra(extra);
    if (added) return added;
    world.warn(`${candidate.key} ${candidate.version.text} does not provide the extra '${extra}'`);
    return [];
  };
  const readMetadata = (
    candidate: Candidate,
    metadata: CoreMetadata,
    extra: string | undefined,
    by: string,
  ): Promise<ReadCandidate> | ReadCandidate => {
    const reason = check(candidate, metadata);
    if (reason) return { kind: "unavailable", reason };
    if (input.noDeps) return { kind: "known", demands: [] };
    const requirements = requirementsOf(candidate, metadata, extra);
    if (!requirements.some((requirement) => requirement.url !== undefined)) {
      return { kind: "known", demands: requirements.map((requirement) => demandOf(requirement, undefined)) };
    }
    if (attempt.refused.has(by)) {
      return { kind: "unavailable", reason: { kind: "invalid-metadata", fault: "its URL requirements do not fit" } };
    }
    return demandsWithUrls(requirements, by).then((demands) => ({ kind: "known", demands }));
  };

  return {
    read(candidate, extra, by) {
      const metadata = world.fetches.metadata(candidate);
      return metadata instanceof Promise
        ? metadata.then((arrived) => readMetadata(candidate, arrived, extra, by))
        : readMetadata(candidate, metadata, extra, by);
    },
  };
}

/** pip does not work around what it cannot read of an environment. */
function refuseBrokenInstallation(installed: Installed, fault: string | undefined): void {
  if (fault === undefined) return;
  throw new PipdError(
    "invalid-installed-metadata",
    `Cannot process installed package ${installed.name} ${installed.version} in '${installed.location}' because it has an ` +
      `invalid requirement:\n${fault}`,
    { hint: `Uninstall ${installed.name}, or install another version of it with --no-deps.` },
  );
}

/** What of the metadata is not as the file name says, in pip's words. */
function findInconsistency(candidate: Candidate, metadata: CoreMetadata): string | undefined {
  if (normalizeName(metadata.name) !== candidate.key) {
    return `name: expected '${candidate.key}', but metadata has '${normalizeName(metadata.name)}'`;
  }
  if (tryParseVersion(metadata.version)?.key !== candidate.version.key) {
    return `version: expected '${candidate.version.text}', but metadata has '${metadata.version}'`;
  }
  return undefined;
}

function shownFile({ source, key }: Candidate): string {
  if (source.kind === "file") return source.file.filename;
  return source.kind === "direct" ? source.direct.shownUrl : key;
}

function refusesPython(metadata: CoreMetadata, world: World): boolean {
  if (!metadata.requiresPython) return false;
  try {
    return !specifierContains(parseSpecifierSet(metadata.requiresPython), world.input.pythonVersion, true);
  } catch {
    return false;
  }
}
