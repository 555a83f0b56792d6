/**
 * What conflicts teach about the order of decisions. PubGrub is free to choose which package to decide next; a good order saves most of the search.
 *
 * Two observations move a package. (1) A package was decided, and then the best version of a later one could not be taken because of that
 * decision alone (its other requirements would allow another): the decision came too early, it is withdrawn and made later. (2) A package is in
 * conflict with decisions again and again: it moves to the front, and the packages whose decisions stand in its way move behind it. uv does the second
 * (with the same threshold); it is what finds a boto3 for an aiobotocore instead of trying every aiobotocore for the newest boto3.
 */
export interface DecisionOrder {
  lateness(name: string): number;
  isPromoted(name: string): boolean;
  /** Changes whenever `lateness` or `isPromoted` of any package does. */
  revision(): number;
  /** May the decision on `name` still be withdrawn? Bounded, so that the search ends. */
  canPostpone(name: string): boolean;
  postpone(name: string): void;
  /** `affected` could not be as it should because of `culprits`. Gives the culprits whose decisions should now be withdrawn. */
  recordConflict(affected: string, culprits: readonly string[]): readonly string[];
}

const THRESHOLD = 5;
const POSTPONEMENTS = 3;

/** A fresh order: nothing late, nothing promoted. */
export function createDecisionOrder(): DecisionOrder {
  const late = new Map<string, number>();
  const postponements = new Map<string, number>();
  const promoted = new Set<string>();
  const affectedCount = new Map<string, number>();
  const culpritCount = new Map<string, number>();
  let clock = 0;

  const increase = (counts: Map<string, number>, name: string): number => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count;
  };
  const makeLate = (name: string): void => {
    clock += 1;
    late.set(name, clock);
  };

  return {
    lateness: (name) => late.get(name) ?? 0,
    isPromoted: (name) => promoted.has(name),
    revision: () => clock + promoted.size,
    canPostpone: (name) => !promoted.has(name) && (postponements.get(name) ?? 0) < POSTPONEMENTS,
    postpone(name) {
      increase(postponements, name);
      makeLate(name);
    },
    recordConflict(affected, culprits) {
      if (culprits.length === 0) return [];
      const withdrawn: string[] = [];
      if (increase(affectedCount, affected) === THRESHOLD) promoted.add(affected);
      for (const culprit of culprits) {
        if (increase(culpritCount, culprit) === THRESHOLD && !promoted.has(culprit)) {
          makeLate(culprit);
          withdrawn.push(culprit);
        }
      }
      return withdrawn;
    },
  };
}
