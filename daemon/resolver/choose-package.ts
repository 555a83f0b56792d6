import type { NormalizedName } from "../standards/name.ts";
import type { Pressure } from "./active-demands.ts";
import { parsePackage } from "./package-name.ts";
import type { ProviderState, PythonView } from "./provider-state.ts";
import type { World } from "./world.ts";

/** An extra comes right after its project, and not before. */
const EXTRA_RANK = Number.NEGATIVE_INFINITY;

/** The package to decide next: pip's order of preference, and above it what conflicts taught. Names decide between equals. */
export function choosePackage(state: ProviderState, view: PythonView): string {
  const { ranks } = state;
  let best: string | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const name of view.undecided) {
    let rank = ranks.get(name);
    if (rank === undefined) {
      const { key, extra } = parsePackage(name);
      rank = extra === undefined ? rankOf(state, key, view) : EXTRA_RANK;
      ranks.set(name, rank);
    }
    if (rank === EXTRA_RANK) {
      if (view.decided(parsePackage(name).key)) return name;
    } else if (rank < bestRank || (rank === bestRank && name < best!)) {
      best = name;
      bestRank = rank;
    }
  }
  return best ?? [...view.undecided][0]!;
}

function rankOf({ world, active }: ProviderState, key: NormalizedName, view: PythonView): number {
  const preference = preferenceOf(world, key, active.of(key));
  // Once there were conflicts, the user's own come first in any case: pip does not give the newest of them up for what others need.
  const late = view.lateness(key);
  if (late === 0 && world.userOrder.has(key) && view.orderRevision() > 0) return preference - 2e9;
  return view.isPromoted(key) ? preference - 1e9 : preference + 1e9 * late;
}

/** pip's order of preference as one number, lowest first: URLs, pins, upper limits, the user's order, any operator. */
function preferenceOf(world: World, key: NormalizedName, pressure: Pressure): number {
  const wanted = (pressure.isDirect ? 0 : 4) + (pressure.isPinned ? 0 : 2) + (pressure.isBounded ? 0 : 1);
  const order = Math.min(world.userOrder.get(key) ?? 1e6, 1e6);
  return (wanted * 2e6 + order) * 2 + (pressure.hasOperator ? 0 : 1);
}

/** May a decision be made later because it stands in the way? The user's projects are as new as can be, in the order of the user. */
export function canWithdraw(world: World, culprit: string, affected: string): boolean {
  const order = world.userOrder.get(parsePackage(culprit).key);
  if (order === undefined) return true;
  return order > (world.userOrder.get(parsePackage(affected).key) ?? Number.POSITIVE_INFINITY);
}
