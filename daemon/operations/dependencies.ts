import type { Installed } from "../python/installed.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { evaluateMarker, type MarkerEnvironment } from "../standards/marker.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import { parseRequirement, type Requirement } from "../standards/requirement.ts";

const parsed = new WeakMap<Installed, readonly Requirement[]>();
const applicable = new WeakMap<
  Installed,
  { readonly environment: MarkerEnvironment; readonly requirements: readonly Requirement[] }
>();

/**
 * All requirements of an installed distribution.
 * @throws InvalidText kind `requirement` when its metadata has one that is not PEP 508
 */
export function allRequirements(distribution: Installed): readonly Requirement[] {
  let requirements = parsed.get(distribution);
  if (requirements === undefined) {
    requirements = requirementsIn(distribution.metadata());
    parsed.set(distribution, requirements);
  }
  return requirements;
}

/** All requirements in some metadata. @throws InvalidText kind `requirement` */
export function requirementsIn(metadata: CoreMetadata): readonly Requirement[] {
  return metadata.requiresDist.map(parseRequirement);
}

/** The requirements that hold in an environment when no extra is asked for. Kept per distribution, so that the next answer costs nothing. */
export function dependenciesOf(distribution: Installed, environment: MarkerEnvironment): readonly Requirement[] {
  const known = applicable.get(distribution);
  if (known !== undefined && known.environment === environment) return known.requirements;
  const requirements = allRequirements(distribution).filter(
    (requirement) => requirement.marker === undefined || evaluateMarker(requirement.marker, environment),
  );
  applicable.set(distribution, { environment, requirements });
  return requirements;
}

/** As `dependenciesOf`, but undefined when the metadata cannot be understood. */
export function dependenciesIfValid(
  distribution: Installed,
  environment: MarkerEnvironment,
): readonly Requirement[] | undefined {
  try {
    return dependenciesOf(distribution, environment);
  } catch (error) {
    if (error instanceof InvalidText) return undefined;
    throw error;
  }
}
