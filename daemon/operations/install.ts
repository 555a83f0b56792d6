import { hasOpenJournal } from "../install/journal.ts";
import { installTarget } from "../install/target.ts";
import type { Environment } from "../python/environment.ts";
import type { InstalledSet } from "../python/installed.ts";
import type { Resolution } from "../resolver/ports.ts";
import { resolve } from "../resolver/resolve.ts";
import { findSatisfied } from "../resolver/satisfied.ts";
import { hashesByProject } from "../resolver/world.ts";
import { formatControlOf } from "../standards/format-control.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { nextTurn } from "../std/next-turn.ts";
import { applyInstallation } from "./apply-installation.ts";
import { changeEnvironment } from "./change-environment.ts";
import { type Chosen, chooseInstallations } from "./choose-installations.ts";
import { createFetchAhead } from "./fetch-ahead.ts";
import { type FetchedWheels, fetchWheels } from "./fetch-wheels.ts";
import { type Gathered, gatherRequirements, NO_FILE_OPTIONS } from "./gather-requirements.ts";
import { createHashChecks, requiresHashes } from "./hash-checking.ts";
import { indexSourcesOf, lookingLines } from "./index-sources.ts";
import { type InstallLocation, locate } from "./install-location.ts";
import { createMessages } from "./install-messages.ts";
import type { InstallParams } from "./install-params.ts";
import { installReport, writeReport } from "./install-report.ts";
import type { Caches, Parts } from "./parts.ts";
import {
  createDirectWheels,
  type DirectWheels,
  fileOf,
  type ResolutionContext,
  resolveInput,
  resolverPorts,
  rootRequirements,
} from "./resolve-requirements.ts";
import { warnAboutRoot } from "./root-warning.ts";
import { collectMessages, recallSatisfied, rememberSatisfied, tellSatisfied } from "./satisfied-memory.ts";

/** How a command gives text that is its result, whatever the verbosity (`--report -`). */
export type Print = (text: string) => void;

/**
 * Installs what is asked for, in pip's steps and words: gather, look at what is installed, resolve, fetch, plan, apply.
 * A command that finds everything satisfied asks no index and takes no lock.
 * @throws PipdError and ResolutionError with what a person must know; the environment is then as it was
 */
export async function installPackages(
  parts: Parts,
  params: InstallParams,
  findEnvironment: () => Promise<Environment>,
  call: Call,
  print: Print,
): Promise<void> {
  const environment = await findEnvironment();
  const caches = parts.caches(params.sources.cacheDir === false ? undefined : params.sources.cacheDir);
  const gathered = await gather(params, caches, call);
  const location = locate(params, environment, call);
  const task: Task = { parts, params, environment, caches, gathered, location, call, print };
  const context = contextOf(task);
  for (const line of lookingLines(context.sources)) call.reporter.message("info", line);
  if (!params.dryRun && !isBusy(task) && (await isSatisfied(task, context))) return;
  if (params.dryRun) await resolveAndInstall(task, context);
  else await underLock(task, () => resolveAndInstall(task, context));
  if (params.warnRoot && !params.dryRun) warnAboutRoot(parts, environment, call);
}

/** One `install` on its way. */
export interface Task {
  readonly parts: Parts;
  readonly params: InstallParams;
  readonly environment: Environment;
  readonly caches: Caches;
  readonly gathered: Gathered;
  readonly location: InstallLocation;
  readonly call: Call;
  readonly print: Print;
}

async function gather(params: InstallParams, caches: Caches, call: Call): Promise<Gathered> {
  const fetch = async (url: string): Promise<Uint8Array> =>
    new TextEncoder().encode(await caches.index.text(url, indexSourcesOf(params.sources, NO_FILE_OPTIONS, call), call));
  const gathered = await gatherRequirements(params.inputs, fetch, call);
  if (gathered.wanted.length > 0) return gathered;
  const files = params.inputs.requirementFiles;
  if (files.length === 0)
    throw new PipdError(
      "no-requirements",
      'You must give at least one requirement to install (see "pip help install")',
    );
  call.reporter.message("warning", `Requirements file [${files.join(", ")}] contains no requirements`);
  return gathered;
}

function contextOf({ parts, params, environment, caches, gathered, call }: Task): ResolutionContext {
  return {
    parts,
    params,
    environment,
    index: caches.index,
    memory: caches.memory,
    sources: indexSourcesOf(params.sources, gathered.options, call),
    formats: formatControlOf([...params.formatChoices, ...gathered.options.formatChoices]),
    pre: params.pre || gathered.options.pre,
    call,
  };
}

/** Whether a change of the environment is under way or was interrupted: what is seen now may be half of it. */
function isBusy({ parts, environment }: Task): boolean {
  return parts.locks.isHeld(environment.root) || hasOpenJournal(environment.root);
}

/** The answer from memory: everything asked for is there. */
async function isSatisfied(task: Task, context: ResolutionContext): Promise<boolean> {
  const { parts, params, environment, gathered, location, call } = task;
  const asksIndex = params.upgrade || params.forceReinstall || location.ignoresInstalled || params.report !== undefined;
  const isNamed = [...gathered.wanted, ...gathered.constraints].every(
    ({ wants }) => wants.kind === "requirement" && wants.requirement.url === undefined,
  );
  if (asksIndex || !isNamed) return false;
  const set = parts.installed.installed(environment);
  const question = satisfiedQuestion(task);
  const known = recallSatisfied(set, environment.facts, question);
  if (known !== undefined) {
    tellSatisfied(known, call);
    return true;
  }
  await nextTurn();
  const silent: ResolutionContext = {
    ...context,
    call: { ...call, reporter: { message: () => {}, progress: () => {} } },
  };
  const directs = createDirectWheels(silent);
  const roots = await rootRequirements(gathered.wanted, directs, silent);
  const constraints = await rootRequirements(gathered.constraints, directs, silent);
  const walk = findSatisfied(resolveInput(roots, constraints, set, false, silent));
  if (walk === undefined) return false;
  const heard = collectMessages(call);
  await rootRequirements(gathered.wanted, directs, { ...context, call: heard.call });
  for (const warning of walk.warnings) heard.call.reporter.message("warning", warning);
  const messages = createMessages(heard.call);
  for (const one of walk.satisfied) messages.alreadySatisfied(one);
  rememberSatisfied(set, environment.facts, question, heard.answer());
  tellSatisfied(heard.answer(), call);
  return true;
}

/** What decides whether an installation has nothing to do, and what it then says, beside what is installed and the interpreter. */
function satisfiedQuestion({ gathered, params, call }: Task): string {
  const asked = [gathered.wanted, gathered.constraints].map((list) =>
    list.map(({ text, origin, hashes }) => [text, origin, hashes]),
  );
  return JSON.stringify([asked, params.noDeps, call.cwd]);
}

async function underLock(
  { parts, params, environment, location, call }: Task,
  work: () => Promise<void>,
): Promise<void> {
  const target = installTarget(environment.facts, location.request, call);
  const others = location.isCurrentEnvironment ? [environment.root] : [];
  await changeEnvironment(parts, params.change, { root: target.root, others }, call, work);
}

async function resolveAndInstall(task: Task, context: ResolutionContext): Promise<void> {
  const { parts, params, environment, caches, location, gathered, call } = task;
  const directs = createDirectWheels(context);
  const requirements = await rootRequirements(gathered.wanted, directs, context);
  const constraints = await rootRequirements(gathered.constraints, directs, context);
  const installed: InstalledSet = parts.installed.installed(environment);
  const input = resolveInput(requirements, constraints, installed, location.ignoresInstalled, context);
  const isChecking = requiresHashes(params, gathered);
  const [ofRequirements, ofConstraints] = [hashesByProject(requirements, []), hashesByProject([], constraints)];
  const hashesOf = (key: string): ReadonlySet<string> | undefined => ofRequirements(key) ?? ofConstraints(key);
  const ahead = createFetchAhead({
    caches,
    installed: params.forceReinstall || location.ignoresInstalled ? new Map() : installed.byKey,
    isChecked: (key) => isChecking || hashesOf(key) !== undefined,
    call,
  });
  const isAhead = !params.dryRun && params.sources.cacheDir !== false;
  const question = {
    input,
    ports: { ...resolverPorts(directs, context), ...(isAhead ? { watch: ahead.watch } : {}) },
    index: caches.index,
    sources: context.sources,
    formats: JSON.stringify([...params.formatChoices, ...gathered.options.formatChoices]),
  };
  const resolution = await resolveShowingProgress(
    () => caches.resolutions.recall(question, call, (ports, heard) => resolve(input, ports, heard)),
    call,
  ).catch((error: unknown) => {
    ahead.cancel();
    // That one names the sources itself.
    if (!(error instanceof PipdError) || error.code !== "index-unreachable") caches.index.tellSkipped(call);
    throw error;
  });
  caches.index.tellSkipped(call);
  const messages = createMessages(call);
  const chosen = chooseInstallations(resolution, installed.byKey, {
    force: params.forceReinstall,
    ignoresInstalled: location.ignoresInstalled,
  });
  messages.resolved(resolution, chosen, directs, params.forceReinstall);
  const checks = createHashChecks(isChecking, hashesOf, resolution, directs);
  const fetched = createFetchOnce(() => fetchWheels(chosen, { params, caches, directs, checks, ahead, call }));
  try {
    ahead.settle(chosen.map(({ resolved }) => fileOf(resolved.candidate, directs)));
    if (checks.isRequired) await fetched.wheels();
    if (params.report !== undefined) await report(task, context, directs, chosen);
    if (params.dryRun) {
      const files = chosen.map(({ resolved }) => fileOf(resolved.candidate, directs));
      messages.wouldInstall(
        await Promise.all(files.map(async (file) => await caches.memory.fields(file, caches.index, call))),
      );
      return;
    }
    if (chosen.length === 0) return;
    const { stored } = await fetched.wheels();
    await nextTurn();
    await applyInstallation(task, chosen, stored, installed);
  } finally {
    ahead.cancel();
    await fetched.release();
  }
}

/** Fetches when it is first asked, and releases what was fetched. */
function createFetchOnce(fetch: () => Promise<FetchedWheels>): {
  wheels(): Promise<FetchedWheels>;
  release(): Promise<void>;
} {
  let wheels: Promise<FetchedWheels> | undefined;
  return {
    wheels: () => (wheels ??= fetch()),
    release: async () => await (await wheels?.catch(() => undefined))?.release(),
  };
}

async function resolveShowingProgress(work: () => Promise<Resolution>, call: Call): Promise<Resolution> {
  call.reporter.progress({ phase: "resolve" });
  try {
    return await work();
  } finally {
    call.reporter.progress({ phase: "resolve", finished: true });
  }
}

async function report(
  { params, environment, print, call }: Task,
  context: ResolutionContext,
  directs: DirectWheels,
  chosen: readonly Chosen[],
): Promise<void> {
  const text = await installReport(environment, chosen, directs, context);
  if (params.report === "-") print(`${text}\n`);
  else if (params.report !== undefined) writeReport(params.report, text, call);
}
