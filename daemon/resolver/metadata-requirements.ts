import { InvalidText } from "../standards/invalid-text.ts";
import { evaluateMarker, type MarkerEnvironment } from "../standards/marker.ts";
import type { CoreMetadata } from "../standards/metadata.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import { parseRequirement, type Requirement } from "../standards/requirement.ts";

/** The requirements of one distribution in one marker environment. */
export interface MetadataRequirements {
  /** Without any extra, in the order of Requires-Dist. */
  readonly base: readonly Requirement[];
  /** What an extra (normalised) adds to `base`; undefined if the distribution does not provide it. */
  ofExtra(extra: string): readonly Requirement[] | undefined;
}

/** Parsing Requires-Dist and evaluating markers is most of the cost of a resolution that needs no network: each metadata is read once. */
const parsed = new WeakMap<CoreMetadata, readonly Requirement[]>();
const evaluated = new WeakMap<MarkerEnvironment, WeakMap<CoreMetadata, MetadataRequirements>>();

/**
 * What a distribution requires, with markers evaluated and dropped. Remembered for each metadata object and environment object.
 * Throws InvalidText if a requirement, or a marker's comparison, has no meaning.
 */
export function metadataRequirements(metadata: CoreMetadata, environment: MarkerEnvironment): MetadataRequirements {
  let known = evaluated.get(environment);
  if (!known) {
    known = new WeakMap();
    evaluated.set(environment, known);
  }
  let requirements = known.get(metadata);
  if (!requirements) {
    requirements = evaluate(metadata, environment);
    known.set(metadata, requirements);
  }
  return requirements;
}

function parse(metadata: CoreMetadata): readonly Requirement[] {
  let list = parsed.get(metadata);
  if (!list) {
    list = metadata.requiresDist.map((text) => parseRequirement(text));
    parsed.set(metadata, list);
  }
  return list;
}

function evaluate(metadata: CoreMetadata, environment: MarkerEnvironment): MetadataRequirements {
  const list = parse(metadata);
  const base: Requirement[] = [];
  const conditional: Requirement[] = [];
  for (const requirement of list) {
    if (!requirement.marker || evaluateMarker(requirement.marker, environment, "")) base.push(requirement);
    else conditional.push(requirement);
  }
  let provided: ReadonlySet<NormalizedName> | undefined;
  const extras = new Map<string, readonly Requirement[] | undefined>();
  return {
    base,
    ofExtra(extra) {
      if (extras.has(extra)) return extras.get(extra);
      provided ??= new Set(metadata.providesExtra.map((name) => normalizeName(name)));
      const added = provided.has(extra as NormalizedName)
        ? conditional.filter((requirement) => evaluateMarker(requirement.marker!, environment, extra))
        : undefined;
      extras.set(extra, added);
      return added;
    },
  };
}

/** The reason why the metadata is of no use, if it is: what pip's "since it has invalid metadata" says. */
export function metadataFault(metadata: CoreMetadata, environment: MarkerEnvironment): string | undefined {
  try {
    metadataRequirements(metadata, environment);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidText) return error.message;
    throw error;
  }
}
