import type { Dependency } from "../pubgrub/provider.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import type { Requirement } from "../standards/requirement.ts";
import { isPinned, mentionsPrerelease, type SpecifierSet } from "../standards/specifier.ts";
import { EMPTY_RANGE, rangeOf, singletonRange, type VersionRange } from "../standards/version-range.ts";
import type { DirectWheel } from "./candidate.ts";
import { extraPackage } from "./package-name.ts";

/** A requirement as something in the solution makes it: what it asks of its project, worked out once. */
export interface Demand {
  readonly key: NormalizedName;
  readonly requirement: Requirement;
  /** Normalised, sorted. */
  readonly extras: readonly string[];
  readonly range: VersionRange;
  /** It is a URL. */
  readonly isDirect: boolean;
  readonly isPinned: boolean;
  /** It has an operator that sets an upper limit: `<`, `<=`, `~=`, `==1.*`. */
  readonly isBounded: boolean;
  readonly hasOperator: boolean;
  readonly mentionsPrerelease: boolean;
  /** pip's words for whose requirement it is: "" (command line), "-r x.txt (line 1)". Only of the user's. */
  readonly origin: string;
}

/** Why an incompatibility of the resolver holds, for the words of an explanation. */
export type Reason =
  | { readonly kind: "demand"; readonly demand: Demand }
  /** An extra has its project's version. */
  | { readonly kind: "same-version" }
  | { readonly kind: "constraint"; readonly text: string; readonly origin: string }
  | { readonly kind: "requires-python"; readonly specifier: string }
  | { readonly kind: "invalid-metadata"; readonly fault: string }
  /** The project, or versions of the range, are not there, or none of their files fits. */
  | { readonly kind: "not-found" };

function isBounded(set: SpecifierSet): boolean {
  return set.specifiers.some(
    ({ operator, version }) =>
      operator === "<" ||
      operator === "<=" ||
      operator === "~=" ||
      ((operator === "==" || operator === "===") && version.includes("*")),
  );
}

/** What is the same for a requirement wherever it stands. */
const facts = new WeakMap<Requirement, Omit<Demand, "origin" | "range" | "isDirect">>();

/** The demand a requirement makes; `direct` is the wheel of its URL, or "conflict" if the project is bound to another URL. */
export function demandOf(requirement: Requirement, direct: DirectWheel | "conflict" | undefined, origin = ""): Demand {
  const { specifier } = requirement;
  let known = facts.get(requirement);
  if (!known) {
    known = {
      key: requirement.key,
      requirement,
      extras: [...new Set(requirement.extras.map((extra) => normalizeName(extra)))].sort(),
      isPinned: isPinned(specifier),
      isBounded: isBounded(specifier),
      hasOperator: specifier.specifiers.length > 0,
      mentionsPrerelease: mentionsPrerelease(specifier),
    };
    facts.set(requirement, known);
  }
  const range =
    direct === undefined ? rangeOf(specifier) : direct === "conflict" ? EMPTY_RANGE : singletonRange(direct.version);
  return { ...known, range, isDirect: requirement.url !== undefined, origin };
}

/** The solver's dependencies a demand stands for: its project and one package for each extra. */
export function dependenciesOf(demand: Demand): readonly Dependency<VersionRange>[] {
  const reason: Reason = { kind: "demand", demand };
  const key = demand.requirement.url ?? demand.requirement.specifier.text;
  const project = { package: demand.key as string, set: demand.range, key, reason };
  if (demand.extras.length === 0) return [project];
  return [project, ...demand.extras.map((extra) => ({ ...project, package: extraPackage(demand.key, extra) }))];
}
