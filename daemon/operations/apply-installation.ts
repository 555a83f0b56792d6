import { type Compiler, linkByteCode } from "../install/compile.ts";
import type { WheelInstall } from "../install/file-map.ts";
import { createFolderReader, type FolderReader } from "../install/folder-reader.ts";
import { chooseMethod } from "../install/link.ts";
import { type Plan, planInstall } from "../install/plan.ts";
import { readTargetFolder, retarget } from "../install/retarget.ts";
import { scriptsNotOnPathWarning } from "../install/scripts.ts";
import { isOnOneDevice, spareKey, stageSpare } from "../install/spare-stage.ts";
import { type InstallTarget, installTarget } from "../install/target.ts";
import { type Applied, applyPlan } from "../install/transaction.ts";
import { planUninstall, type UninstallPlan } from "../install/uninstall.ts";
import { loadWheelContent } from "../install/wheel-content.ts";
import type { Environment } from "../python/environment.ts";
import type { InstalledSet } from "../python/installed.ts";
import type { DirectUrl } from "../standards/direct-url.ts";
import { realPathAsFarAsItExists } from "../std/real-path.ts";
import type { SpareTrees } from "../store/spare-trees.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import type { Chosen } from "./choose-installations.ts";
import { warnAboutConflicts } from "./conflicts.ts";
import type { Task } from "./install.ts";
import { readAhead } from "./read-ahead.ts";
import { removalScopeOf } from "./removal-scope.ts";
import { countPaths, trashFor } from "./trash-for.ts";

/** Plans and applies what was chosen, in one transaction, and says so in pip's words. `stored` has the wheels in the order of `chosen`. */
export async function applyInstallation(
  task: Task,
  chosen: readonly Chosen[],
  stored: readonly StoredWheel[],
  installed: InstalledSet,
): Promise<void> {
  const { parts, params, environment, location, call } = task;
  const say = (text: string): void => call.reporter.message("info", text);
  const { facts } = environment;
  const target = installTarget(facts, location.request, call, params.linkMode);
  const compilesNow = params.compile && (!parts.background.allowed || params.sources.cacheDir === false);
  if (compilesNow) await compileAll(parts.compiler, stored, environment, call.signal);
  const folders = createFolderReader();
  const removals = planRemovals(chosen, environment, folders);
  const wheels = chosen.map((one, index): WheelInstall => wheelInstall(one, stored[index]!, target));
  for (const { manifest } of stored) for (const warning of manifest.warnings) call.reporter.message("warning", warning);
  const { plan, warnings } = targeted(
    planInstall({ target, removals: [...removals.values()], wheels, compile: params.compile }),
    target,
    task,
  );
  say(`Installing collected packages: ${chosen.map(({ name }) => name).join(", ")}`);
  const spares = parts.settings.spareTrees && params.sources.cacheDir !== false ? task.caches.store.spares : undefined;
  const placed = stored.reduce((sum, { manifest }) => sum + manifest.files.length, 0);
  const applied = await applyPlan(plan, target, call, {
    pool: parts.pool,
    folders,
    spares,
    trash: trashFor(countPaths(removals.values()), parts),
    undoneTrash: trashFor(placed, parts),
    adviseUser: !environment.isVirtual,
  });
  for (const [one, removal] of removals) {
    say(`  Attempting uninstall: ${one.name}`);
    say(`    Found existing installation: ${removal.name} ${removal.version}`);
    say(`    Uninstalling ${removal.name}-${removal.version}:`);
    say(`      Successfully uninstalled ${removal.name}-${removal.version}`);
  }
  for (const warning of warnings) call.reporter.message("warning", warning);
  if (params.warnScriptLocation && location.isCurrentEnvironment) warnAboutScripts(applied, environment, task);
  // What the resolver has chosen fits together; only what was there before can be broken by it.
  if (params.warnConflicts && !params.noDeps && location.isCurrentEnvironment && installed.distributions.length > 0)
    warnAboutConflicts(chosen, stored, installed, environment, call);
  say(`Successfully installed ${summary(chosen, stored)}`);
  const isLater = applied.wheels.some(({ byteCode }) => byteCode === "later");
  parts.background.later(environment.root, async (signal) => {
    if (isLater) await bringByteCode(task, target, applied, signal);
    if (location.isCurrentEnvironment) readAhead(parts, environment);
    if (spares !== undefined) layUpSpares(task, target, applied, spares);
    if (parts.background.allowed) await task.caches.tidy();
  });
}

function planRemovals(
  chosen: readonly Chosen[],
  environment: Environment,
  folders: FolderReader,
): ReadonlyMap<Chosen, UninstallPlan> {
  const scope = removalScopeOf(environment);
  const removals = new Map<Chosen, UninstallPlan>();
  for (const one of chosen) {
    if (one.replaces === undefined) continue;
    const plan = planUninstall(one.replaces, scope, folders);
    if (plan.notice === undefined) removals.set(one, plan);
  }
  return removals;
}

function wheelInstall({ resolved, name }: Chosen, wheel: StoredWheel, target: InstallTarget): WheelInstall {
  return {
    wheel,
    content: loadWheelContent(wheel, target.cacheTag),
    name,
    requested: resolved.isUserRequested,
    directUrl: directUrlOf(resolved, wheel),
  };
}

/** Where a wheel that was named by URL or path came from (PEP 610). */
function directUrlOf({ candidate }: Chosen["resolved"], wheel: StoredWheel): DirectUrl | undefined {
  if (candidate.source.kind !== "direct") return undefined;
  const url = candidate.source.direct.url.replace(/#.*$/, "");
  return { url, archiveInfo: { hashes: { sha256: wheel.sha256 } } };
}

/** `--target` is planned in a home of its own and then moved. */
function targeted(
  plan: Plan,
  target: InstallTarget,
  { location, params }: Task,
): { readonly plan: Plan; readonly warnings: readonly string[] } {
  if (location.targetFolder === undefined) return { plan, warnings: [] };
  return retarget(plan, target, location.targetFolder, readTargetFolder(location.targetFolder), params.upgrade);
}

async function compileAll(
  compiler: Compiler,
  stored: readonly StoredWheel[],
  { facts }: Environment,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(stored.map((wheel) => compiler.compileInStore(wheel, facts, signal)));
}

/** After the command has been answered: compile in the store, link into the environment, wheel by wheel. */
async function bringByteCode(
  { parts, environment }: Task,
  target: InstallTarget,
  applied: Applied,
  signal: AbortSignal,
): Promise<void> {
  for (const wheel of applied.wheels) {
    if (wheel.byteCode !== "later") continue;
    if (signal.aborted) return;
    await parts.compiler.compileInStore(wheel.wheel, environment.facts, signal);
    await linkByteCode(target, wheel, signal);
  }
}

/** The next environment that wants the same finds it linked already. Only where it could be taken there: on one file system, with the store's modes. */
function layUpSpares(
  { parts, location }: Task,
  { umask, linkMode, cacheTag, root }: InstallTarget,
  { wheels }: Applied,
  spares: SpareTrees,
): void {
  const [first] = wheels;
  if (!parts.background.allowed || location.targetFolder !== undefined || first === undefined) return;
  const sample = `${first.wheel.tree}/${first.wheel.manifest.files[0]?.path}`;
  if (chooseMethod(linkMode, umask, sample, first.wheel.folder) !== "hardlink") return;
  if (!isOnOneDevice(first.wheel.folder, root)) return;
  for (const { wheel, byteCode } of wheels) {
    const tag = byteCode === "none" ? undefined : cacheTag;
    parts.chores.add(`spare ${spareKey(wheel, tag)}`, () => stageSpare(wheel, tag, spares, parts.pool));
  }
}

function warnAboutScripts({ wheels }: Applied, { executable }: Environment, { call }: Task): void {
  for (const { consoleScripts } of wheels) {
    const warning = scriptsNotOnPathWarning(consoleScripts, {
      executable,
      path: call.env["PATH"],
      realPath: realPathAsFarAsItExists,
    });
    if (warning !== undefined) call.reporter.message("warning", warning);
  }
}

/** `a-1.0 b-2.0`, by name; names as asked for, versions as the wheels have them. */
function summary(chosen: readonly Chosen[], stored: readonly StoredWheel[]): string {
  const items = chosen.map(({ name }, index) => ({ name, version: stored[index]?.manifest.version ?? "" }));
  return items
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, version }) => `${name}-${version}`)
    .join(" ");
}
