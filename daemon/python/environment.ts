/** The environment a command is about: found from what the caller asks for and where the caller stands. */
import { realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { kindOfPath, readFileIfThere } from "../std/read-file.ts";
import { behindShim, executablesOnPath, isExecutable, pyenvExecutables } from "./find-python.ts";
import { isStill, type Stamp, stampAt } from "./folder-stamp.ts";
import type { Interpreters } from "./interpreter.ts";
import { type InterpreterFacts, isVirtualEnvironment } from "./interpreter-facts.ts";
import { parseVenvConfig } from "./venv-facts.ts";

/** How an environment was found. */
export type EnvironmentOrigin = "--python" | "VIRTUAL_ENV" | "CONDA_PREFIX" | ".venv" | "PATH";

/** One place to install into: an interpreter with its folders. */
export interface Environment {
  /** `realpath` of `sys.prefix`: the identity of the environment, whatever path led to it. */
  readonly root: string;
  /** The interpreter, as scripts should name it (`sys.executable`). */
  readonly executable: string;
  readonly facts: InterpreterFacts;
  readonly isVirtual: boolean;
  /** True outside virtual environments, and in those with `include-system-site-packages = true`. */
  readonly includesSystemSite: boolean;
  /** `sys.path` as it is now, in order: where installed distributions are looked for. */
  readonly searchPath: readonly string[];
  readonly origin: EnvironmentOrigin;
}

export interface EnvironmentRequest {
  /** `--python`: a path of an interpreter or of an environment, a version ("3.12"), or a name on PATH ("python3.12"). */
  readonly python?: string;
}

/** A candidate, and what to say when it does not work. */
interface Candidate {
  readonly executable: string;
  readonly origin: EnvironmentOrigin;
}

/**
 * The caller's environment: `--python`, `VIRTUAL_ENV`, `CONDA_PREFIX`, `.venv` in the directory and upward, then `python3` and `python` on PATH.
 *
 * Throws `python-not-found` when there is none (or not the one asked for), `broken-environment` when the active or nearest environment has no
 * working interpreter (never silently another one), and what {@link Interpreters.facts} throws.
 */
export async function findEnvironment(
  request: EnvironmentRequest,
  interpreters: Interpreters,
  call: Call,
): Promise<Environment> {
  const { executable, origin } = request.python
    ? await requestedPython(request.python, interpreters, call)
    : (activeEnvironment(call) ?? nearestEnvironment(call) ?? (await pythonOnPath(interpreters, call)));
  return environmentOf(await interpreters.facts(executable, call), interpreters, origin);
}

/**
 * The folder that a request is about by its name alone, whether an environment is in it or not: a command that was killed may have left it without
 * its interpreter, and no other may take its place then. Undefined when only looking for an interpreter can tell.
 */
export function namedFolder({ python }: EnvironmentRequest, call: Call): string | undefined {
  if (python) {
    const path = resolve(call.cwd, python);
    if (kindOfPath(path) === "folder") return path;
    return python.includes("/") ? dirname(dirname(path)) : undefined;
  }
  const active = call.env["VIRTUAL_ENV"];
  if (active) return resolve(call.cwd, active);
  for (let folder = call.cwd; ; folder = dirname(folder)) {
    if (kindOfPath(join(folder, ".venv")) === "folder") return join(folder, ".venv");
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * The interpreter that a new environment is made from: the one asked for, else the first on the caller's PATH. Active and near environments do not
 * count, but what they are made from does when they stand on PATH.
 */
export async function findBaseEnvironment(
  request: EnvironmentRequest,
  interpreters: Interpreters,
  call: Call,
): Promise<Environment> {
  const { executable, origin } = request.python
    ? await requestedPython(request.python, interpreters, call)
    : await pythonOnPath(interpreters, call);
  return environmentOf(await interpreters.facts(executable, call), interpreters, origin);
}

/** The environment of an interpreter whose facts are known. */
export function environmentOf(
  facts: InterpreterFacts,
  interpreters: Pick<Interpreters, "searchPath">,
  origin: EnvironmentOrigin = "--python",
): Environment {
  const isVirtual = isVirtualEnvironment(facts);
  return {
    root: realpathSync.native(facts.prefix),
    executable: facts.executable,
    facts,
    isVirtual,
    includesSystemSite: !isVirtual || venvIncludesSystemSite(facts),
    searchPath: interpreters.searchPath(facts),
    origin,
  };
}

/** What `pyvenv.cfg` says, while it is unchanged: the facts are others when it was another one at their time. */
const systemSites = new WeakMap<InterpreterFacts, { readonly stamp: Stamp; readonly included: boolean }>();

function venvIncludesSystemSite(facts: InterpreterFacts): boolean {
  const path = join(facts.prefix, "pyvenv.cfg");
  const known = systemSites.get(facts);
  if (known !== undefined && isStill(path, known.stamp)) return known.included;
  const stamp = stampAt(path);
  const config = readFileIfThere(path);
  const included = config !== undefined && parseVenvConfig(Buffer.from(config).toString("utf8")).includesSystemSite;
  systemSites.set(facts, { stamp, included });
  return included;
}

/** The interpreter in a folder that is an environment, or undefined. */
function pythonInFolder(folder: string): string | undefined {
  return [join(folder, "bin", "python"), join(folder, "Scripts", "python.exe")].find(isExecutable);
}

async function requestedPython(python: string, interpreters: Interpreters, call: Call): Promise<Candidate> {
  const path = resolve(call.cwd, python);
  const kind = kindOfPath(path);
  const inside = kind === "folder" ? pythonInFolder(path) : path;
  if (kind !== undefined && inside !== undefined) {
    return { executable: (await behindShim(inside, call)) ?? inside, origin: "--python" };
  }
  const found = python.includes("/") ? undefined : await pythonByName(python, interpreters, call);
  if (found !== undefined) {
    return { executable: found, origin: "--python" };
  }
  throw new PipdError("python-not-found", `Could not locate Python interpreter ${python}`, {
    hint:
      kind === "folder"
        ? `The folder ${path} has no bin/python: it is not an environment.`
        : "Give the path of an interpreter, the folder of an environment, or a version such as 3.12 that is on PATH.",
  });
}

/** "3.12", "python3.12", "3.12.1" or any name on PATH. */
async function pythonByName(name: string, interpreters: Interpreters, call: Call): Promise<string | undefined> {
  const version = /^(?:python)?(\d+(?:\.\d+){0,2})$/.exec(name)?.[1];
  if (version === undefined) {
    for (const path of executablesOnPath([name], call)) {
      const executable = await behindShim(path, call);
      if (executable !== undefined) {
        return executable;
      }
    }
    return undefined;
  }
  const [major = "", minor] = version.split(".");
  const names = [minor === undefined ? `python${major}` : `python${major}.${minor}`, `python${major}`, "python"];
  for (const path of [...executablesOnPath(names, call), ...pyenvExecutables(version, call)]) {
    const executable = await behindShim(path, call);
    const facts = executable && (await interpreters.facts(executable, call).catch(ignoreUnusable));
    if (facts && `${facts.versionInfo.join(".")}.`.startsWith(`${version}.`)) {
      return executable;
    }
  }
  return undefined;
}

/** In a search the next candidate follows; only cancelling ends it. */
function ignoreUnusable(error: unknown): undefined {
  if (!(error instanceof PipdError)) {
    throw error;
  }
}

function activeEnvironment(call: Call): Candidate | undefined {
  const active = call.env["VIRTUAL_ENV"];
  if (active) {
    const folder = resolve(call.cwd, active);
    const executable = pythonInFolder(folder);
    if (executable === undefined) {
      const what = kindOfPath(folder) === "folder" ? "it has no working interpreter" : "it does not exist";
      throw new PipdError("broken-environment", `The active environment ${folder} cannot be used: ${what}`, {
        hint: "Run deactivate (or unset VIRTUAL_ENV), or make it anew with pipd venv --clear.",
      });
    }
    return { executable, origin: "VIRTUAL_ENV" };
  }
  const conda = call.env["CONDA_PREFIX"];
  const executable = conda ? pythonInFolder(resolve(call.cwd, conda)) : undefined;
  return executable === undefined ? undefined : { executable, origin: "CONDA_PREFIX" };
}

/** `.venv` in the caller's directory, its parent, and so on. A folder of that name without `pyvenv.cfg` is no environment. */
function nearestEnvironment(call: Call): Candidate | undefined {
  for (let folder = call.cwd; ; folder = dirname(folder)) {
    const root = join(folder, ".venv");
    if (statSync(join(root, "pyvenv.cfg"), { throwIfNoEntry: false })?.isFile()) {
      const executable = pythonInFolder(root);
      if (executable === undefined) {
        throw new PipdError(
          "broken-environment",
          `The environment ${root} cannot be used: it has no working interpreter`,
          {
            hint: "Make it anew with pipd venv --clear, or choose another with --python.",
          },
        );
      }
      return { executable, origin: ".venv" };
    }
    if (folder === dirname(folder)) {
      return undefined;
    }
  }
}

async function pythonOnPath(interpreters: Interpreters, call: Call): Promise<Candidate> {
  let firstError: PipdError | undefined;
  for (const path of executablesOnPath(["python3", "python"], call)) {
    const executable = await behindShim(path, call);
    if (executable !== undefined) {
      try {
        await interpreters.facts(executable, call);
        return { executable, origin: "PATH" };
      } catch (error) {
        if (!(error instanceof PipdError)) {
          throw error;
        }
        firstError ??= error;
      }
    }
  }
  throw (
    firstError ??
    new PipdError(
      "python-not-found",
      "No Python interpreter was found: no active environment, no .venv, no python3 or python on PATH",
      {
        hint: "Install Python 3.8 or newer, or name an interpreter with --python.",
      },
    )
  );
}
