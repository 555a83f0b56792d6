import { basename, dirname } from "node:path";
import { type Script as Callable, scriptOf } from "../standards/entry-points.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { PipdError } from "../std/errors.ts";
import type { ManifestEntryPoint } from "../store/wheel-manifest.ts";

/**
 * Scripts as pip 26.3 writes them (pip/_internal/operations/install/wheel.py over distlib's ScriptMaker), for POSIX systems.
 * Windows' .exe launchers are not made: pipd does not run there.
 */

/** The interpreter that scripts start. */
export interface ScriptInterpreter {
  /** `sys.executable`. */
  readonly executable: string;
  readonly pythonVersion: readonly [major: number, minor: number];
  /** The file starts with `#!` itself, so that kernels refuse it as the interpreter of a script. */
  readonly isScript: boolean;
  /** `ENSUREPIP_OPTIONS` of the caller: pip leaves the unversioned names out when it is set. */
  readonly ensurepipOptions: string | undefined;
  /** Longest first line that the kernel takes, with `#!` and the line feed: 127 bytes, on macOS 512. */
  readonly maxShebang: number;
}

/** A script to write: its name in the scripts folder and its whole text. */
export interface Script {
  readonly name: string;
  readonly text: string;
}

export const maxShebangOf = (platform: string): number => (platform === "darwin" ? 512 : 127);

/**
 * The console scripts of a wheel, with pip's special cases, in pip's order (it decides which one wins when two have one path).
 * @throws PipdError `invalid-entry-point` for an entry without a callable and for a name that leads out of the scripts folder.
 */
export function consoleScripts(
  entryPoints: readonly ManifestEntryPoint[],
  interpreter: ScriptInterpreter,
  scriptsFolder: string,
): readonly Script[] {
  return scriptsOf(versionedEntryPoints(entryPoints, interpreter), interpreter, scriptsFolder);
}

/** The gui scripts of a wheel: the same text, no special cases. */
export function guiScripts(
  entryPoints: readonly ManifestEntryPoint[],
  interpreter: ScriptInterpreter,
  scriptsFolder: string,
): readonly Script[] {
  return scriptsOf(byName(entryPoints), interpreter, scriptsFolder);
}

/** A later entry of the same name replaces the earlier one, in its place: a Python dict. */
function byName(entryPoints: readonly ManifestEntryPoint[]): Map<string, ManifestEntryPoint> {
  return new Map(entryPoints.map((entry) => [entry.name, entry]));
}

/**
 * pip and setuptools bake the version of the Python that built them into the names of their scripts; pip makes the names anew for the Python
 * that they are installed for (`get_console_script_specs`).
 */
function versionedEntryPoints(
  entryPoints: readonly ManifestEntryPoint[],
  { pythonVersion: [major, minor], ensurepipOptions }: ScriptInterpreter,
): Map<string, ManifestEntryPoint> {
  const rest = byName(entryPoints);
  const made = new Map<string, ManifestEntryPoint>();
  const special = (name: string, versioned: RegExp, names: readonly string[]): void => {
    const entry = rest.get(name);
    if (entry === undefined) return;
    for (const key of rest.keys()) if (key === name || versioned.test(key)) rest.delete(key);
    for (const key of names) made.set(key, entry);
  };
  const plain = ensurepipOptions === undefined;
  special("pip", /^pip(\d+(\.\d+)?)?$/, [
    ...(plain ? ["pip"] : []),
    ...(ensurepipOptions === "altinstall" ? [] : [`pip${major}`]),
    `pip${major}.${minor}`,
  ]);
  special("easy_install", /^easy_install(-\d+\.\d+)?$/, [
    ...(plain ? ["easy_install"] : []),
    `easy_install-${major}.${minor}`,
  ]);
  return new Map([...made, ...rest]);
}

function scriptsOf(
  entryPoints: ReadonlyMap<string, ManifestEntryPoint>,
  interpreter: ScriptInterpreter,
  scriptsFolder: string,
): readonly Script[] {
  const shebang = shebangOf(interpreter);
  const scripts: Script[] = [];
  for (const [name, entry] of entryPoints) {
    const script = callableOf({ ...entry, name }, scriptsFolder);
    if (script !== undefined) scripts.push({ name: script.name, text: shebang + scriptBody(script) });
  }
  return scripts;
}

function callableOf(entry: ManifestEntryPoint, folder: string): Callable | undefined {
  try {
    return scriptOf(entry, folder);
  } catch (error) {
    if (error instanceof InvalidText) throw new PipdError("invalid-entry-point", error.message, { cause: error });
    throw error;
  }
}

/** pip's template: without `re`, so that scripts start faster than those of distlib. */
function scriptBody({ module, importName, attrs }: Callable): string {
  return `import sys
from ${module} import ${importName}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(${attrs}())
`;
}

/**
 * The first line or lines of a generated script (distlib's `_build_shebang`). A kernel cannot start a path that has spaces, is too long or is
 * itself a script; `/bin/sh` then reads the first lines as an `exec`, and Python reads them as a string.
 */
export function shebangOf({ executable, isScript, maxShebang }: ScriptInterpreter): string {
  const quoted = enquote(executable);
  const simple = !quoted.includes(" ") && new TextEncoder().encode(quoted).length + 3 <= maxShebang && !isScript;
  return simple ? `#!${quoted}\n` : `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''\n`;
}

/** distlib's `enquote_executable`. */
function enquote(executable: string): string {
  const env = "/usr/bin/env ";
  if (!executable.includes(" ")) return executable;
  if (!executable.startsWith(env)) return executable.startsWith('"') ? executable : `"${executable}"`;
  const program = executable.slice(env.length);
  return program.includes(" ") && !program.startsWith('"') ? `${env}"${program}"` : executable;
}

/** A script of `<name>.data/scripts` that starts with `#!python`: the whole first line becomes the interpreter (pip's `fix_script`). */
export function rewriteScript(content: Uint8Array, executable: string): Uint8Array {
  const lineFeed = content.indexOf(0x0a);
  const rest = lineFeed === -1 ? new Uint8Array() : content.subarray(lineFeed + 1);
  const first = new TextEncoder().encode(`#!${executable}\n`);
  const rewritten = new Uint8Array(first.length + rest.length);
  rewritten.set(first);
  rewritten.set(rest, first.length);
  return rewritten;
}

/** True for a file of the scripts scheme that setuptools generated for an entry point: pip leaves it out and writes its own. */
export function isEntryPointWrapper(fileName: string, entryPointNames: ReadonlySet<string>): boolean {
  const lower = fileName.toLowerCase();
  const name =
    lower.endsWith(".exe") || lower.endsWith(".pya")
      ? fileName.slice(0, -4)
      : lower.endsWith("-script.py")
        ? fileName.slice(0, -10)
        : fileName;
  return entryPointNames.has(name);
}

export interface PathLookup {
  /** `sys.executable`: scripts beside it need no PATH. */
  readonly executable: string;
  /** The caller's `PATH`. */
  readonly path: string | undefined;
  /** The path with symbolic links resolved, as far as it exists. */
  readonly realPath: (path: string) => string;
}

/** pip's `message_about_scripts_not_on_PATH` for the console scripts of one wheel (absolute paths), or undefined when there is nothing to say. */
export function scriptsNotOnPathWarning(scripts: readonly string[], lookup: PathLookup): string | undefined {
  const { executable, path = "", realPath } = lookup;
  const byFolder = new Map<string, Set<string>>();
  for (const script of scripts) {
    const folder = realPath(dirname(script));
    byFolder.set(folder, (byFolder.get(folder) ?? new Set()).add(basename(script)));
  }
  const entries = path.split(":");
  const silent = new Set([realPath(dirname(executable)), ...entries]);
  const suspects = [...byFolder].filter(([folder]) => !silent.has(folder));
  if (suspects.length === 0) return undefined;
  const onPath = new Set(entries.map((entry) => realPath(entry)));
  const lines = suspects
    .filter(([folder]) => !onPath.has(folder))
    .map(([folder, names]) => `The ${scriptsAre([...names].sort())} installed in '${folder}' which is not on PATH.`);
  if (lines.length === 0) return undefined;
  const these = lines.length === 1 ? "this directory" : "these directories";
  const advice = `Consider adding ${these} to PATH or, if you prefer to suppress this warning, use --no-warn-script-location.`;
  const tilde =
    "NOTE: The current PATH contains path(s) starting with `~`, which may not be expanded by all applications.";
  return [...lines, advice, ...(entries.some((entry) => entry.startsWith("~")) ? [tilde] : [])].join("\n");
}

function scriptsAre(names: readonly string[]): string {
  return names.length === 1
    ? `script ${names[0]} is`
    : `scripts ${names.slice(0, -1).join(", ")} and ${names.at(-1)} are`;
}
