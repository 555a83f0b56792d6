import type { ProjectFiles } from "../index/project-files.ts";
import { explain, externalsOf } from "../pubgrub/explanation.ts";
import type { Incompatibility } from "../pubgrub/incompatibility.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Version } from "../standards/version.ts";
import {
  EMPTY_RANGE,
  FULL_RANGE,
  intersectRanges,
  isEmptyRange,
  rangeContains,
  unionRanges,
  type VersionRange,
} from "../standards/version-range.ts";
import type { Demand, Reason } from "./demand.ts";
import { offerOf } from "./not-found.ts";
import { parsePackage, ROOT } from "./package-name.ts";
import type { PythonProvider } from "./python-provider.ts";
import { ResolutionError } from "./resolution-error.ts";
import { createWording, packageInWords, projectRequirementText, requirementText } from "./wording.ts";
import type { World } from "./world.ts";

type Fact = Incompatibility<VersionRange>;

/** A requirement that takes part in the failure, and whose it is. */
interface Claim {
  readonly demand: Demand;
  /** The solver's package; ROOT for the user. */
  readonly depender: string;
  readonly set: VersionRange;
}

/** One failed attempt, taken apart. */
interface Failure {
  readonly world: World;
  readonly provider: PythonProvider;
  readonly conflict: Fact;
  readonly facts: readonly Fact[];
  readonly claims: readonly Claim[];
}

const PIP_HELP =
  "ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts";
const ADVICE = [
  "",
  "To fix this you could try to:",
  "1. loosen the range of package versions you've specified",
  "2. remove package versions to allow pip to attempt to solve the dependency conflict",
  "",
];

/** The error for a failed attempt: pip's lines for what pip would say, and the proof in sentences. */
export function explainFailure(world: World, provider: PythonProvider, conflict: Fact): ResolutionError {
  const facts = externalsOf(conflict);
  const failure: Failure = { world, provider, conflict, facts, claims: claimsOf(facts) };
  const project = contended(failure);
  if (project === undefined) return wrongPython(failure) ?? brokenMetadata(failure) ?? impossible(failure, []);
  const claims = [...otherUrls(failure, project), ...failure.claims.filter((claim) => claim.demand.key === project)];
  const files = provider.seen(project)?.project;
  if (files && !files.found && files.unreachable.length > 0) return unreachable(failure, project, claims);
  const sdist = files && sourceOnly(failure, project, claims);
  if (sdist) return sdist;
  const isConstrained = world.constraints.has(project);
  if (claims.length === 1 && !isConstrained) return notFound(failure, claims[0]!);
  return impossible(failure, claims, isConstrained ? project : undefined);
}

function claimsOf(facts: readonly Fact[]): readonly Claim[] {
  const claims: Claim[] = [];
  for (const { cause } of facts) {
    if (cause.kind !== "dependency") continue;
    const reason = cause.reason as Reason;
    if (reason.kind !== "demand") continue;
    const { demand } = reason;
    const { depender, set } = cause;
    if (claims.some((claim) => claim.depender === depender && claim.demand.requirement === demand.requirement))
      continue;
    claims.push({ demand, depender, set });
  }
  return claims;
}

/** A URL that cannot be had because the user bound the project to another needs no second claim in the proof; here it is. */
function otherUrls({ provider, world, claims }: Failure, key: NormalizedName): readonly Claim[] {
  if (!claims.some(({ demand }) => demand.key === key && demand.isDirect && isEmptyRange(demand.range))) return [];
  const roots = provider.demandsOf({ package: ROOT, version: world.input.pythonVersion });
  const told = new Set(claims.map((claim) => claim.demand.requirement));
  return roots
    .filter((demand) => demand.key === key && !told.has(demand.requirement))
    .map((demand) => ({ demand, depender: ROOT, set: FULL_RANGE }));
}

/** The project the conflict is about: the first that no version would do for what is claimed of it. */
function contended(failure: Failure): NormalizedName | undefined {
  const keys = new Set(failure.claims.map((claim) => claim.demand.key));
  for (const key of keys) if (!hasVersionFor(failure, key)) return key;
  return undefined;
}

/** What is claimed of a project together. Claims of several versions of one package are alternatives. */
function rangeClaimed({ world, claims }: Failure, key: NormalizedName): VersionRange {
  const byDepender = Map.groupBy(
    claims.filter((claim) => claim.demand.key === key && claim.depender !== ROOT),
    (claim) => claim.depender,
  );
  let range = world.constraints.get(key)?.range ?? FULL_RANGE;
  for (const { demand, depender } of claims) {
    if (demand.key === key && depender === ROOT) range = intersectRanges(range, demand.range);
  }
  for (const group of byDepender.values()) {
    const any = group.reduce((union, claim) => unionRanges(union, claim.demand.range), EMPTY_RANGE);
    range = intersectRanges(range, any);
  }
  return range;
}

function hasVersionFor(failure: Failure, key: NormalizedName): boolean {
  const { provider, world, claims } = failure;
  const range = rangeClaimed(failure, key);
  const view = provider.seen(key);
  const kept = world.kept(key)?.candidate.version;
  if (kept && rangeContains(range, kept)) return true;
  if (!view) return !isEmptyRange(range);
  const own = claims.filter((claim) => claim.demand.key === key).map((claim) => claim.demand);
  const prereleases = world.input.prereleases === "allow" || own.some((demand) => demand.mentionsPrerelease);
  const pinned = own.some((demand) => demand.isPinned);
  return view.pick(range, { combined: range, prereleases, pinned, permissive: false }).version !== undefined;
}

/** The newest version of a claim's depender that makes the claim. */
function dependerOf(
  { world, provider }: Failure,
  claim: Claim,
): { readonly name: string; readonly version: Version } | undefined {
  const { key } = parsePackage(claim.depender);
  const versions = provider.seen(key)?.versions ?? [];
  const version =
    versions.findLast((candidate) => rangeContains(claim.set, candidate)) ?? world.kept(key)?.candidate.version;
  return version && { name: claim.depender, version };
}

/** `beta<3,>=2` as pip shows it in an explanation: "beta<3 and >=2". */
function shown(demand: Demand, marker: boolean): string {
  const plain = projectRequirementText(demand);
  const condition = demand.requirement.marker;
  const parts = (marker && condition ? `${plain}; ${condition.text}` : plain).split(",").map((part) => part.trim());
  return parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** pip's name for whoever made a claim: the requirement itself, the file it stands in, or the package that led to the claimant. */
function trigger(failure: Failure, claim: Claim): string {
  if (claim.depender === ROOT) return shown(claim.demand, false);
  const { key } = parsePackage(claim.depender);
  const above = failure.claims.find((other) => other.demand.key === key);
  if (above && above.depender !== ROOT) return parsePackage(above.depender).key;
  if (above && above.demand.origin !== "") return above.demand.origin;
  const depender = dependerOf(failure, claim);
  return depender ? `${depender.name}==${depender.version.text}` : claim.depender;
}

function joined(parts: readonly string[]): string {
  return parts.length === 1 ? parts[0]! : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** pip's two lines for a conflict; on stdout what causes it, and the proof. */
function impossible(failure: Failure, claims: readonly Claim[], constrained?: NormalizedName): ResolutionError {
  const triggers = [...new Set(claims.map((claim) => trigger(failure, claim)))].sort();
  const info = triggers.length === 0 ? "the requested packages" : joined(triggers);
  const causes = claims.map((claim) => {
    if (claim.depender === ROOT) return `    The user requested ${shown(claim.demand, false)}`;
    const depender = dependerOf(failure, claim);
    return `    ${claim.depender} ${depender?.version.text ?? ""} depends on ${shown(claim.demand, true)}`;
  });
  if (constrained !== undefined) {
    causes.push(`    The user requested (constraint) ${failure.world.constraints.get(constrained)!.text}`);
  }
  const caused = causes.length === 0 ? [] : ["", "The conflict is caused by:", ...causes];
  return new ResolutionError("resolution-impossible", {
    stderr: [`Cannot install ${info} because these package versions have conflicting dependencies.`, PIP_HELP],
    stdout: [...caused, ...unavailable(failure, claims), "", ...sentences(failure, claims), ...ADVICE],
  });
}

/** pip's remark about projects of the conflict that have nothing to offer at all. */
function unavailable({ world, provider }: Failure, claims: readonly Claim[]): readonly string[] {
  const keys = [...new Set(claims.map((claim) => claim.demand.key))].sort();
  const empty = keys.filter((key) => {
    const view = provider.seen(key);
    return view && !world.kept(key) && offerOf(view.project, world.rules, FULL_RANGE).versions.length === 0;
  });
  if (empty.length === 0) return [];
  return [
    "",
    "Additionally, some packages in these conflicts have no matching distributions available for your environment:",
    ...empty.map((key) => `    ${key}`),
  ];
}

/** More than this in one sentence is hard to follow. */
const MOST_CLAUSES = 6;

/** One sentence from the user's requirements to the conflict if that tells all, else the whole proof. */
function sentences(failure: Failure, claims: readonly Claim[]): readonly string[] {
  const told = new Set<Claim>();
  const clauses: string[] = [];
  const tell = (claim: Claim): void => {
    if (told.has(claim)) return;
    told.add(claim);
    if (claim.depender !== ROOT) {
      const { key } = parsePackage(claim.depender);
      const above = failure.claims.find((other) => other.demand.key === key && !told.has(other));
      if (above) tell(above);
    }
    clauses.push(claimInWords(failure, claim));
  };
  claims.forEach(tell);
  const isWhole = failure.claims.every((claim) => told.has(claim)) && failure.facts.every(isPlain);
  if (clauses.length > 0 && clauses.length <= MOST_CLAUSES && isWhole)
    return [`Because ${joined(clauses)}, your requirements cannot be satisfied.`];
  return explain(failure.conflict, createWording(failure.world, failure.provider));
}

function isPlain({ cause }: Fact): boolean {
  return cause.kind !== "external" || (cause.reason as Reason).kind === "same-version";
}

function claimInWords({ world, provider }: Failure, { demand, depender, set }: Claim): string {
  if (depender !== ROOT) {
    return `${packageInWords(world, provider, depender, set)} depends on ${requirementText(demand)}`;
  }
  return `you require ${requirementText(demand)}${demand.origin === "" ? "" : ` (${demand.origin})`}`;
}

/** "Could not find a version that satisfies the requirement ...". */
function notFound({ world, provider }: Failure, claim: Claim): ResolutionError {
  const { demand, depender } = claim;
  const text = projectRequirementText(demand) + (depender === ROOT ? "" : ` (from ${depender})`);
  const project = provider.seen(demand.key)?.project;
  const offer = project && offerOf(project, world.rules, demand.range);
  const versions = offer?.versions.map((version) => version.text).join(", ") || "none";
  const stderr: string[] = [];
  if (offer && offer.yanked.length > 0) {
    stderr.push(`Ignored the following yanked versions: ${offer.yanked.map((version) => version.text).join(", ")}`);
  }
  if (offer && offer.otherPython.length > 0) {
    stderr.push(
      `Ignored the following versions that require a different python version: ${offer.otherPython.join("; ")}`,
    );
  }
  stderr.push(
    `Could not find a version that satisfies the requirement ${text} (from versions: ${versions})`,
    `No matching distribution found for ${text}`,
  );
  return new ResolutionError("no-matching-distribution", { stderr, ...hintOf(project) });
}

/** A page without a single file is hardly ever the page of a project. */
function hintOf(project: ProjectFiles | undefined): { readonly hint?: string } {
  if (project?.found !== true || project.files.length > 0) return {};
  return {
    hint: "The index has a page for it that lists no files. If that is unlikely, see what answers at the index URL.",
  };
}

function unreachable({ provider }: Failure, key: NormalizedName, claims: readonly Claim[]): ResolutionError {
  const { unreachable: places } = provider.seen(key)!.project;
  const [claim] = claims;
  const from = !claim || claim.depender === ROOT ? "" : ` (from ${claim.depender})`;
  const text = claim ? requirementText(claim.demand) : key;
  return new ResolutionError("index-unreachable", {
    stderr: places.map(({ url, reason }) => `Could not look for ${text}${from} in ${url}: ${reason}`),
    hint: [...new Set(places.flatMap(({ hint }) => hint ?? []))].join(" ") || "Check the index URL, then try again.",
  });
}

function sourceOnly(failure: Failure, key: NormalizedName, claims: readonly Claim[]): ResolutionError | undefined {
  const { world, provider } = failure;
  const { project } = provider.seen(key)!;
  const { sdist } = offerOf(project, world.rules, rangeClaimed(failure, key));
  if (!sdist) return undefined;
  const [claim] = claims;
  const text = claim ? requirementText(claim.demand) : key;
  return new ResolutionError("source-not-supported", {
    stderr: [
      `No wheel of ${text} fits this Python and platform, only the source distribution ${sdist.filename}`,
      `Building from source is not supported yet: ${sdist.filename} (for ${text})`,
    ],
    hint: `Ask for a version of ${key} that has a wheel for this platform.`,
  });
}

/** The metadata of everything that could be used is of no use: to pip, these versions are not there. */
function brokenMetadata(failure: Failure): ResolutionError | undefined {
  for (const { cause, terms } of failure.facts) {
    if (cause.kind !== "external" || (cause.reason as Reason).kind !== "invalid-metadata") continue;
    const { key } = parsePackage(terms[0]!.package);
    const claims = failure.claims.filter((claim) => claim.demand.key === key);
    if (claims.length === 1) return notFound(failure, claims[0]!);
  }
  return undefined;
}

/** Everything that could be used wants another Python. */
function wrongPython({ world, facts }: Failure): ResolutionError | undefined {
  const found = facts.flatMap(({ cause, terms }) => {
    const reason = cause.kind === "external" ? (cause.reason as Reason) : undefined;
    return reason?.kind === "requires-python" ? [{ name: terms[0]!.package, specifier: reason.specifier }] : [];
  });
  const [first] = found;
  if (!first) return undefined;
  const python = world.input.pythonVersion.text;
  const message =
    found.length === 1
      ? `Package '${first.name}' requires a different Python: ${python} not in '${first.specifier}'`
      : `Packages require a different Python. ${python} not in:\n${found
          .map(({ name, specifier }) => `'${specifier}' (required by ${name})`)
          .join("\n")}`;
  return new ResolutionError("requires-python", { stderr: [message] });
}
