/**
 * Installs every wheel of this machine's local indexes by itself, for an interpreter that pip would take it for, and verifies each RECORD
 * against the disk. While developing, PIPD_DEEP_LIMIT bounds how many (spread over all of them) and PIPD_DEEP_ONLY is what their names contain.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { INTERPRETERS, PLAIN_ENVIRONMENT, type TestInterpreter } from "../harness/interpreters.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { findLocalIndex, findPython311 } from "./local-index.ts";
import { type PythonAnswers, startPythonAnswers } from "./python-answers.ts";

/** The store is emptied after so many wheels, to keep the disk free. */
const WHEELS_BETWEEN_PURGES = 50;

interface Verdict {
  readonly records: number;
  readonly files: number;
  readonly bytes: number;
  readonly leftBehind: number;
  readonly faults: readonly string[];
}

/** A fitting interpreter for each wheel that has one. The search starts at another interpreter for each wheel, so that all have their turn. */
function assignInterpreters(wheels: readonly string[]): ReadonlyMap<string, TestInterpreter> {
  const fitting = INTERPRETERS.map(({ executable }) => {
    const answer = execFileSync(executable, [join(import.meta.dirname, "fitting-wheels.py")], {
      env: PLAIN_ENVIRONMENT,
      input: wheels.join("\n"),
      encoding: "utf8",
    });
    return new Set(JSON.parse(answer) as string[]);
  });
  const assigned = new Map<string, TestInterpreter>();
  for (const [index, path] of wheels.entries()) {
    const python = INTERPRETERS.map((_, turn) => (index + turn) % INTERPRETERS.length)
      .filter((place) => fitting[place]?.has(path))
      .map((place) => INTERPRETERS[place])[0];
    if (python !== undefined) assigned.set(path, python);
  }
  return assigned;
}

function install(sandbox: Sandbox, { executable }: TestInterpreter, path: string, target: string) {
  const options = ["--no-deps", "--no-compile", "--no-index", "--root-user-action", "ignore", "--target", target];
  return runPipd(sandbox, ["--python", executable, "install", ...options, path], { timeout: 300_000 });
}

/** What is wrong with the installation of one wheel; nothing otherwise. */
async function faultsOf(
  sandbox: Sandbox,
  python: TestInterpreter,
  path: string,
  verifier: PythonAnswers,
  sum: { files: number; bytes: number; leftBehind: number },
): Promise<readonly string[]> {
  const target = join(sandbox.folder, "target");
  const { code, stdout, stderr } = await install(sandbox, python, path, target);
  if (code !== 0) return [`exit status ${code}: ${stderr}${stdout}`];
  const { records, files, bytes, leftBehind, faults } = JSON.parse(await verifier.ask(target)) as Verdict;
  rmSync(target, { recursive: true });
  sum.files += files;
  sum.bytes += bytes;
  sum.leftBehind += leftBehind;
  return [
    ...(records === 1 ? [] : [`${records} RECORDs`]),
    // Somebody may build while this runs.
    ...(/^(?:pipd: restarted the daemon .*\n)?$/.test(stderr) ? [] : [`standard error: ${stderr}`]),
    ...faults,
  ];
}

test("every wheel of the local indexes installs as its RECORD says", async (t) => {
  const wheels = findLocalIndex().wheels.filter((path) => basename(path).includes(process.env["PIPD_DEEP_ONLY"] ?? ""));
  const limit = Number(process.env["PIPD_DEEP_LIMIT"] ?? wheels.length);
  const every = Math.max(1, Math.floor(wheels.length / limit));
  const chosen = wheels.filter((_, index) => index % every === 0).slice(0, limit);
  const assigned = assignInterpreters(chosen);
  await using sandbox = createSandbox();
  using verifier = startPythonAnswers("verify-record.py");
  const start = performance.now();
  const sum = { files: 0, bytes: 0, leftBehind: 0 };
  const failed: string[] = [];
  const homeless: string[] = [];
  const perPython = new Map<string, number>();
  for (const [index, path] of chosen.entries()) {
    const name = basename(path);
    const python = assigned.get(path);
    if (python === undefined) {
      homeless.push(name);
      const { code } = await install(sandbox, findPython311(), path, join(sandbox.folder, "refused"));
      if (code !== 1) failed.push(`${name}: fits no interpreter, but the exit status is ${code}`);
    } else {
      perPython.set(python.label, (perPython.get(python.label) ?? 0) + 1);
      const faults = await faultsOf(sandbox, python, path, verifier, sum);
      if (faults.length > 0) failed.push(`${name} (${python.label}): ${faults.slice(0, 5).join("; ")}`);
    }
    if (index % WHEELS_BETWEEN_PURGES === WHEELS_BETWEEN_PURGES - 1) {
      const { code, stderr } = await runPipd(sandbox, ["cache", "purge"]);
      assert.equal(code, 0, stderr);
    }
  }
  t.diagnostic(
    `${chosen.length} of ${wheels.length} wheels, ${sum.files} files, ${(sum.bytes / 1e9).toFixed(2)} GB verified in ${((performance.now() - start) / 1000).toFixed(0)} s; ` +
      `by interpreter: ${[...perPython].map(([label, count]) => `${label}: ${count}`).join(", ")}; ` +
      `${sum.leftBehind} data files for lib, which --target leaves behind`,
  );
  t.diagnostic(`${homeless.length} fit no interpreter of this machine, and were refused: ${homeless.join(", ")}`);
  assert.deepEqual(failed, []);
});
