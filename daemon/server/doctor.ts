import { release } from "node:os";
import type { DoctorCheck, DoctorParams, DoctorResult } from "../../protocol/doctor.ts";
import { errnoOf } from "../std/errors.ts";
import { writeBundle } from "./doctor-bundle.ts";
import { checkDatabaseFile, checkFolders, checkLock, checkLog, checkSocket, checkSpace } from "./doctor-disk.ts";
import type { DoctorParts, Look } from "./doctor-parts.ts";
import { checkConfiguration, checkDaemon, checkIndexes, checkNode, checkPython } from "./doctor-world.ts";
import { redactSecrets } from "./redaction.ts";

/** Every check by name, in the order of the answer. */
const CHECKS: Readonly<Record<string, Look>> = {
  daemon: checkDaemon,
  "runtime folder": checkFolders,
  socket: checkSocket,
  lock: checkLock,
  node: checkNode,
  settings: checkConfiguration,
  cache: checkSpace,
  database: checkDatabaseFile,
  indexes: checkIndexes,
  log: checkLog,
  python: checkPython,
};

/** No single check takes longer, in milliseconds. */
const PATIENCE_MS = 15_000;

/** Looks at everything that pipd stands on, and puts it into a file for a bug report. Works beside a daemon, without one, and beside a broken one. */
export async function examine(parts: DoctorParts, params: DoctorParams, signal: AbortSignal): Promise<DoctorResult> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const checks: DoctorCheck[] = [];
  for (const [name, look] of Object.entries(CHECKS)) checks.push(await safely(name, () => look(parts, params, limit)));
  const system = { ...parts.process, release: release() };
  const written = writeBundle(parts, params, { checks, system });
  if ("problem" in written) checks.push(written.problem);
  const ok = checks.every(({ state }) => state === "ok");
  const bundle = "path" in written ? { bundle: written.path } : {};
  return { ok, checks, ...bundle, text: render(checks, written) };
}

async function safely(name: string, look: () => DoctorCheck | Promise<DoctorCheck>): Promise<DoctorCheck> {
  try {
    const { text, hint, ...check } = await look();
    return { ...check, text: redactSecrets(text), ...(hint === undefined ? {} : { hint: redactSecrets(hint) }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = errnoOf(error) ?? "";
    const hint = ["EACCES", "EPERM"].includes(code) ? "Mend the owner and the mode of that path." : undefined;
    return {
      name,
      state: "problem",
      text: `could not be looked at: ${redactSecrets(reason)}`,
      ...(hint === undefined ? {} : { hint }),
    };
  }
}

function render(checks: readonly DoctorCheck[], written: ReturnType<typeof writeBundle>): string {
  const lines = checks.flatMap(({ name, state, text, hint }) => [
    `${name.padEnd(16)}${state.padEnd(9)}${text}`,
    ...(hint === undefined ? [] : [`${" ".repeat(25)}${hint}`]),
  ]);
  const problems = checks.filter(({ state }) => state === "problem").length;
  const verdict =
    problems === 0
      ? "Everything is well."
      : problems === 1
        ? "There is one problem."
        : `There are ${problems} problems.`;
  const file = "path" in written ? [`For a bug report (no credentials in it): ${written.path}`] : [];
  return [...lines, "", verdict, ...file, ""].join("\n");
}
