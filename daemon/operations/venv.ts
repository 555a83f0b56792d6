import { replaceTree } from "../install/replace-tree.ts";
import { createVenv, type VenvRequest } from "../python/venv.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { kindOfPath } from "../std/read-file.ts";
import { realPathAsFarAsItExists } from "../std/real-path.ts";
import { type Change, changeEnvironment } from "./change-environment.ts";
import type { Parts } from "./parts.ts";

/** What `venv` was asked to do. */
export interface VenvParams {
  /** Absolute. */
  readonly path: string;
  /** As `--python`; undefined: the interpreter a command would use. */
  readonly python: string | undefined;
  readonly clear: boolean;
  readonly prompt: string | undefined;
  readonly systemSitePackages: boolean;
  readonly change: Change;
}

export interface MadeEnvironment {
  /** Absolute. */
  readonly path: string;
  readonly version: string;
  /** The interpreter it is made from. */
  readonly base: string;
}

/**
 * Makes a virtual environment from what is known of an interpreter; Python runs only if that interpreter was never met before. Nobody else changes it
 * meanwhile: where it is there already, the lock lies in it; where it is not, it is known by its path.
 */
export async function makeEnvironment(parts: Parts, params: VenvParams, call: Call): Promise<MadeEnvironment> {
  if (!params.path.isWellFormed())
    throw new PipdError(
      "venv-target-refused",
      `${params.path} is not UTF-8: Python cannot make an environment there.`,
      {
        hint: "Choose a folder whose whole path is UTF-8.",
      },
    );
  const { facts } = await parts.findBaseEnvironment(params.python === undefined ? {} : { python: params.python }, call);
  const base =
    facts.baseExecutable === facts.executable ? facts : await parts.interpreters.facts(facts.baseExecutable, call);
  const request: VenvRequest = {
    path: params.path,
    facts: base,
    clear: params.clear,
    systemSitePackages: params.systemSitePackages,
    assetsFolder: parts.assetsFolder,
    ...(params.prompt === undefined ? {} : { prompt: params.prompt }),
  };
  const root = params.path;
  const isThere = (): boolean => kindOfPath(root) === "folder";
  const make = async (): Promise<MadeEnvironment> => {
    const made = await createVenv(request, call, replaceTree);
    return { path: made.root, version: base.version, base: base.executable };
  };
  for (let attempt = 0; ; attempt++) {
    const inPlace = isThere();
    // Whoever had the lock before us may have made the environment, or taken it away.
    const makeIfStill = async (): Promise<MadeEnvironment | undefined> => (isThere() === inPlace ? make() : undefined);
    const { owner, noWait } = params.change;
    try {
      const made = inPlace
        ? await changeEnvironment(parts, params.change, { root: realPathAsFarAsItExists(root) }, call, makeIfStill)
        : await parts.locks.withEnvironment(root, owner, call, makeIfStill, { noWait });
      if (made !== undefined) return made;
    } catch (error) {
      // Somebody with other folders for locks was faster.
      if (inPlace || !isThere() || attempt === 3) throw error;
    }
  }
}
