/** Runs `daemon/assets/probe.py`: the one place where pipd starts Python to learn about it. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Call } from "../std/call.ts";
import { callerCommand } from "../std/caller-command.ts";
import { PipdError } from "../std/errors.ts";
import { kindOfPath } from "../std/read-file.ts";
import type { InterpreterFacts } from "./interpreter-facts.ts";
import { schemeFor } from "./scheme.ts";
import type { SearchPaths } from "./search-path.ts";

export interface ProbeRun {
  /** The interpreter, absolute. */
  readonly path: string;
  /** `probe.py`, absolute. */
  readonly probe: string;
  /** Whose environment and directory the interpreter gets. */
  readonly call: Call;
  /** Milliseconds. */
  readonly timeout: number;
  readonly searchPaths: SearchPaths;
}

type Answer =
  | { readonly tooOld: string }
  | (Omit<InterpreterFacts, "scheme" | "extraPath"> & { readonly sysPath: readonly string[] });

/** The facts the interpreter reports about itself. Throws `broken-python` or `unsupported-python`. */
export async function runProbe(run: ProbeRun): Promise<InterpreterFacts> {
  const token = `pipd-facts-${randomUUID()} `;
  const { output, errors, failure } = await execute(run, token);
  const line = output.split("\n").find((text) => text.startsWith(token));
  if (line === undefined) {
    throw brokenPython(run.path, errors, failure);
  }
  const answer = JSON.parse(line.slice(token.length)) as Answer;
  if ("tooOld" in answer) {
    throw new PipdError(
      "unsupported-python",
      `Python ${answer.tooOld} (${run.path}) is too old: pipd works with Python 3.8 and newer`,
      {
        hint: "Choose a newer interpreter with --python.",
      },
    );
  }
  const { sysPath, ...told } = answer;
  const explained = new Set(run.searchPaths.of({ ...told, extraPath: [] }));
  const facts = { ...told, extraPath: sysPath.filter((path) => !explained.has(path)) };
  return { ...facts, scheme: schemeFor(facts) };
}

interface Execution {
  readonly output: string;
  readonly errors: string;
  readonly failure: string | undefined;
}

function execute(run: ProbeRun, token: string): Promise<Execution> {
  const { promise, resolve } = Promise.withResolvers<Execution>();
  const { file, args, cwd, env } = callerCommand(run.call, run.path, [
    "-S",
    "-B",
    run.probe,
    token,
    run.call.umask.toString(8),
  ]);
  const child = execFile(
    file,
    args,
    {
      // A folder that is gone must not look like an interpreter that is gone.
      cwd: kindOfPath(cwd) === "folder" ? cwd : "/",
      env,
      timeout: run.timeout,
      maxBuffer: 16 << 20,
      killSignal: "SIGKILL",
    },
    (error, output, errors) => {
      resolve({ output, errors, failure: error === null ? undefined : failureText(error, run.timeout) });
    },
  );
  child.stdin?.end();
  return promise;
}

function failureText(
  error: Error & { readonly code?: unknown; readonly signal?: unknown; readonly killed?: boolean },
  timeout: number,
): string {
  if (error.killed) {
    return `no answer after ${timeout / 1000} seconds`;
  }
  if (typeof error.code === "string") {
    return error.code === "EACCES" ? "it is not executable" : error.code;
  }
  return typeof error.signal === "string"
    ? `it was killed by ${error.signal}`
    : `it left with status ${String(error.code)}`;
}

function brokenPython(path: string, errors: string, failure: string | undefined): PipdError {
  const lastLine = errors.trim().split("\n").at(-1)?.trim() ?? "";
  const reason = [failure ?? "it gave no answer", lastLine].filter((text) => text !== "").join(": ");
  return new PipdError("broken-python", `The Python interpreter ${path} does not work: ${reason}`, {
    hint: "Choose another interpreter with --python, or mend this one.",
  });
}
