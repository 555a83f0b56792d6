/** Makes virtual environments (PEP 405) without running Python. */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { pythonRepr } from "../standards/python-lines.ts";
import type { Call } from "../std/call.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
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
 * Makes or updates the environment. A new one appears whole or not at all; with `clear` the old one stays until the new one is complete.
 *
 * Throws `venv-target-refused` where an environment cannot or must not be, `venv-not-writable` when the system refuses.
 */
export async function createVenv(request: VenvRequest, call: Call): Promise<CreatedVenv> {
  call.signal.throwIfAborted();
  const root = resolve(call.cwd, request.path);
  const clear = request.clear ?? false;
  const state = stateOf(root);
  refuseTarget(root, state, clear, request.facts, call);
  try {
    const blueprint = draw(root, request, call);
    if (state === "nothing" || state === "empty") {
      buildAside(blueprint, false);
    } else if (clear && state === "folder") {
      await rm(buildAside(blueprint, true), { recursive: true, force: true });
    } else {
      if (clear) {
        await Promise.all(readdirSync(root).map((name) => rm(join(root, name), { recursive: true, force: true })));
      }
      build(blueprint, root, replaceFile);
    }
  } catch (error) {
    throw errnoOf(error) === undefined ? error : notWritable(root, error);
  }
  return { root, executable: join(root, "bin", "python") };
}

type TargetState = "nothing" | "empty" | "folder" | "linked-folder" | "file";

function stateOf(root: string): TargetState {
  const link = lstatSync(root, { throwIfNoEntry: false });
  if (link === undefined) {
    return "nothing";
  }
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    return "file";
  }
  if (link.isSymbolicLink()) {
    return "linked-folder";
  }
  return readdirSync(root).length === 0 ? "empty" : "folder";
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
  return new PipdError("venv-not-writable", `Could not create the virtual environment ${root}: ${reason}`, { cause });
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

/**
 * Builds the environment beside its place and moves it there in one step. An old one is moved away first, and back if that fails.
 * @returns the path of the old one, "" when there was none
 */
function buildAside(blueprint: Blueprint, replace: boolean): string {
  const { root, umask } = blueprint;
  makeFolder(dirname(root), umask);
  const aside = `${dirname(root)}/.${basename(root)}.${randomBytes(4).toString("hex")}`;
  const fresh = `${aside}.new`;
  const old = replace ? `${aside}.old` : "";
  try {
    build(blueprint, fresh, writeNew);
    if (replace) {
      renameSync(root, old);
    }
    try {
      renameSync(fresh, root);
    } catch (error) {
      if (replace) {
        renameSync(old, root);
      }
      throw error;
    }
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  return old;
}

/** Writes everything into `place`, which becomes `blueprint.root`. What is there and not of the environment's own making stays. */
function build(blueprint: Blueprint, place: string, writeFile: WriteFile): void {
  const { umask } = blueprint;
  for (const folder of blueprint.folders) {
    makeFolder(join(place, folder), umask);
  }
  if (blueprint.hasLib64 && !existing(join(place, "lib64"))) {
    symlinkSync("lib", join(place, "lib64"));
  }
  placeExecutables(blueprint, join(place, "bin"), writeFile);
  for (const { path, text } of blueprint.files) {
    writeFile(join(place, path), umask, 0o666, (temporary) => writeFileSync(temporary, text));
  }
}

/** `bin/<name>` leads to the base interpreter, `python` and the others to it, as in the stdlib's `venv`. */
function placeExecutables(blueprint: Blueprint, bin: string, writeFile: WriteFile): void {
  const [first = "python", ...others] = blueprint.names;
  if (!blueprint.symlinks) {
    for (const name of blueprint.names) {
      writeFile(join(bin, name), blueprint.umask, 0o777, (temporary) =>
        copyFileSync(blueprint.baseExecutable, temporary),
      );
    }
    return;
  }
  placeLink(blueprint.baseExecutable, join(bin, first));
  for (const name of others) {
    placeLink(first, join(bin, name));
  }
}

function placeLink(target: string, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(path) === target) {
    return;
  }
  const temporary = temporaryNeighbour(path);
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

function temporaryNeighbour(path: string): string {
  return `${dirname(path)}/.${basename(path)}.${randomBytes(4).toString("hex")}`;
}

/** Makes a file with `write`, in the mode the caller's own process would have given it. */
type WriteFile = (path: string, umask: number, mode: number, write: (path: string) => void) => void;

/** In a folder that nobody sees yet. */
function writeNew(path: string, umask: number, mode: number, write: (path: string) => void): void {
  write(path);
  chmodSync(path, mode & ~umask);
}

/** In a folder in use: the file changes in one step. */
function replaceFile(path: string, umask: number, mode: number, write: (path: string) => void): void {
  const temporary = temporaryNeighbour(path);
  try {
    writeNew(temporary, umask, mode, write);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
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
