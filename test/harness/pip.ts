import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  const folder = mkdtempSync(join(tmpdir(), "pipd-pip-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  execFileSync(NEWEST.executable, ["-m", "zipfile", "-e", join(SHARED_WHEELS, wheel), folder], {
    env: PLAIN_ENVIRONMENT,
  });
  return [NEWEST.executable, join(folder, "pip")];
}
