import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { unpackWheel } from "../../daemon/artifacts/unpack-worker.ts";
import type { WheelInstall } from "../../daemon/install/file-map.ts";
import { createFolderReader } from "../../daemon/install/folder-reader.ts";
import { type Plan, planInstall } from "../../daemon/install/plan.ts";
import { type InstallTarget, installTarget, type LinkMode } from "../../daemon/install/target.ts";
import { type Applied, type ApplyOptions, applyPlan } from "../../daemon/install/transaction.ts";
import { planUninstall, type RemovalScope, type UninstallPlan } from "../../daemon/install/uninstall.ts";
import { loadWheelContent } from "../../daemon/install/wheel-content.ts";
import { removalScopeOf } from "../../daemon/operations/removal-scope.ts";
import { environmentOf } from "../../daemon/python/environment.ts";
import { createInstalledModel } from "../../daemon/python/installed.ts";
import { createInterpreters } from "../../daemon/python/interpreter.ts";
import type { InterpreterFacts } from "../../daemon/python/interpreter-facts.ts";
import type { SchemeRequest } from "../../daemon/python/scheme.ts";
import { type Call, SILENT_REPORTER } from "../../daemon/std/call.ts";
import { createWheelStore, type StoredWheel } from "../../daemon/store/wheel-store.ts";
import { pipFor } from "../harness/pip.ts";
import { type WheelSpec, writeWheel } from "../harness/wheel-maker.ts";

/** A call from nowhere in particular, umask 022. */
export function callOf(changes: Partial<Call> = {}): Call {
  return {
    cwd: "/",
    env: {},
    umask: 0o022,
    signal: new AbortController().signal,
    reporter: SILENT_REPORTER,
    ...changes,
  };
}

export interface Sandbox {
  readonly folder: string;
  readonly wheelhouse: string;
  /** A new empty virtual environment without pip, under a name of its own. */
  environment(name: string): Promise<TestEnvironment>;
  /** Makes wheels, in the wheelhouse and unpacked in the store. */
  wheels(...specs: readonly WheelSpec[]): Promise<readonly StoredWheel[]>;
}

export interface TestEnvironment {
  readonly root: string;
  readonly site: string;
  readonly facts: InterpreterFacts;
  readonly scope: RemovalScope;
  target(request?: SchemeRequest, changes?: { readonly umask?: number; readonly linkMode?: LinkMode }): InstallTarget;
  /** Plans what is installed of these names for removal. */
  removals(...names: readonly string[]): readonly UninstallPlan[];
  plan(wheels: readonly StoredWheel[], options?: PlanOptions): Plan;
  install(
    wheels: readonly StoredWheel[],
    options?: PlanOptions & ApplyOptions & { readonly call?: Call },
  ): Promise<Applied>;
  uninstall(...names: readonly string[]): Promise<void>;
  /** Runs pip on this environment and gives its output. */
  pip(args: readonly string[], options?: { readonly input?: string }): string;
  python(code: string): string;
}

export interface PlanOptions {
  readonly target?: InstallTarget;
  readonly compile?: boolean;
  readonly requested?: boolean;
  readonly directUrl?: WheelInstall["directUrl"];
  /** Names whose installed versions go. */
  readonly replace?: readonly string[];
}

export function createSandbox(t: TestContext): Sandbox {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-install-")));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const wheelhouse = join(folder, "wheelhouse");
  mkdirSync(wheelhouse, { recursive: true });
  const store = createWheelStore({ folder: join(folder, "store"), clock: Date.now });
  return {
    folder,
    wheelhouse,
    async environment(name) {
      const root = join(folder, name);
      if (!existsSync(root)) execFileSync(basePython(), ["-m", "venv", "--without-pip", root], { env: {} });
      return environmentAt(root);
    },
    async wheels(...specs) {
      const stored: StoredWheel[] = [];
      for (const spec of specs) {
        const archive = await writeWheel(wheelhouse, spec);
        const stage = store.createStage();
        const task = { archive, filename: basename(archive), stage, sha256: undefined, demands: [], isDownload: false };
        stored.push(await store.add(stage, await unpackWheel(task, { throwIfStopped: () => {} })));
      }
      return stored;
    },
  };
}

let foundPython: string | undefined;

/** The interpreter behind `python3`, which is a slow shell script on machines with pyenv. */
function basePython(): string {
  foundPython ??= execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  return foundPython;
}

const probed = new Map<string, string>();
const interpreters = createInterpreters({
  factsStore: { get: (key) => probed.get(key), set: (key, json) => void probed.set(key, json) },
  clock: Date.now,
});

async function environmentAt(root: string): Promise<TestEnvironment> {
  const facts = await interpreters.facts(
    join(root, "bin/python"),
    callOf({ env: { PATH: process.env["PATH"] ?? "" } }),
  );
  const environment = environmentOf(facts, interpreters);
  const scope = removalScopeOf(environment);
  const model = createInstalledModel(Date.now);
  const targetOf: TestEnvironment["target"] = (request = {}, { umask = 0o022, linkMode = "auto" } = {}) =>
    installTarget(facts, request, callOf({ umask }), linkMode);
  const removals: TestEnvironment["removals"] = (...names) => {
    const folders = createFolderReader();
    return model
      .installed(environment)
      .distributions.filter(({ key }) => names.includes(key))
      .map((installed) => planUninstall(installed, scope, folders));
  };
  const plan: TestEnvironment["plan"] = (wheels, options = {}) => {
    const target = options.target ?? targetOf();
    return planInstall({
      target,
      removals: removals(...(options.replace ?? [])),
      compile: options.compile ?? false,
      wheels: wheels.map((wheel) => ({
        wheel,
        content: loadWheelContent(wheel, target.cacheTag),
        name: wheel.manifest.name,
        requested: options.requested ?? false,
        directUrl: options.directUrl,
      })),
    });
  };
  return {
    root,
    site: facts.scheme.purelib,
    facts,
    scope,
    target: targetOf,
    removals,
    plan,
    install: (wheels, options = {}) =>
      applyPlan(plan(wheels, options), options.target ?? targetOf(), options.call ?? callOf(), options),
    async uninstall(...names) {
      await applyPlan(removalPlan(removals(...names)), targetOf(), callOf());
    },
    pip: (args, { input = "" } = {}) => runPip(root, args, input),
    python: (code) => execFileSync(join(root, "bin/python"), ["-c", code], { encoding: "utf8", env: {} }),
  };
}

/** A plan that only removes. */
export function removalPlan(removals: readonly UninstallPlan[]): Plan {
  return { removals, wheels: [], groups: [], writes: [], replaced: [] };
}

function runPip(root: string, args: readonly string[], input: string): string {
  const env = {
    PATH: process.env["PATH"],
    HOME: `${root}.home`,
    PIP_CONFIG_FILE: "/dev/null",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
  };
  const { file, words, env: runnerEnv } = pipFor(join(root, "bin/python"));
  const { stdout, stderr, status } = spawnSync(file, [...words, ...args], {
    env: { ...env, ...runnerEnv },
    input,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`pip ${args.join(" ")} gave ${status}: ${stdout}${stderr}`);
  return stdout + stderr;
}
