import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A user of their own: home, XDG folders, runtime folder, temporary folder, and an environment in which nothing of this machine's user is left. */
export interface Sandbox {
  /** Everything of the sandbox lies below this folder. */
  readonly folder: string;
  /** `$HOME`, where commands run unless they are told otherwise. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** The folder of configuration, cache, state and sockets of pipd. */
  readonly config: string;
  readonly cache: string;
  readonly state: string;
  readonly runtime: string;
  /** Makes a folder inside the sandbox and gives its path. */
  makeFolder(name: string): string;
  /** Ends what still runs with this sandbox's folders and removes everything. Throws when a process outlived its daemon's end. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Variables of the test runner that a command would act on. */
const LEFT_OUT =
  /^(?:CI|PIP_.*|PIPD_.*|VIRTUAL_ENV|CONDA_.*|XDG_.*|NODE_.*|PYTHON.*|NO_COLOR|FORCE_COLOR|COLORTERM|COLUMNS|LINES|TERM|TMPDIR|HOME|BASH_FUNC_.*)$/;

export function createSandbox(extra: Readonly<Record<string, string>> = {}): Sandbox {
  // Short, because a socket's path must fit in 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), "pipd-t-"));
  const at = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  const inherited = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !LEFT_OUT.test(name),
  ) as [string, string][];
  const home = at("home");
  const env = {
    ...Object.fromEntries(inherited),
    HOME: home,
    XDG_CONFIG_HOME: at("config"),
    XDG_CACHE_HOME: at("cache"),
    XDG_STATE_HOME: at("state"),
    XDG_RUNTIME_DIR: at("run"),
    TMPDIR: at("tmp"),
    LANG: "C.UTF-8",
    // pip's own configuration of the machine must not decide what a test sees.
    PIP_CONFIG_FILE: "/dev/null",
    ...extra,
  };
  // A test run that is killed closes nothing: its daemons then leave by themselves.
  writeFileSync(join(at("config/pipd"), "config.toml"), "idle-timeout = 120\n");
  const close = async (): Promise<void> => {
    const left = await endProcesses(folder);
    // A child of a daemon that has just ended may still write its last file.
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    if (left.length > 0) throw new Error(`processes that would not end: ${left.join(", ")}`);
  };
  return {
    folder,
    home,
    env,
    config: join(folder, "config/pipd"),
    cache: join(folder, "cache/pipd"),
    state: join(folder, "state/pipd"),
    runtime: join(folder, "run/pipd"),
    makeFolder: at,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Processes whose command line names the folder: daemons (`--folders=...`), programs run in place of one. */
export function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const zombie = stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
        return (
          !zombie &&
          readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(`daemon.js\0--folders={"runtime":"${folder}`)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Asks daemons of the folder to end, waits, and kills what is left, which is then reported. */
async function endProcesses(folder: string): Promise<readonly number[]> {
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of processesOf(folder)) {
      try {
        process.kill(pid, name);
      } catch {
        // It has just ended.
      }
    }
  };
  signal("SIGTERM");
  for (let waited = 0; waited < 5000; waited += 20) {
    if (processesOf(folder).length === 0) return [];
    await sleep(20);
  }
  const left = processesOf(folder);
  signal("SIGKILL");
  return left;
}
