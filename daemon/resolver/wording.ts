import type { Wording } from "../pubgrub/explanation.ts";
import type { Incompatibility, PackageTerm } from "../pubgrub/incompatibility.ts";
import { rangeContains, type VersionRange } from "../standards/version-range.ts";
import type { Demand, Reason } from "./demand.ts";
import { parsePackage, ROOT } from "./package-name.ts";
import type { PythonProvider } from "./python-provider.ts";
import { versionsInWords } from "./version-words.ts";
import type { World } from "./world.ts";

type Fact = Incompatibility<VersionRange>;

/** What cannot be is said of the user's requirements as a whole. */
const NO_SOLUTION = "your requirements cannot be satisfied";

/** The requirement as written, without its marker. */
export function requirementText({
  requirement: { name, extras, specifier, url },
}: Pick<Demand, "requirement">): string {
  const bracket = extras.length === 0 ? "" : `[${extras.join(",")}]`;
  return `${name}${bracket}${specifier.text}${url === undefined ? "" : ` @ ${withoutPassword(url)}`}`;
}

/** As pip reports it for the project alone: it looks at `a[x]>=1` as `a>=1` first, and then at the extra. */
export function projectRequirementText(demand: Demand): string {
  const { name, specifier } = demand.requirement;
  return demand.hasOperator ? `${name}${specifier.text}` : requirementText(demand);
}

/** `user:secret@` of a URL becomes `user:****@`. */
function withoutPassword(url: string): string {
  return url.replace(/^([^/]*\/\/)([^/@]*)@/u, (_, scheme: string, login: string) => {
    const colon = login.indexOf(":");
    return colon < 0 ? `${scheme}****@` : `${scheme}${login.slice(0, colon)}:****@`;
  });
}

/** A package with some of its versions, by the versions that are known of it: "a 1.0", "a[x]>=2.0". */
export function packageInWords(world: World, provider: PythonProvider, name: string, range: VersionRange): string {
  const { key } = parsePackage(name);
  const kept = world.kept(key);
  const versions = provider.seen(key)?.versions ?? (kept ? [kept.candidate.version] : undefined);
  return versionsInWords(name, range, versions);
}

/** The words for the incompatibilities of one failed attempt. */
export function createWording(world: World, provider: PythonProvider): Wording<VersionRange> {
  const say = (term: PackageTerm<VersionRange>): string => packageInWords(world, provider, term.package, term.set);

  const sayReason = (fact: Fact, reason: Reason): string => {
    const [first, second] = fact.terms;
    switch (reason.kind) {
      case "demand":
        return `${first ? say(first) : "it"} depends on ${requirementText(reason.demand)}`;
      case "same-version":
        return second
          ? `${say(first!)} and ${say(second)} are different versions`
          : `${say(first!)} needs another version`;
      case "constraint":
        return `you constrain ${reason.text}`;
      case "requires-python":
        return `${say(first!)} requires Python ${reason.specifier}, not ${world.input.pythonVersion.text}`;
      case "invalid-metadata":
        return `${say(first!)} has invalid metadata`;
      case "not-found":
        return `${first!.package} is not there`;
    }
  };
  const sayDependency = (depender: string, set: VersionRange, reason: Reason): string => {
    const who = depender === ROOT ? "you require" : `${packageInWords(world, provider, depender, set)} depends on`;
    if (reason.kind !== "demand") return `${who} its project at the same version`;
    const { origin } = reason.demand;
    return `${who} ${requirementText(reason.demand)}${depender === ROOT && origin !== "" ? ` (${origin})` : ""}`;
  };
  const sayMissing = (name: string, set: VersionRange): string => {
    const { key } = parsePackage(name);
    const view = provider.seen(key);
    if (view && !view.project.found) {
      return view.project.unreachable.length > 0
        ? `the index that might have ${key} could not be reached`
        : `${key} was not found`;
    }
    return `no usable version of ${key} is ${versionsInWords(name, set, undefined)}`;
  };

  const listOf = (terms: readonly PackageTerm<VersionRange>[], last: string): string =>
    terms.length === 1 ? say(terms[0]!) : `${terms.slice(0, -1).map(say).join(", ")} ${last} ${say(terms.at(-1)!)}`;

  return {
    isTrivial: ({ cause }) => {
      if (cause.kind === "external") return (cause.reason as Reason).kind === "same-version";
      if (cause.kind === "dependency") return (cause.reason as Reason).kind === "same-version";
      if (cause.kind !== "no-versions") return false;
      const view = provider.seen(parsePackage(cause.package).key);
      return view?.project.found === true && !view.versions.some((version) => rangeContains(cause.set, version));
    },
    isRequest: ({ cause }) => cause.kind === "dependency" && cause.depender === ROOT,
    external({ cause, ...fact }) {
      if (cause.kind === "dependency") return sayDependency(cause.depender, cause.set, cause.reason as Reason);
      if (cause.kind === "no-versions") return sayMissing(cause.package, cause.set);
      if (cause.kind === "external") return sayReason({ ...fact, cause }, cause.reason as Reason);
      return "you ask for it";
    },
    derived({ terms }) {
      const others = terms.filter((term) => term.package !== ROOT);
      const selected = others.filter((term) => term.positive);
      const needed = others.filter((term) => !term.positive);
      if (others.length === 0) return NO_SOLUTION;
      if (selected.length === 0) return `${listOf(needed, "or")} is required`;
      if (needed.length > 0) return `${listOf(selected, "with")} requires ${listOf(needed, "or")}`;
      if (selected.length === 1) return `${say(selected[0]!)} cannot be used`;
      if (selected.length === 2) return `${say(selected[0]!)} is incompatible with ${say(selected[1]!)}`;
      return `${listOf(selected, "and")} cannot be used together`;
    },
  };
}
