import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { createWorkerPool, type WorkerPool } from "../../daemon/std/worker-pool.ts";
import { createEnvironmentLocks } from "../../daemon/store/environment-lock.ts";
import type { Wired, WiringParts } from "../../daemon/wiring.ts";
import type { Program, RunInput } from "../../protocol/program.ts";

let pool: WorkerPool | undefined;

type TestCommand = (run: RunInput, args: readonly string[], parts: WiringParts) => Promise<number>;

/** Commands that show one property each of what lies between a person and the daemon. */
const COMMANDS: Readonly<Record<string, TestCommand>> = {
  "--version": async (run, _args, { version }) => {
    run.output(1, `pipd ${version}\n`);
    return 0;
  },
  /** All that the daemon was told of the caller. */
  session: async (run) => {
    run.output(1, JSON.stringify({ argv: run.argv, ...run.session }));
    return 0;
  },
  /** What the daemon's own process has; nothing of a caller may be here. */
  process: async (run) => {
    const umask = process.umask(0o077);
    run.output(1, JSON.stringify({ cwd: process.cwd(), env: process.env, umask, pid: process.pid }));
    return 0;
  },
  exit: async (_run, [code]) => Number(code),
  /** The words go to the descriptors in turn. */
  both: async (run, words) => {
    for (const [index, word] of words.entries()) run.output(index % 2 === 0 ? 1 : 2, `${word}\n`);
    return 0;
  },
  big: async (run, [bytes]) => {
    const line = `${"0123456789".repeat(10)}\n`;
    for (let written = 0; written < Number(bytes); written += line.length) run.output(1, line);
    return 0;
  },
  ask: async (run, [kind]) => {
    const answer = await run.prompt({ kind: kind === "password" ? "password" : "text", message: "Proceed (Y/n)? " });
    run.output(1, `answer: ${JSON.stringify(answer ?? null)}\n`);
    return answer === undefined ? 1 : 0;
  },
  stdin: async (run) => {
    let all = "";
    for (let part = await run.readStdin(1000); part !== undefined; part = await run.readStdin(1000))
      all += Buffer.from(part).toString();
    run.output(1, `${all.length} ${all.slice(0, 20)}\n`);
    return 0;
  },
  /** Runs until it is cancelled, then cleans up and says so, also in a file when it is given one. */
  wait: async (run, [file]) => {
    run.output(1, "waiting\n");
    await sleep(60_000, undefined, { signal: run.signal }).catch(() => {});
    run.output(1, "cleaned up\n");
    if (file?.startsWith("/") === true) writeFileSync(file, "cleaned up\n");
    return 1;
  },
  /** Shows one transient line until it is cancelled. */
  spin: async (run) => {
    run.status("spinning");
    await sleep(60_000, undefined, { signal: run.signal }).catch(() => {});
    return 1;
  },
  stubborn: async (run, [ms]) => {
    run.output(1, "waiting\n");
    await sleep(Number(ms));
    return 0;
  },
  /** A transient line, then text, as an installation shows them. */
  progress: async (run) => {
    for (let step = 0; step < 4; step++) {
      run.status(`step ${step} of 4`);
      await sleep(60);
      run.output(1, `done ${step}\n`);
    }
    run.status(undefined);
    return 0;
  },
  resize: async (run) => {
    const before = run.size().cols;
    run.output(1, "ready\n");
    while (run.size().cols === before) await sleep(10, undefined, { signal: run.signal });
    run.output(1, `cols ${run.size().cols}\n`);
    return 0;
  },
  crash: async () => {
    setTimeout(() => {
      throw new Error("a fault with https://user:canary-secret@host/ in it");
    });
    return new Promise<never>(() => {});
  },
  kill: async () => {
    process.kill(process.pid, "SIGKILL");
    return new Promise<never>(() => {});
  },
  fail: async () => {
    throw new Error("a fault of one run");
  },
  /** Holds an environment's lock for a time. */
  lock: async (run, [root, ms, ...flags], { folders, now }) => {
    const locks = createEnvironmentLocks({ locksFolder: join(folders.runtime, "locks"), now });
    const { cwd, env, umask, pid } = run.session;
    const reporter = {
      message: (level: string, text: string) => run.output(level === "notice" ? 2 : 1, `${text}\n`),
      progress: () => {},
    };
    const work = async (): Promise<void> => {
      run.output(1, "in\n");
      await sleep(Number(ms), undefined, { signal: run.signal });
      run.output(1, "out\n");
    };
    await locks.withEnvironment(
      root!,
      { pid, command: `pipd ${run.argv.join(" ")}` },
      { cwd, env, umask, signal: run.signal, reporter },
      work,
      { noWait: flags.includes("--no-wait") },
    );
    return 0;
  },
  /** Has a worker thread do one of the things that pool-worker.ts knows. */
  worker: async (run, [kind = "", ms], { programFolder }) => {
    pool ??= createWorkerPool({
      size: 2,
      file: pathToFileURL(join(programFolder, "../../test/std/pool-worker.ts")),
      idleMs: 10_000,
    });
    run.output(1, "handed over\n");
    await pool.run({ kind, ...(ms === undefined ? {} : { ms: Number(ms) }) }, [], run.signal);
    run.output(1, "done\n");
    return 0;
  },
  /** A program started for the caller sees the caller's world. */
  child: async (run) => {
    const { cwd, env } = run.session;
    const child = spawn("/bin/sh", ["-c", 'pwd; echo "$CANARY"'], { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
    for await (const chunk of child.stdout) run.output(1, String(chunk));
    return 0;
  },
};

const NOTHING = { hits: 0, misses: 0 };
const UNUSED_CACHES = {
  location: "",
  bytes: 0,
  pages: { ...NOTHING, entries: 0, revalidated: 0 },
  metadata: { ...NOTHING, entries: 0 },
  resolutions: NOTHING,
  wheels: { ...NOTHING, location: "" },
  spareTrees: { entries: 0, bytes: 0 },
};

/** In the place of daemon/wiring.ts: the rest of the daemon with these commands. */
export async function wire(parts: WiringParts): Promise<Wired> {
  const program: Program = {
    run: async (run) => {
      const [name = "", ...args] = run.argv;
      const command = COMMANDS[name];
      if (command === undefined) return { exitCode: 2 };
      return { exitCode: await command(run, args, parts) };
    },
  };
  const queries = {
    resolveEnvironment: async ({ cwd }: { readonly cwd: string }) => ({
      root: cwd,
      executable: `${cwd}/bin/python`,
      version: "3.11.7",
      implementation: "cpython",
      isVirtual: true,
      searchPath: [],
    }),
    installed: async () => ({ etag: "1", packages: [] }),
  };
  const observation = {
    waitingFor: () => undefined,
    status: async () => ({ environments: [], caches: UNUSED_CACHES, indexes: [], hosts: [] }),
  };
  return {
    program,
    queries,
    observation,
    isWorking: () => false,
    collectInThreads: async () => {},
    endThreads: async () => {},
    dropCaches: () => {},
    flush: () => {},
  };
}
