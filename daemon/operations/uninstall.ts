import { createFolderReader } from "../install/folder-reader.ts";
import type { Plan } from "../install/plan.ts";
import { removalListing } from "../install/removal-paths.ts";
import { installTarget } from "../install/target.ts";
import { applyPlan, recoverTransactions } from "../install/transaction.ts";
import { planUninstall, type UninstallPlan } from "../install/uninstall.ts";
import type { Environment } from "../python/environment.ts";
import { checkExternallyManaged } from "../python/externally-managed.ts";
import { normalizeName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { gatherRequirements } from "./gather-requirements.ts";
import type { Parts } from "./parts.ts";
import { removalScopeOf } from "./removal-scope.ts";
import { parseWanted, type Wanted } from "./requirement-source.ts";
import { warnAboutRoot } from "./root-warning.ts";
import { EVERYTHING, selectInstalled } from "./select-installed.ts";

/** What `uninstall` was asked to do. */
export interface UninstallParams {
  /** Names or requirements; versions are not looked at. */
  readonly names: readonly string[];
  readonly requirementFiles: readonly string[];
  readonly breakSystemPackages: boolean;
  readonly warnRoot: boolean;
  readonly noWait: boolean;
  /** List every path instead of a summary before asking. */
  readonly listAll: boolean;
  readonly command: string;
  /** Asks whether to go on; undefined: no question. */
  readonly confirm: (() => Promise<boolean>) | undefined;
}

/**
 * Removes distributions one after the other, each in a transaction of its own, and says so in pip's words.
 * @throws PipdError `no-requirements`, `externally-managed-environment`, what planning and applying throw
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
  const owner = { pid: parts.pid, command: params.command };
  await parts.locks.withEnvironment(
    environment.root,
    owner,
    call,
    async () => {
      const repaired = await recoverTransactions([environment.root], call);
      if (repaired !== undefined) call.reporter.message("warning", repaired);
      for (const [key, name] of names) await uninstallOne(parts, params, environment, key, name, call);
    },
    { noWait: params.noWait },
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

async function uninstallOne(
  parts: Parts,
  params: UninstallParams,
  environment: Environment,
  key: string,
  name: string,
  call: Call,
): Promise<void> {
  const say = (text: string): void => call.reporter.message("info", text);
  const all = selectInstalled(parts, environment, EVERYTHING, call);
  const installed = all.find((distribution) => distribution.key === normalizeName(key));
  if (installed === undefined) {
    call.reporter.message("warning", `Skipping ${name} as it is not installed.`);
    return;
  }
  say(`Found existing installation: ${installed.name} ${installed.version}`);
  const plan = planUninstall(installed, removalScopeOf(environment));
  if (plan.notice !== undefined) say(plan.notice);
  if (plan.paths.length === 0 && plan.edits.length === 0) {
    say(`Can't uninstall '${installed.name}'. No files were found to uninstall.`);
    return;
  }
  say(`Uninstalling ${installed.name}-${installed.version}:`);
  if (params.confirm !== undefined) {
    for (const line of listingLines(plan, params.listAll)) say(`  ${line}`);
    if (!(await params.confirm())) return;
  }
  const target = installTarget(environment.facts, {}, call);
  await applyPlan(removalOf(plan), target, call, { pool: parts.pool });
  say(`  Successfully uninstalled ${installed.name}-${installed.version}`);
}

function removalOf(plan: UninstallPlan): Plan {
  return { removals: [plan], wheels: [], groups: [], writes: [], replaced: [] };
}

/** What pip shows before it asks. */
function listingLines(plan: UninstallPlan, verbose: boolean): readonly string[] {
  const { wouldRemove, wouldSkip, outsidePrefix, wouldMove } = removalListing(plan, verbose, createFolderReader());
  const block = (title: string, paths: readonly string[]): readonly string[] =>
    paths.length === 0 ? [] : [title, ...paths.map((path) => `  ${path}`)];
  return [
    ...block("Would remove:", wouldRemove),
    ...block("Would not remove (might be manually added):", wouldSkip),
    ...block("Would not remove (outside of prefix):", outsidePrefix),
    ...block("Will actually move:", wouldMove),
  ];
}
