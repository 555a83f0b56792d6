import type { Decision } from "../pubgrub/provider.ts";
import { type Outcome, solve } from "../pubgrub/solver.ts";
import type { Version } from "../standards/version.ts";
import type { VersionRange } from "../standards/version-range.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { type Attempt, bindTo, FoundDirect, unbind } from "./attempt.ts";
import { explainFailure } from "./explain.ts";
import { parsePackage, ROOT } from "./package-name.ts";
import { createPause } from "./pause.ts";
import type { Resolution, ResolveInput, ResolverPorts } from "./ports.ts";
import { createPythonProvider, type PythonProvider } from "./python-provider.ts";
import { type Finished, resolutionOf, warnAboutYanked } from "./resolution.ts";
import { createWorld, type World } from "./world.ts";

type PythonOutcome = Outcome<VersionRange, Version>;
type Failed = Extract<PythonOutcome, { readonly kind: "failed" }>;

/** The end of one attempt: a solution, a failure, or a reason to start again. */
type AttemptEnd =
  | { readonly kind: "restart"; readonly attempt: Attempt }
  | { readonly kind: "end"; readonly provider: PythonProvider; readonly outcome: PythonOutcome };

/**
 * Finds the versions pip would install, or throws ResolutionError with the reason:
 * "no-matching-distribution", "resolution-impossible", "requires-python", "source-not-supported", "index-unreachable".
 * Also throws what the ports throw, and the signal's reason when the call is cancelled. Warnings go to `call.reporter`.
 */
export async function resolve(input: ResolveInput, ports: ResolverPorts, call: Call): Promise<Resolution> {
  checkConstraints(input);
  const world = createWorld(input, ports, call);
  let attempt: Attempt = {
    directs: world.userDirects,
    boundBy: new Map(),
    refused: new Set(),
    permissive: new Set(),
  };
  let failure: { readonly provider: PythonProvider; readonly outcome: Failed } | undefined;
  for (let restarts = 0; ; restarts++) {
    const end = await run(world, attempt);
    if (end.kind === "restart") {
      attempt = end.attempt;
      continue;
    }
    const { provider, outcome } = end;
    if (outcome.kind === "failed") failure ??= { provider, outcome };
    const next = reconsider(attempt, provider, outcome);
    if (next === "accept" && outcome.kind === "solved") {
      return finish({ world, provider, decisions: outcome.decisions, statistics: outcome.statistics, restarts });
    }
    if (next === "accept" || next === "give-up") {
      if (failure) throw explainFailure(world, failure.provider, failure.outcome.conflict);
      throw new Error("A resolution was refused without a failure.");
    }
    attempt = next;
  }
}

function checkConstraints(input: ResolveInput): void {
  for (const { requirement } of input.constraints) {
    if (requirement.extras.length > 0) throw new PipdError("invalid-constraint", "Constraints cannot have extras");
  }
}

async function run(world: World, attempt: Attempt): Promise<AttemptEnd> {
  const provider = createPythonProvider(world, attempt);
  try {
    const options = { signal: world.call.signal, pause: createPause() };
    const outcome = await solve(provider, ROOT, world.input.pythonVersion, options);
    return { kind: "end", provider, outcome };
  } catch (error) {
    if (error instanceof FoundDirect) return { kind: "restart", attempt: bindTo(attempt, error) };
    throw error;
  }
}

/**
 * A solution may rest on something that no longer holds (a URL nothing in it asks for, a pre-release pip would not take), a failure on a shortcut
 * (versions passed over by requirements that were in force only for a while, a URL that another choice would have avoided). Then another attempt is due.
 */
function reconsider(
  attempt: Attempt,
  provider: PythonProvider,
  outcome: PythonOutcome,
): Attempt | "accept" | "give-up" {
  if (outcome.kind === "solved") {
    provider.follow(outcome.decisions);
    if (outcome.decisions.some((decision) => !isAllowed(attempt, provider, decision))) return "give-up";
    for (const key of attempt.boundBy.keys()) {
      if (!isAskedFor(outcome.decisions, provider, key)) return unbind(attempt, key);
    }
    return "accept";
  }
  const permissive = new Set([...attempt.permissive, ...provider.passedOver]);
  if (permissive.size > attempt.permissive.size) return { ...attempt, permissive };
  const bound = [...attempt.boundBy.keys()].at(-1);
  return bound === undefined ? "give-up" : unbind(attempt, bound);
}

function isAllowed(attempt: Attempt, provider: PythonProvider, { package: name, version }: Decision<Version>): boolean {
  const { key, extra } = parsePackage(name);
  if (extra !== undefined || !attempt.permissive.has(key)) return true;
  return provider.seen(key)?.allows(version, provider.policy(key)) ?? true;
}

function isAskedFor(decisions: readonly Decision<Version>[], provider: PythonProvider, key: string): boolean {
  if (!decisions.some((decision) => decision.package === key)) return true;
  return decisions.some((decision) =>
    provider.demandsOf(decision).some((demand) => demand.key === key && demand.isDirect),
  );
}

function finish(finished: Finished): Resolution {
  warnAboutYanked(finished);
  return resolutionOf(finished);
}
