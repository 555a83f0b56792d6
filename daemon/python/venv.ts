/** Makes virtual environments (PEP 405) without running Python. */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { pythonRepr } from "../standards/python-lines.ts";
import type { Call } from "../std/call.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { osHint } from "../std/os-hint.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";
import { isOwnEntry } from "../store/environment-lock.ts";
import { activationScripts } from "./activation.ts";
import { ASSETS_FOLDER } from "./interpreter.ts";
import type { InterpreterFacts } from "./interpreter-facts.ts";
import { expandTemplate } from "./scheme.ts";
import { baseExecutableOf } from "./venv-facts.ts";

export interface VenvRequest {
  /** Where to make it; relative paths: to the caller's directory. */
  readonly path: string;
  /** The interpreter it is for. Of an environment's interpreter, its base is taken. */
  readonly facts: InterpreterFacts;
  /** Remove the environment that is there first. Without it, it is brought up to date and keeps its packages. */
  readonly clear?: boolean;
  /** The name shells show; default: the name of the folder. "." is the name of the caller's directory. */
  readonly prompt?: string;
  readonly systemSitePackages?: boolean;
  /** False: copies of the executable instead of symbolic links. */
  readonly symlinks?: boolean;
  /** The folder with `activate/`. */
  readonly assetsFolder?: string;
}

export interface CreatedVenv {
  /** Absolute, as asked for. */
  readonly root: string;
  /** `<root>/bin/python`. */
  readonly executable: string;
}

/**
 * Puts the tree that `fill` makes in a new folder into `root`, which exists: all or nothing, also if this process is killed. With `clear` nothing else
 * stays. `what` is for the line that tells of a repair. (Transactions are a layer above.)
 */
export type ReplaceTree = (
  root: string,
  options: { readonly what: string; readonly clear: boolean },
  fill: (place: string) => void,
  call: Call,
) => Promise<void>;

/** An environment as it will be: everything that is written follows from this. */
interface Blueprint {
  readonly root: string;
  readonly umask: number;
  /** The base interpreter: what `bin/<name>` links to. */
  readonly baseExecutable: string;
  readonly names: readonly string[];
  readonly folders: readonly string[];
  readonly hasLib64: boolean;
  readonly symlinks: boolean;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

/**
 * Makes or updates the environment, all or nothing: a new one appears whole; one that is there changes in a transaction. The caller holds its lock.
 *
 * Throws `venv-target-refused` where an environment cannot or must not be, `venv-not-writable` when the system refuses.
 */
export async function createVenv(request: VenvRequest, call: Call, replaceTree: ReplaceTree): Promise<CreatedVenv> {
  call.signal.throwIfAborted();
  const root = resolve(call.cwd, request.path);
  const clear = request.clear ?? false;
  const state = stateOf(root);
  refuseTarget(root, state, clear, request.facts, call);
  try {
    const blueprint = draw(root, request, call);
    if (state === "nothing") {
      buildAside(blueprint);
    } else {
      const what = clear ? "make the environment anew" : "bring the environment up to date";
      await replaceTree(root, { what, clear }, (place) => build(blueprint, place), call);
    }
  } catch (error) {
    throw errnoOf(error) === undefined || error instanceof PipdError ? error : notWritable(root, error);
  }
  return { root, executable: join(root, "bin", "python") };
}

type TargetState = "nothing" | "empty" | "folder" | "file";

function stateOf(root: string): TargetState {
  const link = lstatSync(root, { throwIfNoEntry: false });
  if (link === undefined) {
    return "nothing";
  }
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    return "file";
  }
  return readdirSync(root).every(isOwnEntry) ? "empty" : "folder";
}

function refuseTarget(root: string, state: TargetState, clear: boolean, facts: InterpreterFacts, call: Call): void {
  const refuse = (reason: string, hint?: string): never => {
    throw new PipdError(
      "venv-target-refused",
      `Refusing to create a virtual environment in ${root}: ${reason}`,
      hint === undefined ? {} : { hint },
    );
  };
  if (state === "file") {
    throw new PipdError(
      "venv-target-refused",
      `Unable to create directory ${pythonRepr(root)}: it exists and is not a folder`,
    );
  }
  if (root === "/") {
    refuse("it is the root of the file system");
  }
  if (root.includes(":")) {
    refuse("it contains the PATH separator :");
  }
  if (/[\n\r\0]/.test(root)) {
    refuse("its name contains a line break");
  }
  if (!clear || state === "nothing" || state === "empty") {
    return;
  }
  const home = call.env["HOME"];
  if (home && (isInside(resolve(home), root) || isInside(realPath(home), realPath(root)))) {
    refuse("--clear would delete the home directory");
  }
  if (isInside(baseExecutableOf(facts), root)) {
    refuse("--clear would delete the interpreter it is for");
  }
  if (!existing(join(root, "pyvenv.cfg")) && !existing(join(root, "bin", "python"))) {
    refuse(
      "it is not an environment, and --clear would delete what is in it",
      "Remove the folder yourself, or choose another.",
    );
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function existing(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function notWritable(root: string, cause: unknown): PipdError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const hint = osHint(errnoOf(cause));
  return new PipdError("venv-not-writable", `Could not create the virtual environment ${root}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}

function draw(root: string, request: VenvRequest, call: Call): Blueprint {
  const { facts } = request;
  const [major, minor] = facts.versionInfo;
  const baseExecutable = baseExecutableOf(facts);
  const prompt = request.prompt === "." ? basename(call.cwd) : request.prompt;
  const bits64 = facts.tagFacts.pointerBits === 64;
  const scripts = activationScripts(request.assetsFolder ?? ASSETS_FOLDER, root, prompt ?? basename(root));
  return {
    root,
    umask: call.umask,
    baseExecutable,
    names: [...new Set([basename(baseExecutable), "python", "python3", `python${major}.${minor}`])],
    folders: venvFolders(facts),
    hasLib64: bits64 && facts.markers.sys_platform !== "darwin",
    symlinks: request.symlinks ?? true,
    files: [
      { path: ".gitignore", text: "# Created by pipd: an environment is not for version control.\n*\n" },
      ...scripts.map(({ name, text }) => ({ path: join("bin", name), text })),
      { path: "pyvenv.cfg", text: configText(root, request, baseExecutable, prompt) },
    ],
  };
}

/** Relative to the environment, as the `venv` scheme of `sysconfig` (3.11) or the stdlib's `venv` has them. */
function venvFolders(facts: InterpreterFacts): readonly string[] {
  const { templates, variables } = facts.layout;
  const here = { ...variables, base: "/", platbase: "/", installed_base: "/", installed_platbase: "/" };
  const scheme = templates["venv"] ?? templates["posix_prefix"] ?? {};
  const place = (key: string): string => expandTemplate(scheme[key] ?? "", here).replace(/^\/+/, "");
  return [templates["venv"] === undefined ? "include" : place("include"), place("purelib"), "bin"];
}

/** In the shape of the stdlib's `venv`. The command makes an equal environment with Python alone. */
function configText(root: string, request: VenvRequest, baseExecutable: string, prompt: string | undefined): string {
  const { facts, systemSitePackages = false } = request;
  const options = [
    ...(request.symlinks === false ? ["--copies"] : []),
    "--without-pip",
    ...(systemSitePackages ? ["--system-site-packages"] : []),
    ...(request.clear ? ["--clear"] : []),
    ...(request.prompt === undefined ? [] : [`--prompt="${request.prompt.replace(/[\r\n]/g, " ")}"`]),
  ];
  return [
    `home = ${dirname(baseExecutable)}`,
    `include-system-site-packages = ${systemSitePackages}`,
    `version = ${facts.versionInfo.join(".")}`,
    ...(prompt === undefined ? [] : [`prompt = ${pythonRepr(prompt)}`]),
    `executable = ${realpathSync(baseExecutable)}`,
    `command = ${baseExecutable} -m venv ${options.join(" ")} ${root}`,
    "",
  ].join("\n");
}

/** Builds the environment beside its place and moves it there in one step. Also removes what killed commands have left beside it. */
function buildAside(blueprint: Blueprint): void {
  const { root, umask } = blueprint;
  makeFolder(dirname(root), umask);
  const prefix = `.${basename(root)}.pipd-new-`;
  for (const name of readdirSync(dirname(root)))
    if (name.startsWith(prefix) && stateOfProcess(name.slice(prefix.length)) === "gone")
      rmSync(join(dirname(root), name), { recursive: true, force: true });
  const fresh = join(dirname(root), `${prefix}${processMark()}-${randomBytes(4).toString("hex")}`);
  try {
    build(blueprint, fresh);
    renameSync(fresh, root);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
}

/** Writes everything into `place`, a new folder that becomes `blueprint.root`, or part of it. */
function build(blueprint: Blueprint, place: string): void {
  const { umask } = blueprint;
  for (const folder of blueprint.folders) {
    makeFolder(join(place, folder), umask);
  }
  if (blueprint.hasLib64) {
    symlinkSync("lib", join(place, "lib64"));
  }
  placeExecutables(blueprint, join(place, "bin"));
  for (const { path, text } of blueprint.files) {
    writeFileSync(join(place, path), text);
    chmodSync(join(place, path), 0o666 & ~umask);
  }
}

/** `bin/<name>` leads to the base interpreter, `python` and the others to it, as in the stdlib's `venv`. */
function placeExecutables({ names, symlinks, baseExecutable, umask }: Blueprint, bin: string): void {
  const [first = "python", ...others] = names;
  if (symlinks) {
    symlinkSync(baseExecutable, join(bin, first));
    for (const name of others) symlinkSync(first, join(bin, name));
    return;
  }
  for (const name of names) {
    copyFileSync(baseExecutable, join(bin, name));
    chmodSync(join(bin, name), 0o777 & ~umask);
  }
}

/** The folder and its missing parents, with the modes the caller's own process would have given them. */
function makeFolder(path: string, umask: number): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    return;
  }
  if (dirname(path) !== path) {
    makeFolder(dirname(path), umask);
  }
  mkdirSync(path);
  // The daemon's own umask has cut the mode; a set-group-ID bit inherited from the parent stays.
  chmodSync(path, (statSync(path).mode & 0o7000) | (0o777 & ~umask));
}
