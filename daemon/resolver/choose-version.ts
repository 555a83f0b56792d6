import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import { intersectRanges, rangeContains, type VersionRange } from "../standards/version-range.ts";
import type { Reason } from "./demand.ts";
import { parsePackage } from "./package-name.ts";
import type { ProjectView } from "./project-view.ts";
import {
  type ProviderState,
  type PythonChoice,
  type PythonView,
  policyOf,
  versionSetOf,
  viewOf,
} from "./provider-state.ts";

/** A project, or an extra whose project nothing needs yet, and the versions it may have. */
interface Asked {
  readonly name: string;
  readonly key: NormalizedName;
  readonly set: VersionRange;
  readonly view: PythonView;
}

const NOT_FOUND: PythonChoice = { kind: "no-versions", reason: { kind: "not-found" } satisfies Reason };

/** The best version as pip sees it: the wheel of the URL, what is installed where that is preferred, else the best of the index. */
export function chooseVersion(
  state: ProviderState,
  name: string,
  set: VersionRange,
  view: PythonView,
): PythonChoice | Promise<PythonChoice> {
  const { key, extra } = parsePackage(name);
  const decided = extra === undefined ? undefined : view.decided(key);
  if (decided) return sameVersion(state, { name, key, set, view }, decided);
  return chooseProject(state, { name, key, set, view });
}

/** An extra has the version of its project, or there is a conflict. */
function sameVersion(state: ProviderState, { name, key, set }: Asked, version: Version): PythonChoice {
  if (rangeContains(set, version)) return { kind: "version", version };
  const terms = [
    { package: name, positive: true, set },
    { package: key as string, positive: true, set: versionSetOf(state, key, version) },
  ];
  return { kind: "conflict", terms, reason: { kind: "same-version" } satisfies Reason };
}

function chooseProject(state: ProviderState, asked: Asked): PythonChoice | Promise<PythonChoice> {
  const { attempt, world, loaded } = state;
  const { key, set } = asked;
  const joint = jointly(state, asked);
  const direct = attempt.directs.get(key);
  if (direct) {
    if (rangeContains(joint, direct.version)) return { kind: "version", version: direct.version };
    return rangeContains(set, direct.version) ? conflictWithExtras(state, asked) : NOT_FOUND;
  }
  const kept = world.kept(key);
  if (kept?.isPreferred && rangeContains(joint, kept.candidate.version)) {
    return { kind: "version", version: kept.candidate.version };
  }
  const project = world.fetches.project(key);
  if (!(project instanceof Promise)) {
    loaded.add(key);
    return pickFrom(state, asked, viewOf(state, key, project));
  }
  return project.then((arrived) => {
    loaded.add(key);
    return pickFrom(state, asked, viewOf(state, key, arrived));
  });
}

function pickFrom(state: ProviderState, asked: Asked, project: ProjectView): PythonChoice {
  const { key, set } = asked;
  const joint = jointly(state, asked);
  const policy = policyOf(state, key);
  const best = project.pick(joint, policy);
  if (best.version) return { kind: "version", version: best.version };
  const alone = joint === set ? best : project.pick(set, policy);
  if (best.passedOver || alone.passedOver) state.passedOver.add(key);
  return alone.version ? conflictWithExtras(state, asked) : NOT_FOUND;
}

/** The versions of a project that its extras leave, too. */
function jointly({ extras }: ProviderState, { name, key, set, view }: Asked): VersionRange {
  let joint = set;
  if (name !== key) return joint;
  for (const extra of extras.get(key) ?? []) {
    const allowed = view.allowed(extra);
    if (allowed) joint = intersectRanges(joint, allowed);
  }
  return joint;
}

/** Nothing fits together with the extras, though something fits without them: not all of them can hold. */
function conflictWithExtras({ extras }: ProviderState, { key, set, view }: Asked): PythonChoice {
  const terms = [{ package: key as string, positive: true, set }];
  for (const extra of extras.get(key) ?? []) {
    const allowed = view.allowed(extra);
    if (allowed) terms.push({ package: extra, positive: true, set: allowed });
  }
  return { kind: "conflict", terms, reason: { kind: "same-version" } satisfies Reason };
}
