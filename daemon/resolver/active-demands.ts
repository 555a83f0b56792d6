import type { Decision } from "../pubgrub/provider.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import { FULL_RANGE, intersectRanges, type VersionRange } from "../standards/version-range.ts";
import type { Demand } from "./demand.ts";

/** What the requirements in force on a project amount to. */
export interface Pressure {
  /** In the order of the decisions that brought them. */
  readonly demands: readonly Demand[];
  readonly combined: VersionRange;
  readonly isDirect: boolean;
  readonly isPinned: boolean;
  readonly isBounded: boolean;
  readonly hasOperator: boolean;
  readonly mentionsPrerelease: boolean;
}

/** The requirements of everything decided, by project. Follows the solver's decisions forth and back. */
export interface ActiveDemands {
  /** Brings this up to date with the decisions. Costs as much as changed. Gives the demands that came into force. */
  follow(decisions: readonly Decision<Version>[]): readonly Demand[];
  of(key: NormalizedName): Pressure;
}

const NO_PRESSURE: Pressure = {
  demands: [],
  combined: FULL_RANGE,
  isDirect: false,
  isPinned: false,
  isBounded: false,
  hasOperator: false,
  mentionsPrerelease: false,
};

/** `demandsOf` gives the demands of a decision; `changed` is told of every project whose pressure is another now. */
export function createActiveDemands(
  demandsOf: (decision: Decision<Version>) => readonly Demand[],
  changed: (key: NormalizedName) => void,
): ActiveDemands {
  const followed: { readonly decision: Decision<Version>; readonly demands: readonly Demand[] }[] = [];
  const byKey = new Map<NormalizedName, Demand[]>();
  const pressures = new Map<NormalizedName, Pressure>();

  const push = (demand: Demand): void => {
    const list = byKey.get(demand.key);
    if (list) list.push(demand);
    else byKey.set(demand.key, [demand]);
    pressures.delete(demand.key);
    changed(demand.key);
  };
  const pop = (demand: Demand): void => {
    byKey.get(demand.key)?.pop();
    pressures.delete(demand.key);
    changed(demand.key);
  };

  return {
    follow(decisions) {
      // Decisions are a stack of distinct objects: where two are the same object, so are all below them.
      for (
        let last = followed.at(-1);
        last && decisions[followed.length - 1] !== last.decision;
        last = followed.at(-1)
      ) {
        last.demands.toReversed().forEach(pop);
        followed.pop();
      }
      const added: Demand[] = [];
      for (let index = followed.length; index < decisions.length; index++) {
        const decision = decisions[index]!;
        const demands = demandsOf(decision);
        followed.push({ decision, demands });
        demands.forEach(push);
        added.push(...demands);
      }
      return added;
    },
    of(key) {
      let pressure = pressures.get(key);
      if (!pressure) {
        pressure = sum(byKey.get(key) ?? []);
        pressures.set(key, pressure);
      }
      return pressure;
    },
  };
}

function sum(demands: readonly Demand[]): Pressure {
  let combined = FULL_RANGE;
  let { isDirect, isPinned, isBounded, hasOperator, mentionsPrerelease } = NO_PRESSURE;
  for (const demand of demands) {
    combined = intersectRanges(combined, demand.range);
    isDirect ||= demand.isDirect;
    isPinned ||= demand.isPinned;
    isBounded ||= demand.isBounded;
    hasOperator ||= demand.hasOperator;
    mentionsPrerelease ||= demand.mentionsPrerelease;
  }
  return { demands: [...demands], combined, isDirect, isPinned, isBounded, hasOperator, mentionsPrerelease };
}
