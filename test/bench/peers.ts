import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { INTERPRETERS, NEWEST, type TestInterpreter } from "../harness/interpreters.ts";
import { pipFor, SHARED_WHEELS } from "../harness/pip.ts";

/** Everything measured is measured for this Python: the recorded index and most local wheels are for it. */
export const PYTHON: TestInterpreter = INTERPRETERS.find(({ minor }) => minor === 11) ?? NEWEST;

const SHARED = join(import.meta.dirname, "../../../shared");

/** A command with what it runs in. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** uv from the wheels beside the repository, installed into `folder`; undefined when there is none. */
export function installUv(folder: string): string | undefined {
  if (SHARED_WHEELS === undefined || !readdirSync(SHARED_WHEELS).some((name) => name.startsWith("uv-")))
    return undefined;
  const prefix = join(folder, "uv");
  const { file, words, env } = pipFor(NEWEST.executable);
  execFileSync(
    file,
    [
      ...words,
      "install",
      "-q",
      "--no-index",
      "--find-links",
      SHARED_WHEELS,
      "--prefix",
      prefix,
      "--root-user-action",
      "ignore",
      "uv",
    ],
    { stdio: "ignore", env: { ...process.env, ...env } },
  );
  return join(prefix, "bin/uv");
}

/** The folders with wheels of the index that this machine's pip configuration names, as folders of a server. */
export function localWheelFolders(): readonly string[] {
  const answer = spawnSync(NEWEST.executable, ["-m", "pip", "config", "list"], { encoding: "utf8" });
  const urls = [...answer.stdout.matchAll(/file:\/\/(\/[^\s']+?)\/simple/g)].map((match) =>
    join(match[1] ?? "", "files"),
  );
  return urls.filter((folder) => existsSync(folder));
}

export interface Server {
  readonly index: string;
  /** The certificate that vouches for it, when it speaks TLS. */
  readonly ca?: string;
  close(): void;
}

/** The index server beside the recorded pages, as a process of its own; undefined when it is not there. */
export async function startServer(args: readonly string[]): Promise<Server | undefined> {
  const script = join(SHARED, "index/serve.mjs");
  if (!existsSync(script)) return undefined;
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve(data.toString())),
  );
  const { index, ca } = JSON.parse(line) as { readonly index: string; readonly ca?: string };
  return { index, ...(ca === undefined ? {} : { ca }), close: () => void child.kill() };
}

/** Milliseconds a command takes from start to exit. Throws what it printed when it fails. */
export function time({ file, args, env, cwd = "/" }: Command): number {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(file, args, {
    env: { ...env },
    cwd,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  const elapsed = performance.now() - start;
  if (status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${status}\n${stdout}\n${stderr}`);
  return elapsed;
}

/** Fields 4 and later of `/proc/<pid>/stat`; undefined for a process that is gone. */
function statOf(pid: number): readonly number[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ").slice(1).map(Number);
  } catch {
    return undefined;
  }
}

/** Clock ticks of CPU time that processes, the children they have reaped and those that run (compilers of byte code) have used. */
function cpuTicks(pids: readonly number[]): number {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const stats = all.map((name) => [Number(name), statOf(Number(name))] as const);
  return stats
    .filter(([pid, stat]) => pids.includes(pid) || (stat !== undefined && pids.includes(stat[0] ?? 0)))
    .reduce((sum, [, stat]) => sum + (stat?.slice(10, 14) ?? []).reduce((ticks, field) => ticks + field, 0), 0);
}

/** Waits until these processes have stopped working (byte code is compiled after the answer), a minute at most: one run must not slow down the next. */
export function settle(pids: () => readonly number[]): void {
  const used = (): number => cpuTicks(pids());
  const deadline = performance.now() + 60_000;
  for (let before = -1, now = used(); now !== before && performance.now() < deadline; ) {
    spawnSync("sleep", ["0.3"]);
    before = now;
    now = used();
  }
}

let counter = 0;

/** A folder that was never there before: file systems treat names that were just deleted differently. */
export function freshFolder(parent: string): string {
  const folder = join(parent, `f${++counter}`);
  mkdirSync(folder);
  return folder;
}

export function temporaryFolder(parent: string): string {
  return mkdtempSync(join(parent, "pipd-bench-"));
}
