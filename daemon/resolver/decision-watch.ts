import type { Decision } from "../pubgrub/provider.ts";
import type { Version } from "../standards/version.ts";
import type { Candidate } from "./candidate.ts";
import { parsePackage } from "./package-name.ts";
import type { DecisionWatch } from "./ports.ts";

/** Tells the watch which decisions have been made and taken back since it was last told. */
export function createDecisionTeller(
  watch: DecisionWatch | undefined,
  candidateOf: (decision: Decision<Version>) => Candidate,
): (decisions: readonly Decision<Version>[]) => void {
  const told: Decision<Version>[] = [];
  if (watch === undefined) return () => {};
  const isProject = ({ package: name }: Decision<Version>): boolean => {
    const { key, extra } = parsePackage(name);
    return key !== "" && extra === undefined;
  };
  return (decisions) => {
    let same = 0;
    while (same < told.length && told[same] === decisions[same]) same += 1;
    for (const decision of told.splice(same)) if (isProject(decision)) watch.takenBack(candidateOf(decision));
    for (const decision of decisions.slice(same)) {
      told.push(decision);
      if (isProject(decision)) watch.decided(candidateOf(decision));
    }
  };
}
