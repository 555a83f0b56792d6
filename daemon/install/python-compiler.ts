import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { PipdError } from "../std/errors.ts";

/** What compile.py is asked. */
export interface CompileRequest {
  readonly tree: string;
  readonly output: string;
  readonly tag: string;
  /** Relative to the tree. */
  readonly files: readonly string[];
}

/** One Python process that compiles, with the lowest priority, one request at a time. */
export interface PythonCompiler {
  /** The files that could be compiled. An abort ends the process. @throws PipdError `compiler-failed` when the process ends without an answer. */
  compile(request: CompileRequest, signal: AbortSignal): Promise<readonly string[]>;
  readonly hasEnded: boolean;
  end(): void;
}

export interface PythonCompilerOptions {
  readonly executable: string;
  /** The folder with compile.py. */
  readonly assetsFolder: string;
  /** Milliseconds without a request after which the process ends. */
  readonly idleMs: number;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
}

interface Waiting {
  readonly resolve: (compiled: readonly string[]) => void;
  readonly reject: (reason: unknown) => void;
}

export function startPythonCompiler({
  executable,
  assetsFolder,
  idleMs,
  timeoutMs,
}: PythonCompilerOptions): PythonCompiler {
  // -I and -S: nothing of the user's environment runs, and the start takes 10 ms instead of 20.
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    executable,
    ["-I", "-S", "-B", join(assetsFolder, "compile.py")],
    { cwd: "/", env: {}, stdio: ["pipe", "pipe", "ignore"] },
  );
  let waiting: Waiting | undefined;
  let ended = false;
  let idle: NodeJS.Timeout | undefined;

  const finish = (reason: unknown): void => {
    ended = true;
    clearTimeout(idle);
    waiting?.reject(reason);
    waiting = undefined;
  };
  /** A process without work does not keep pipd alive. */
  const hold = (held: boolean): void => {
    for (const handle of [child, child.stdin as Socket, child.stdout as Socket]) {
      if (held) handle.ref();
      else handle.unref();
    }
  };
  const rest = (): void => {
    hold(false);
    idle = setTimeout(() => child.kill("SIGKILL"), idleMs);
    idle.unref();
  };
  child.on("error", finish);
  child.on("exit", (code, signal) => finish(compilerFailed(executable, signal ?? `exit code ${code}`)));
  child.stdin.on("error", () => {});
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { resolve } = waiting ?? {};
    waiting = undefined;
    rest();
    resolve?.((JSON.parse(line) as { compiled: string[] }).compiled);
  });

  return {
    get hasEnded() {
      return ended;
    },
    async compile(request, signal) {
      signal.throwIfAborted();
      clearTimeout(idle);
      hold(true);
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      waiting = { resolve, reject };
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const stop = (reason: unknown): void => {
        finish(reason);
        child.kill("SIGKILL");
      };
      const onAbort = (): void => stop(signal.reason);
      const timer = setTimeout(() => stop(compilerFailed(executable, "no answer in time")), timeoutMs);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
      }
    },
    end() {
      finish(compilerFailed(executable, "pipd is stopping"));
      child.kill("SIGKILL");
    },
  };
}

const compilerFailed = (executable: string, reason: string): PipdError =>
  new PipdError("compiler-failed", `${executable} did not byte-compile: ${reason}.`);
