import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../std/call.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { writeFileAtomically } from "../std/files.ts";
import { openExclusiveLock } from "./exclusive-lock.ts";

/** Who changes an environment, for those who wait. `command` has no credentials in it. */
export interface LockOwner {
  readonly pid: number;
  readonly command: string;
}

export interface EnvironmentLocksParts {
  /** A private folder that every process of this user shares, whatever its caches. */
  readonly locksFolder: string;
  /** ms since 1970. */
  readonly now: () => number;
}

/** One change at a time in each environment, in the order of asking (R53); also among processes (R54). */
export interface EnvironmentLocks {
  /** Whether somebody in this process is changing the environment now. */
  isHeld(root: string): boolean;
  /** For whom the call with this signal waits, or undefined when it does not. */
  waitingFor(signal: AbortSignal): LockHolder | undefined;
  /**
   * Runs `task` while nobody else changes the environment at `root` (its real path). While it waits it says once for whom.
   * Throws PipdError `environment-locked` at once with `noWait`, and `call.signal`'s reason when the caller gives up.
   */
  withEnvironment<T>(
    root: string,
    owner: LockOwner,
    call: Call,
    task: () => Promise<T>,
    options?: { readonly noWait?: boolean },
  ): Promise<T>;
}

/** Who has the lock, and since when (ms since 1970); pid 0 when that is not known. */
export interface LockHolder extends LockOwner {
  readonly since: number;
}

/** Between two looks at a lock of another process. */
const LOOK_EVERY_MS = 100;

export function createEnvironmentLocks(parts: EnvironmentLocksParts): EnvironmentLocks {
  /** Per environment: who is inside, and a promise for each that waits behind. */
  const queues = new Map<string, { holder: LockHolder; readonly waiting: (() => void)[] }>();
  const waits = new Map<AbortSignal, () => LockHolder>();
  const waiting = async <T>(signal: AbortSignal, holder: () => LockHolder, wait: Promise<T>): Promise<T> => {
    waits.set(signal, holder);
    try {
      return await wait;
    } finally {
      waits.delete(signal);
    }
  };

  const enter = async (root: string, owner: LockOwner, call: Call, noWait: boolean): Promise<void> => {
    const queue = queues.get(root);
    if (queue === undefined) {
      queues.set(root, { holder: { ...owner, since: parts.now() }, waiting: [] });
      return;
    }
    if (noWait) throw locked(root, queue.holder, parts.now());
    call.reporter.message("info", waitingLine(queue.holder, parts.now()));
    await waiting(call.signal, () => queue.holder, inLine(queue.waiting, call.signal));
    queue.holder = { ...owner, since: parts.now() };
  };
  const leave = (root: string): void => {
    const next = queues.get(root)?.waiting.shift();
    if (next === undefined) queues.delete(root);
    else next();
  };

  return {
    isHeld: (root) => queues.has(realPathIfThere(root)),
    waitingFor: (signal) => waits.get(signal)?.(),
    withEnvironment: async (root, owner, call, task, { noWait = false } = {}) => {
      const real = realPathIfThere(root);
      call.signal.throwIfAborted();
      await enter(real, owner, call, noWait);
      try {
        const waits = (holder: LockHolder, wait: Promise<void>): Promise<void> =>
          waiting(call.signal, () => holder, wait);
        const release = await lockAcrossProcesses(parts, real, owner, call, noWait ? undefined : waits);
        try {
          return await task();
        } finally {
          release();
        }
      } finally {
        leave(real);
      }
    },
  };
}

/** The real path; a folder that is yet to be made is known by the path it is named by. */
function realPathIfThere(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Resolves when it is this one's turn; leaves the line when the signal is aborted. */
function inLine(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const turn = (): void => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    };
    const giveUp = (): void => {
      waiting.splice(waiting.indexOf(turn), 1);
      reject(signal.reason as Error);
    };
    waiting.push(turn);
    signal.addEventListener("abort", giveUp, { once: true });
  });
}

/** The lock of an environment among processes, and beside it a file that says who has it. Gives what releases it. Without `waits` it does not wait. */
async function lockAcrossProcesses(
  parts: EnvironmentLocksParts,
  root: string,
  owner: LockOwner,
  call: Call,
  waits: ((holder: LockHolder, wait: Promise<void>) => Promise<void>) | undefined,
): Promise<() => void> {
  const path = join(parts.locksFolder, createHash("sha256").update(root).digest("hex").slice(0, 32));
  const ownerPath = `${path}.json`;
  for (let looks = 0; ; looks++) {
    const lock = openExclusiveLock(`${path}.db`);
    if (lock !== "busy") {
      writeFileAtomically(ownerPath, JSON.stringify({ ...owner, since: parts.now() } satisfies LockHolder));
      return () => {
        rmSync(ownerPath, { force: true });
        lock.release();
      };
    }
    const holder = readHolder(ownerPath, parts.now());
    if (waits === undefined) throw locked(root, holder, parts.now());
    if (looks === 0) call.reporter.message("info", waitingLine(holder, parts.now()));
    await waits(holder, untilLikelyFree(ownerPath, holder.pid, call.signal));
  }
}

function readHolder(path: string, now: number): LockHolder {
  try {
    const { pid, command, since } = JSON.parse(readFileSync(path, "utf8")) as Partial<LockHolder>;
    if (typeof pid === "number" && typeof command === "string" && typeof since === "number")
      return { pid, command, since };
  } catch {
    // The holder is about to write it, or has just removed it.
  }
  return { pid: 0, command: "pipd", since: now };
}

/** Asking for the lock blocks this thread for a moment, so it is asked for only when its owner has taken its name away or is no process any more, or now and then. */
async function untilLikelyFree(ownerPath: string, pid: number, signal: AbortSignal): Promise<void> {
  for (let looks = 0; looks < 20; looks++) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    if (!existsSync(ownerPath) || !isAlive(pid)) return;
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

function describe(holder: LockHolder, now: number): string {
  const seconds = Math.max(0, Math.round((now - holder.since) / 1000));
  return `${holder.pid === 0 ? "another process" : `pid ${holder.pid}`}: ${holder.command} (${seconds} s)`;
}

function waitingLine(holder: LockHolder, now: number): string {
  return `waiting for ${describe(holder, now)}`;
}

function locked(root: string, holder: LockHolder, now: number): PipdError {
  return new PipdError("environment-locked", `${root} is being changed by ${describe(holder, now)}`, {
    hint: "Leave out --no-wait to wait for it.",
  });
}
