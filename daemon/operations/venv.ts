import { createVenv } from "../python/venv.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
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
}

export interface MadeEnvironment {
  /** Absolute. */
  readonly path: string;
  readonly version: string;
  /** The interpreter it is made from. */
  readonly base: string;
}

/** Makes a virtual environment from what is known of an interpreter; Python runs only if that interpreter was never met before. */
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
  const made = await createVenv(
    {
      path: params.path,
      facts: base,
      clear: params.clear,
      systemSitePackages: params.systemSitePackages,
      assetsFolder: parts.assetsFolder,
      ...(params.prompt === undefined ? {} : { prompt: params.prompt }),
    },
    call,
  );
  return { path: made.root, version: base.version, base: base.executable };
}
