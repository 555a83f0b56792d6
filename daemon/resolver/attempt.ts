import type { NormalizedName } from "../standards/name.ts";
import type { DirectWheel } from "./candidate.ts";

/** What one attempt at a resolution takes for granted. */
export interface Attempt {
  /** Wheels that projects are bound to by URLs: the user's, and those of metadata found so far. */
  readonly directs: ReadonlyMap<NormalizedName, DirectWheel>;
  /** For each project bound by metadata: the candidate with the URL, as in `refused`. */
  readonly boundBy: ReadonlyMap<NormalizedName, string>;
  /** Candidates ("name" or "name[extra]", blank, key of the version) whose URLs turned out not to fit. */
  readonly refused: ReadonlySet<string>;
  /** Projects whose pre-releases and yanked files may be taken as a last resort. */
  readonly permissive: ReadonlySet<NormalizedName>;
}

/** A URL was found in the metadata of a candidate: the attempt must start again with the project bound to it. */
export class FoundDirect extends Error {
  readonly direct: DirectWheel;
  /** The candidate with the URL, as in `Attempt.refused`. */
  readonly by: string;
  constructor(direct: DirectWheel, by: string) {
    super("a URL was found in metadata");
    this.direct = direct;
    this.by = by;
  }
}

/** The attempt with a project bound to a URL found in metadata. */
export function bindTo(attempt: Attempt, found: FoundDirect): Attempt {
  const { key } = found.direct;
  return {
    ...attempt,
    directs: new Map([...attempt.directs, [key, found.direct]]),
    boundBy: new Map([...attempt.boundBy, [key, found.by]]),
  };
}

/** The attempt with a project free again, and the candidate that bound it out of the game. */
export function unbind(attempt: Attempt, key: NormalizedName): Attempt {
  const by = attempt.boundBy.get(key);
  return {
    directs: new Map([...attempt.directs].filter(([bound]) => bound !== key)),
    boundBy: new Map([...attempt.boundBy].filter(([bound]) => bound !== key)),
    refused: by === undefined ? attempt.refused : new Set([...attempt.refused, by]),
    permissive: new Set(),
  };
}
