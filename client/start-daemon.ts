import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { DAEMON_VARIABLES, type PipdFolders } from "../protocol/session.ts";
import { daemonAddress, ForbiddenPlace, forbiddenBy, type Places } from "./places.ts";
import { claimSpawn, type SpawnClaim } from "./spawn-claim.ts";

/** The start of a daemon failed; `message` has its reason and the last lines of its log. */
export class StartFailed extends Error {
  override readonly name = "StartFailed";
}

function daemonEnvironment(buildFolder: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => DAEMON_VARIABLES.test(name));
  return Object.fromEntries([...kept, ...Object.entries(daemonVariables(buildFolder))]) as Record<string, string>;
}

/**
 * For glibc: what is larger than a network buffer (64 kB) lies in pages of its own and goes back to the system when it is freed, and the rest is trimmed,
 * so that a daemon is small again after a large install (R59): 86 to 88 MB after one of 90 wheels, where glibc's own values leave 107. What V8's compilers
 * take (8 to 32 kB at once) comes from the heap: mapped one by one, with two heaps for a dozen threads, it cost a cold installation a tenth of its time.
 */
const ALLOCATION = {
  MALLOC_ARENA_MAX: "4",
  MALLOC_MMAP_THRESHOLD_: "70000",
  MALLOC_TRIM_THRESHOLD_: "262144",
};

/** What every daemon has in its environment, by whomever it is started. The build compiles the daemon's modules ahead: see test/build.mjs. */
export function daemonVariables(buildFolder: string): Readonly<Record<string, string>> {
  return { ...ALLOCATION, NODE_COMPILE_CACHE: `${buildFolder}/code` };
}

/** The arguments of Node that make it the daemon of these folders. */
export function daemonCommand(buildFolder: string, folders: PipdFolders, flags: readonly string[]): string[] {
  // Only flags of the heap's sizes: with any other Node compiles its own modules anew instead of taking their code from its binary, at the start and in
  // each thread. Below 2048 MB V8 collects the old generation when it has doubled at the latest, not when it is four times as large (R58). A young one of
  // 16 MB costs an idle daemon nothing; with 4 MB a sixth of a cold resolution's CPU time went into copying what survives (R59).
  const memory = ["--max-semi-space-size=16", "--max-old-space-size=2040"];
  return [...memory, `${buildFolder}/daemon.js`, `--folders=${JSON.stringify(folders)}`, ...flags];
}

/** The same program as a child of this process, spoken to over its standard input and output (R29). */
export function startInProcess(buildFolder: string, folders: PipdFolders): ChildProcess {
  return spawn(process.execPath, daemonCommand(buildFolder, folders, ["--stdio"]), {
    cwd: "/",
    env: daemonEnvironment(buildFolder),
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/**
 * Starts a daemon, or waits for the one that another client is starting (R18-R20). Resolves when it makes sense to dial again.
 * @param deadline ms since 1970. Throws StartFailed and ForbiddenPlace.
 */
export async function startDaemon(
  buildFolder: string,
  places: Places,
  reason: string | undefined,
  deadline: number,
): Promise<void> {
  const { paths } = places;
  for (let wait = 10; Date.now() < deadline; wait = Math.min(wait * 2, 250)) {
    const claim = claimSpawn(paths.spawning);
    if (claim !== undefined) {
      try {
        // Another client's daemon may have come up between our dial and our claim.
        if (await listening(paths.socket)) return;
        return await spawnDaemon(buildFolder, places, claim, reason, deadline);
      } finally {
        claim.release();
      }
    }
    await sleep(wait);
    if (await listening(paths.socket)) return;
  }
  throw new StartFailed("no daemon came up in time");
}

/** Whether somebody accepts connections there; a stale socket refuses them. Throws ForbiddenPlace: where nothing can be dialled no daemon is of use. */
function listening(socket: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(daemonAddress(socket) ?? socket);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => {
      const forbidden = forbiddenBy(error, socket);
      if (forbidden === undefined) resolve(false);
      else reject(forbidden);
    });
  });
}

async function spawnDaemon(
  buildFolder: string,
  { paths, folders }: Places,
  claim: SpawnClaim,
  reason: string | undefined,
  deadline: number,
): Promise<void> {
  const startLog = `${paths.folder}/start.log`;
  const log = openSync(startLog, "w", 0o600);
  const flags = ["--spawned", ...(reason === undefined ? [] : [`--reason=${reason}`])];
  const child = spawn(process.execPath, daemonCommand(buildFolder, folders, flags), {
    cwd: "/",
    env: daemonEnvironment(buildFolder),
    // A session of its own: the terminal's Ctrl-C and hang-up do not reach it (R23).
    detached: true,
    stdio: ["ignore", log, log, "pipe"],
  });
  closeSync(log);
  if (child.pid !== undefined) claim.handTo(child.pid);
  child.unref();
  const notice = setTimeout(() => {
    if (process.stderr.isTTY) process.stderr.write("starting the pipd daemon...\n");
  }, 1000);
  try {
    const outcome = await readOutcome(child, deadline);
    if ("ok" in outcome || outcome.error === "lost-election") return;
    // One that hangs must not keep the lock from the next.
    if (outcome.error === "timeout") child.kill("SIGKILL");
    if (outcome.error === "sockets-forbidden") throw new ForbiddenPlace(outcome.reason);
    throw new StartFailed([outcome.reason, ...lastLines(startLog)].join("\n"));
  } finally {
    clearTimeout(notice);
  }
}

type Outcome = { readonly ok: true } | { readonly error: string; readonly reason: string };

/** What the daemon writes to its descriptor 3, or how it ended without a word. */
async function readOutcome(child: ChildProcess, deadline: number): Promise<Outcome> {
  const pipe = child.stdio[3] as import("node:net").Socket;
  return new Promise((resolve) => {
    let text = "";
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      pipe.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(
      () => finish({ error: "timeout", reason: "the daemon did not come up in time" }),
      Math.max(0, deadline - Date.now()),
    );
    child.on("error", (error) => finish({ error: "spawn", reason: error.message }));
    pipe.on("error", () => finish({ error: "pipe", reason: "the daemon ended while it started" }));
    pipe.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith("\n")) finish(JSON.parse(text) as Outcome);
    });
    pipe.on("end", () => finish({ error: "ended", reason: "the daemon ended while it started" }));
  });
}

function lastLines(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-20).filter(Boolean);
  } catch {
    return [];
  }
}
