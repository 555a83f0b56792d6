import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { connectedToPty } from "./pty.ts";
import type { Sandbox } from "./sandbox.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The program as users run it, built by `npm test` before the tests. */
export const PIPD = join(ROOT, "client/pipd");
/** The same client and daemon with the commands of test-wiring.ts. */
export const TEST_PIPD = join(ROOT, ".build/test-install/client/pipd");

export interface RunOptions {
  /** False: with `--no-daemon`. */
  readonly daemon?: boolean;
  /** Which client asks the daemon: by default the native one where it could be compiled. */
  readonly client?: "typescript";
  readonly cwd?: string;
  /** Added to the sandbox's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text on standard input; an empty one by default. */
  readonly stdin?: string;
  /** All three descriptors are one terminal of 100 columns; its text is `stdout`. */
  readonly pty?: boolean;
  /** Which program: `PIPD` by default. */
  readonly program?: string;
  /** Words before the program: what runs it as another user or among other mounts. */
  readonly through?: readonly string[];
  /** Milliseconds after which the command is killed: 60 s by default. */
  readonly timeout?: number;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command in progress. */
export interface Running {
  readonly child: ChildProcess;
  /** What standard output has had so far. */
  text(): string;
  /** Resolves when standard output contains the text. Rejects when the command ends without it. */
  seen(text: string): Promise<void>;
  /** The same for standard error. */
  warned(text: string): Promise<void>;
  readonly finished: Promise<Finished>;
}

/** The ways in which a command can run: every one of them must come to the same. `flag` says it on a command line. */
export const WAYS: readonly {
  readonly way: string;
  readonly options: Pick<RunOptions, "daemon" | "client">;
  readonly flag: string;
}[] = [
  { way: "with the daemon", options: {}, flag: "" },
  { way: "with the daemon, asked by the TypeScript client", options: { client: "typescript" }, flag: "" },
  { way: "without", options: { daemon: false }, flag: "--no-daemon" },
];

/** What makes the client of the options ask; for a shell that runs pipd, too. */
export function clientVariables({ client }: Pick<RunOptions, "client">): Readonly<Record<string, string>> {
  return client === "typescript" ? { PIPD_LAUNCHER: "0" } : {};
}

/** Starts a command in a sandbox. */
export function startPipd(sandbox: Sandbox, args: readonly string[], options: RunOptions = {}): Running {
  const program = options.program ?? PIPD;
  const words = [...(options.daemon === false ? ["--no-daemon"] : []), ...args];
  const env = Object.fromEntries(
    Object.entries({ ...sandbox.env, ...clientVariables(options), ...options.env }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const [first = program, ...rest] = [...(options.through ?? []), program, ...words];
  const [file, argv] = options.pty === true ? connectedToPty(first, rest) : [first, rest];
  const child = spawn(file, argv, { cwd: options.cwd ?? sandbox.home, env, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  child.stdin.on("error", () => {});
  if (options.pty !== true) child.stdin.end(options.stdin ?? "");
  else if (options.stdin !== undefined) child.stdin.write(options.stdin);
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeout ?? 60_000);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, code, signal });
    });
  });
  const untilHeard = (text: string, heard: () => string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!heard().includes(text)) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
      void finished.then((end) => reject(new Error(`ended without ${JSON.stringify(text)}: ${JSON.stringify(end)}`)));
    });
  return {
    child,
    text: () => stdout,
    seen: (text) => untilHeard(text, () => stdout),
    warned: (text) => untilHeard(text, () => stderr),
    finished,
  };
}

/** Runs a command in a sandbox to its end. */
export function runPipd(sandbox: Sandbox, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return startPipd(sandbox, args, options).finished;
}
