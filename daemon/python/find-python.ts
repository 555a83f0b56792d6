/** Python executables on the caller's PATH, also behind pyenv's shims. */
import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Call } from "../std/call.ts";
import { callerCommand } from "../std/caller-command.ts";
import { namesIn } from "../std/read-file.ts";

const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** True for a file the caller may run (symbolic links followed). */
export function isExecutable(path: string): boolean {
  try {
    // First what does not throw: most candidates are simply not there.
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      return false;
    }
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The executables with one of these names on the caller's PATH, looked for one by one: by name first, then in the order of PATH. Absolute paths. */
export function* executablesOnPath(names: readonly string[], call: Call): Generator<string> {
  const folders = (call.env["PATH"] ?? DEFAULT_PATH).split(":").map((folder) => resolve(call.cwd, folder));
  for (const name of names) {
    for (const folder of new Set(folders)) {
      const path = join(folder, name);
      if (isExecutable(path)) {
        yield path;
      }
    }
  }
}

/**
 * The interpreter a path stands for: the path itself, or what a pyenv shim would start now, for this caller in its directory.
 * Undefined when the shim has nothing to start.
 */
export async function behindShim(path: string, call: Call): Promise<string | undefined> {
  const root = rootOfPyenvShim(path, call);
  if (root === undefined) {
    return path;
  }
  return selectedByPyenv(root, path, call) ?? (await askShim(path, call));
}

/** The root of pyenv when `path` is one of its shims. Shims lie in `<root>/shims` and are shell scripts. */
function rootOfPyenvShim(path: string, call: Call): string | undefined {
  const folder = dirname(path);
  if (basename(folder) !== "shims") {
    return undefined;
  }
  try {
    const text = readFileSync(path, "utf8");
    if (!text.startsWith("#!") || !text.includes("pyenv")) {
      return undefined;
    }
    return /^export PYENV_ROOT="(.*)"$/m.exec(text)?.[1] ?? call.env["PYENV_ROOT"] ?? dirname(folder);
  } catch {
    return undefined;
  }
}

/** What `pyenv which` would say, read from the same places, in a tenth of a millisecond. Undefined when only pyenv itself can tell. */
function selectedByPyenv(root: string, shim: string, call: Call): string | undefined {
  for (const version of selectedVersions(root, call) ?? []) {
    if (version === "system") {
      return afterShims(shim, call);
    }
    const folder = versionFolder(root, version);
    if (folder === undefined) {
      return undefined;
    }
    const executable = join(folder, "bin", basename(shim));
    if (isExecutable(executable)) {
      return executable;
    }
  }
  return undefined;
}

/** The first on PATH with the shim's name that is not in its folder. */
function afterShims(shim: string, call: Call): string | undefined {
  for (const path of executablesOnPath([basename(shim)], call)) {
    if (dirname(path) !== dirname(shim)) {
      return path;
    }
  }
  return undefined;
}

/** PYENV_VERSION, else the nearest `.python-version` upward, else `<root>/version`, else "system". */
function selectedVersions(root: string, call: Call): readonly string[] | undefined {
  const fromEnvironment = call.env["PYENV_VERSION"];
  if (fromEnvironment) {
    return fromEnvironment.split(":");
  }
  for (const start of new Set([call.env["PYENV_DIR"] || call.cwd, call.cwd])) {
    for (let folder = resolve(call.cwd, start); ; folder = dirname(folder)) {
      const versions = versionsInFile(join(folder, ".python-version"));
      if (versions !== undefined) {
        return versions;
      }
      if (folder === dirname(folder)) {
        break;
      }
    }
  }
  return versionsInFile(join(root, "version")) ?? ["system"];
}

/** The first word of each line that is not a comment; undefined without such a file, or when a word leads out of pyenv's folder. */
function versionsInFile(path: string): readonly string[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const words = text
    .split("\n")
    .map((line) => line.trim().split(/\s+/)[0] ?? "")
    .filter((word) => word !== "" && !word.startsWith("#") && !word.includes("/") && word !== "..");
  return words.length > 0 ? words : ["system"];
}

function versionFolder(root: string, version: string): string | undefined {
  for (const name of [version, version.replace(/^python-/, "")]) {
    const exact = join(root, "versions", name);
    if (statSync(exact, { throwIfNoEntry: false })?.isDirectory()) {
      return exact;
    }
    const latest = latestCPython(root, name);
    if (latest !== undefined) {
      return latest;
    }
  }
  return undefined;
}

/** The newest installed final CPython of a series: "3.11" gives `versions/3.11.7`. Other prefixes are left to pyenv. */
function latestCPython(root: string, prefix: string): string | undefined {
  if (!/^\d+(\.\d+)?$/.test(prefix)) {
    return undefined;
  }
  const newest = installedCPythons(root).find(({ name }) => name.startsWith(`${prefix}.`));
  return newest && join(root, "versions", newest.name);
}

interface PyenvVersion {
  readonly name: string;
  readonly release: readonly [number, number, number];
}

/** Final CPythons that pyenv has installed, newest first. */
function installedCPythons(root: string): readonly PyenvVersion[] {
  return namesIn(join(root, "versions"))
    .flatMap((name): PyenvVersion[] => {
      const match = /^(\d+)\.(\d+)\.(\d+)$/.exec(name);
      return match === null ? [] : [{ name, release: [Number(match[1]), Number(match[2]), Number(match[3])] }];
    })
    .sort(({ release: a }, { release: b }) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2]);
}

/** Executables of pyenv's CPythons of a version ("3", "3.12", "3.12.1"), newest first, for a caller that has pyenv. */
export function pyenvExecutables(version: string, call: Call): readonly string[] {
  const home = call.env["HOME"];
  const root = call.env["PYENV_ROOT"] ?? (home && join(home, ".pyenv"));
  return root === undefined || root === ""
    ? []
    : installedCPythons(root)
        .filter(({ name }) => `${name}.`.startsWith(`${version}.`))
        .map(({ name }) => join(root, "versions", name, "bin", "python"));
}

/** Lets the shim start Python and say which it is. A tenth of a second: only for what pyenv alone can tell. */
function askShim(path: string, call: Call): Promise<string | undefined> {
  const { promise, resolve: answer } = Promise.withResolvers<string | undefined>();
  const program = "import sys; sys.stdout.write('\\n' + 'pipd:' + sys.executable + '\\n')";
  const { file, args, cwd, env } = callerCommand(call, path, ["-S", "-c", program]);
  const child = execFile(file, args, { cwd, env, timeout: 60_000, signal: call.signal }, (_error, output) =>
    answer(/^pipd:(.*)$/m.exec(output)?.[1]),
  );
  child.stdin?.end();
  return promise;
}
