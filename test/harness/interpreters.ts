/** The real CPythons of this machine, for tests that must hold with each of them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Call, SILENT_REPORTER } from "../../daemon/std/call.ts";
import { writeFileAtomically } from "../../daemon/std/files.ts";
import { startsWithShebang } from "../../daemon/std/read-file.ts";

export interface TestInterpreter {
  /** "3.11.7". */
  readonly version: string;
  readonly minor: number;
  /** A real executable, never a shim. */
  readonly executable: string;
  /** The version, with the folder where several have it: for test names. */
  readonly label: string;
}

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The environment of the test process without what would change what Python or pip do. */
export const PLAIN_ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(?:PYTHON|PIP_|VIRTUAL_ENV|CONDA_|PYENV_VERSION|LC_|LANG)/.test(entry[0]),
  ),
);

/** Every CPython 3.8 to 3.13 on PATH and among pyenv's versions, oldest first, each real file once. */
export const INTERPRETERS: readonly TestInterpreter[] = findInterpreters(8, 13);

/** CPythons that are older than what pipd works with. */
export const OLD_INTERPRETERS: readonly TestInterpreter[] = findInterpreters(0, 7);

/** The newest one: for tests where one interpreter is enough. */
export const NEWEST: TestInterpreter = newest();

/** A caller with this directory and environment. */
export function callIn(cwd: string, env: Readonly<Record<string, string>> = PLAIN_ENVIRONMENT, umask = 0o022): Call {
  return { cwd, env, umask, signal: new AbortController().signal, reporter: SILENT_REPORTER };
}

/** The newest wheel of a project in `../shared/wheels`, where that folder exists. */
export function sharedWheel(project: string): string | undefined {
  const folder = resolve(REPOSITORY, "../shared/wheels");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const name = names.find((wheel) => wheel.startsWith(`${project}-`) && wheel.endsWith("none-any.whl"));
  return name && join(folder, name);
}

/** Runs Python and gives what it prints. */
export function runPython(
  executable: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const { cwd = "/", env = PLAIN_ENVIRONMENT } = options;
  return execFileSync(executable, args, { cwd, env: { ...env }, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function newest(): TestInterpreter {
  const last = INTERPRETERS.at(-1);
  if (last === undefined) {
    throw new Error("These tests need a CPython 3.8 to 3.13 on PATH.");
  }
  return last;
}

function findInterpreters(lowest: number, highest: number): readonly TestInterpreter[] {
  const found = new Map<string, Omit<TestInterpreter, "label">>();
  for (const executable of candidates(lowest, highest)) {
    const real = realpathSync(executable);
    if (!found.has(real) && !startsWithShebang(real)) {
      const version = versionOf(real);
      found.set(real, { version, minor: Number(version.split(".")[1]), executable });
    }
  }
  const all = [...found.values()].sort((a, b) => a.minor - b.minor || a.executable.localeCompare(b.executable));
  const minors = all.map(({ minor }) => minor);
  return all.map((one) => ({
    ...one,
    label:
      minors.indexOf(one.minor) === minors.lastIndexOf(one.minor)
        ? one.version
        : `${one.version} in ${dirname(one.executable)}`,
  }));
}

function candidates(lowest: number, highest: number): readonly string[] {
  const root = process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv");
  const versions = existsSync(join(root, "versions")) ? readdirSync(join(root, "versions")) : [];
  const paths: string[] = [];
  for (let minor = lowest; minor <= highest; minor++) {
    const name = `python3.${minor}`;
    const final = versions.filter((version) => new RegExp(`^3\\.${minor}\\.\\d+$`).test(version));
    paths.push(...final.map((version) => join(root, "versions", version, "bin", name)));
    paths.push(...(process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)));
  }
  return paths.filter(existsSync);
}

/** Found out once for all test files: every one of them would start each Python first. */
function versionOf(real: string): string {
  const { size, mtimeMs } = statSync(real);
  const known = join(REPOSITORY, ".build/interpreters", encodeURIComponent(`${real} ${size} ${mtimeMs}`));
  if (existsSync(known)) return readFileSync(known, "utf8");
  const version = runPython(real, ["-S", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).trim();
  mkdirSync(dirname(known), { recursive: true });
  writeFileAtomically(known, version);
  return version;
}
