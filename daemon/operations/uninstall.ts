import { createFolderReader } from "../install/folder-reader.ts";
import { pathsOf } from "../install/path-set.ts";
import type { Plan } from "../install/plan.ts";
import { removalListing } from "../install/removal-paths.ts";
import { type InstallTarget, installTarget } from "../install/target.ts";
import { applyPlan } from "../install/transaction.ts";
import { planUninstall, type UninstallPlan } from "../install/uninstall.ts";
import type { Environment } from "../python/environment.ts";
import { checkExternallyManaged } from "../python/externally-managed.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { type Change, changeEnvironment } from "./change-environment.ts";
import { gatherRequirements } from "./gather-requirements.ts";
import type { Parts } from "./parts.ts";
import { removalScopeOf } from "./removal-scope.ts";
import { parseWanted, type Wanted } from "./requirement-source.ts";
import { warnAboutRoot } from "./root-warning.ts";
import { EVERYTHING, selectInstalled } from "./select-installed.ts";
import { countPaths, trashFor } from "./trash-for.ts";

/** What `uninstall` was asked to do. */
export interface UninstallParams {
  /** Names or requirements; versions are not looked at. */
  readonly names: readonly string[];
  readonly requirementFiles: readonly string[];
  readonly breakSystemPackages: boolean;
  readonly warnRoot: boolean;
  readonly change: Change;
  /** List every path instead of a summary before asking. */
  readonly listAll: boolean;
  /** Asks whether to go on; undefined: no question. */
  readonly confirm: (() => Promise<boolean>) | undefined;
}

/**
 * Removes distributions, all of them in one transaction, and says so in pip's words.
 * @throws PipdError `no-requirements`, `externally-managed-environment`, what planning and applying throw; nothing is removed then
 */
export async function uninstallPackages(
  parts: Parts,
  params: UninstallParams,
  environment: Environment,
  call: Call,
): Promise<void> {
  const names = await projectNames(params, call);
  if (names.size === 0)
    throw new PipdError(
      "no-requirements",
      'You must give at least one requirement to uninstall (see "pip help uninstall")',
    );
  if (!params.breakSystemPackages) checkExternallyManaged(environment, call);
  const target = installTarget(environment.facts, {}, call);
  await changeEnvironment(parts, params.change, { root: target.root, others: [environment.root] }, call, () =>
    removeAll(parts, params, environment, names, target, call),
  );
  if (params.warnRoot) warnAboutRoot(parts, environment, call);
}

/** Normalised name -> name as given, in the order of the command line and the files. */
async function projectNames(
  { names, requirementFiles }: UninstallParams,
  call: Call,
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Map<string, string>();
  const add = ({ wants }: Wanted): void => {
    if (wants.kind === "requirement") wanted.set(wants.requirement.key, wants.requirement.name);
  };
  for (const name of names) {
    const one = parseWanted(name, "", call.cwd);
    if (one.wants.kind === "requirement") add(one);
    else
      call.reporter.message(
        "warning",
        `Invalid requirement: '${name}' ignored - the uninstall command expects named requirements.`,
      );
  }
  const refuseRemote = async (url: string): Promise<Uint8Array> => {
    throw new PipdError(
      "requirements-file",
      `Could not open requirements file: ${url} (uninstall reads local files only)`,
    );
  };
  const gathered = await gatherRequirements({ args: [], requirementFiles, constraintFiles: [] }, refuseRemote, call);
  gathered.wanted.forEach(add);
  return wanted;
}

/** What one removal says once it is done; with questions asked, only its last line is left to say. */
interface Removal {
  readonly plan: UninstallPlan;
  readonly lines: readonly string[];
}

async function removeAll(
  parts: Parts,
  params: UninstallParams,
  environment: Environment,
  names: ReadonlyMap<string, string>,
  target: InstallTarget,
  call: Call,
): Promise<void> {
  const all = new Map(selectInstalled(parts, environment, EVERYTHING, call).map((one) => [one.key as string, one]));
  const scope = removalScopeOf(environment);
  const folders = createFolderReader();
  const removals: Removal[] = [];
  for (const [key, name] of names) {
    const installed = all.get(key);
    if (installed === undefined) call.reporter.message("warning", `Skipping ${name} as it is not installed.`);
    else removals.push(...(await removalOf(planUninstall(installed, scope, folders), params, call)));
  }
  if (removals.length === 0) return;
  const plans = removals.map(({ plan }) => plan);
  const plan: Plan = { removals: plans, wheels: [], groups: [], writes: [], replaced: [] };
  await applyPlan(plan, target, call, { pool: parts.pool, folders, trash: trashFor(countPaths(plans), parts) });
  for (const line of removals.flatMap(({ lines }) => lines)) call.reporter.message("info", line);
}

/** Says what is about to go and asks, or leaves both for later where nobody is asked; nothing when nothing is to be removed. */
async function removalOf(plan: UninstallPlan, params: UninstallParams, call: Call): Promise<readonly Removal[]> {
  const say = (text: string): void => call.reporter.message("info", text);
  const title = `${plan.name}-${plan.version}`;
  const found = `Found existing installation: ${plan.name} ${plan.version}`;
  if (plan.notice !== undefined || (plan.entries.size === 0 && plan.edits.length === 0)) {
    say(found);
    if (plan.notice !== undefined) say(plan.notice);
    say(`Can't uninstall '${plan.name}'. No files were found to uninstall.`);
    return [];
  }
  const done = `  Successfully uninstalled ${title}`;
  if (params.confirm === undefined) return [{ plan, lines: [found, `Uninstalling ${title}:`, done] }];
  say(found);
  say(`Uninstalling ${title}:`);
  for (const line of listingLines(plan, params.listAll)) say(`  ${line}`);
  return (await params.confirm()) ? [{ plan, lines: [done] }] : [];
}

/** What pip shows before it asks. */
function listingLines(plan: UninstallPlan, verbose: boolean): readonly string[] {
  const { wouldRemove, wouldSkip, outsidePrefix, wouldMove } = removalListing(
    { paths: pathsOf(plan.entries), refused: plan.refused },
    verbose,
    createFolderReader(),
  );
  const block = (title: string, paths: readonly string[]): readonly string[] =>
    paths.length === 0 ? [] : [title, ...paths.map((path) => `  ${path}`)];
  return [
    ...block("Would remove:", wouldRemove),
    ...block("Would not remove (might be manually added):", wouldSkip),
    ...block("Would not remove (outside of prefix):", outsidePrefix),
    ...block("Will actually move:", wouldMove),
  ];
}
