import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { NEWEST, PLAIN_ENVIRONMENT, runPython } from "./interpreters.ts";

/** The folder with wheels beside the repository, where there is one. */
export const SHARED_WHEELS: string | undefined = [join(import.meta.dirname, "../../../shared/wheels")].find(existsSync);

let prepared: string | undefined;

/** A command of pip to be followed by its words. */
export interface PipCommand {
  readonly file: string;
  readonly words: readonly string[];
  /** Added to the environment of the command. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What runs the newest pip there is on an environment, as `pip --python` would in the end: 26.3 from `../shared/wheels`, unpacked once, else the pip of
 * the newest interpreter. @param python the environment's interpreter
 */
export function pipFor(python: string): PipCommand {
  prepared ??= preparePip();
  return { file: python, words: [join(prepared, "__pip-runner__.py")], env: { _PIP_RUNNING_IN_SUBPROCESS: "1" } };
}

/** Whether that pip is the one whose behaviour pipd follows. */
export const isCurrentPip = findPipWheel() !== undefined;

function findPipWheel(): string | undefined {
  if (SHARED_WHEELS === undefined) return undefined;
  const name = readdirSync(SHARED_WHEELS).find((each) => /^pip-.*\.whl$/.test(each));
  return name && join(SHARED_WHEELS, name);
}

/** The folder of pip's package. */
function preparePip(): string {
  const wheel = findPipWheel();
  if (wheel === undefined) return dirname(runPython(NEWEST.executable, ["-c", "import pip; print(pip.__file__)"]));
  const folder = join(import.meta.dirname, "../../.build/pip", basename(wheel));
  if (!existsSync(folder)) unpackPip(wheel, folder);
  return join(folder, "pip");
}

/** Unpacked and compiled once for all test files: that takes three seconds, and the first to be ready is taken. */
function unpackPip(wheel: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const own = mkdtempSync(`${folder}.`);
  const run = (...words: readonly string[]): void =>
    void execFileSync(NEWEST.executable, ["-m", ...words], { env: PLAIN_ENVIRONMENT, stdio: "ignore" });
  run("zipfile", "-e", wheel, own);
  run("compileall", "-q", own);
  try {
    renameSync(own, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(own, { recursive: true, force: true });
  }
}
