import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { NEWEST, PLAIN_ENVIRONMENT } from "./interpreters.ts";

/** The folder with wheels beside the repository, where there is one. */
export const SHARED_WHEELS: string | undefined = [join(import.meta.dirname, "../../../shared/wheels")].find(existsSync);

let prepared: readonly string[] | undefined;

/**
 * The words that run the newest pip there is: 26.3 from `../shared/wheels`, unpacked once, else the pip of the newest interpreter.
 * To be followed by `--python <environment>` and the command.
 */
export function pipCommand(): readonly string[] {
  prepared ??= preparePip();
  return prepared;
}

function preparePip(): readonly string[] {
  const wheel =
    SHARED_WHEELS === undefined ? undefined : readdirSync(SHARED_WHEELS).find((name) => /^pip-.*\.whl$/.test(name));
  if (SHARED_WHEELS === undefined || wheel === undefined) return [NEWEST.executable, "-m", "pip"];
  const folder = join(import.meta.dirname, "../../.build/pip", wheel);
  if (!existsSync(folder)) unpackPip(join(SHARED_WHEELS, wheel), folder);
  return [NEWEST.executable, join(folder, "pip")];
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
