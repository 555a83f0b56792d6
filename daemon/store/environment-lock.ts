import { createHash } from "node:crypto";
import { existsSync, lstatSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { makePrivateFolder } from "../std/make-folder.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";
import { realPathAsFarAsItExists } from "../std/real-path.ts";
import { holderOf, isLeftLock, type LockNote, type OwnedLock, takeOwnedLock } from "./owned-lock.ts";

/** Who changes an environment, for those who wait: the client's process, not the daemon's. `command` has no credentials in it. */
export interface LockOwner {
  readonly pid: number;
  readonly command: string;
}

/** Who has the lock, and since when (ms since 1970); pid 0 when that is not known. */
export interface LockHolder extends LockOwner {
  readonly since: number;
}

export interface EnvironmentLocksParts {
  /** A private folder for the locks of environments that are yet to be made, or cannot be written. */
  readonly locksFolder: string;
  /** ms since 1970. */
  readonly now: () => number;
}

export interface LockOptions {
  /** Fail at once instead of waiting. */
  readonly noWait?: boolean;
  /** Folders that were made so that the environment has a root, the deepest first: they go again if they are empty in the end. */
  readonly made?: readonly string[];
}

/**
 * One change at a time in each environment, in the order of asking (R53); also among processes, whatever their folders, users or containers: the
 * lock lies in the environment itself, for as long as it is held (R54).
 */
export interface EnvironmentLocks {
  /** Whether somebody in this process is changing the environment now. */
  isHeld(root: string): boolean;
  /** For whom the call with this signal waits, or undefined when it does not. */
  waitingFor(signal: AbortSignal): LockHolder | undefined;
  /** Whether a process that was killed has left its lock in the environment: whoever takes the lock next takes it away. */
  isLeft(root: string): boolean;
  /**
   * Runs `task` while nobody else changes the environment at `root` (known by its real path). While it waits it says once for whom.
   * Throws PipdError `environment-locked` at once with `noWait`, and `call.signal`'s reason when the caller gives up.
   */
  withEnvironment<T>(
    root: string,
    owner: LockOwner,
    call: Call,
    task: () => Promise<T>,
    options?: LockOptions,
  ): Promise<T>;
}

/** In the environment's root. */
const LOCK = ".pipd-lock";

/** The names of what pipd keeps in the root of an environment while it changes it: the lock, the folders of transactions, and their trash. */
export function isOwnEntry(name: string): boolean {
  return [LOCK, ".pipd-transaction-", ".pipd-trash-"].some((own) => name.startsWith(own));
}

/** Between two looks at a lock of another process. */
const LOOK_EVERY_MS = 100;

export function createEnvironmentLocks(parts: EnvironmentLocksParts): EnvironmentLocks {
  /** Per environment: who is inside, and a promise for each that waits behind. */
  const queues = new Map<string, { holder: LockNote; readonly waiting: (() => void)[] }>();
  const waits = new Map<AbortSignal, () => LockNote>();
  const waiting: Waits = async (signal, holder, wait) => {
    waits.set(signal, holder);
    try {
      return await wait;
    } finally {
      waits.delete(signal);
    }
  };
  const holderFor = (owner: LockOwner): LockNote => ({
    ...owner,
    since: parts.now(),
    process: processMark(),
    made: [],
  });

  const enter = async (root: string, owner: LockOwner, call: Call, noWait: boolean): Promise<void> => {
    const queue = queues.get(root);
    if (queue === undefined) {
      queues.set(root, { holder: holderFor(owner), waiting: [] });
      return;
    }
    if (noWait) throw locked(root, queue.holder, parts.now());
    call.reporter.message("notice", waitingLine(queue.holder, parts.now()));
    await waiting(call.signal, () => queue.holder, inLine(queue.waiting, call.signal));
    queue.holder = holderFor(owner);
  };
  const leave = (root: string): void => {
    const next = queues.get(root)?.waiting.shift();
    if (next === undefined) queues.delete(root);
    else next();
  };

  return {
    isHeld: (root) => queues.has(realPathAsFarAsItExists(root)),
    waitingFor: (signal) => {
      const note = waits.get(signal)?.();
      return note === undefined ? undefined : { pid: note.pid, command: note.command, since: note.since };
    },
    isLeft: (root) => {
      const path = join(root, LOCK);
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
      // Our own that could not be deleted when it was given back is left, too.
      const isOurs = holderOf(path)?.process === processMark() && !queues.has(realPathAsFarAsItExists(root));
      return isOurs || isLeftLock(path);
    },
    withEnvironment: async (root, owner, call, task, { noWait = false, made = [] } = {}) => {
      const real = realPathAsFarAsItExists(root);
      call.signal.throwIfAborted();
      await enter(real, owner, call, noWait);
      try {
        const lock = await lockAcrossProcesses(parts, real, { ...owner, made }, call, noWait ? undefined : waiting);
        try {
          return await task();
        } finally {
          lock.release();
        }
      } finally {
        leave(real);
      }
    },
  };
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

/** Waits, and lets others see for whom. */
type Waits = <T>(signal: AbortSignal, holder: () => LockNote, wait: Promise<T>) => Promise<T>;

/** Takes the lock among processes. Without `waits` it does not wait. */
async function lockAcrossProcesses(
  parts: EnvironmentLocksParts,
  root: string,
  owner: LockOwner & { readonly made: readonly string[] },
  call: Call,
  waits: Waits | undefined,
): Promise<OwnedLock> {
  for (let looks = 0; ; looks++) {
    const found = tryPlaces(parts, root, owner);
    if ("lock" in found) return found.lock;
    const holder = holderOf(found.path) ?? { pid: 0, command: "pipd", since: parts.now(), process: "", made: [] };
    // Who took the lock a moment ago has not written its name yet.
    if (looks === 0 && holder.pid === 0) await sleep(LOOK_EVERY_MS, undefined, { signal: call.signal });
    else if (waits === undefined) throw locked(root, holder, parts.now());
    else {
      if (looks === 0 || (looks === 1 && holder.pid === 0))
        call.reporter.message("notice", waitingLine(holder, parts.now()));
      await waits(call.signal, () => holder, untilLikelyFree(found.path, call.signal));
    }
  }
}

/** In the environment, or, where that is not there or cannot be written, in the folder for such locks. */
function tryPlaces(
  { locksFolder, now }: EnvironmentLocksParts,
  root: string,
  owner: LockOwner & { readonly made: readonly string[] },
): { readonly lock: OwnedLock } | { readonly path: string } {
  const inside = join(root, LOCK);
  const outside = join(locksFolder, createHash("sha256").update(root).digest("hex").slice(0, 32));
  for (const path of [inside, outside]) {
    if (path === outside) makeIfPossible(locksFolder);
    const lock = takeOwnedLock(path, { ...owner, since: now() });
    if (lock === "busy") return { path };
    if (lock !== "unusable") return { lock };
  }
  throw new PipdError("lock-failed", `Could not lock ${root}: no lock can be made in ${inside} nor ${outside}`, {
    hint: "Make room on the disk, or make one of the folders writable.",
  });
}

function makeIfPossible(folder: string): void {
  try {
    makePrivateFolder(folder);
  } catch {
    // Then no lock can be made in it either, which is what is said.
  }
}

/** Resolves when the lock has gone, or its holder, or it is time to look again. */
async function untilLikelyFree(path: string, signal: AbortSignal): Promise<void> {
  for (let looks = 0; looks < 20; looks++) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
    const holder = holderOf(path);
    if (!existsSync(path) || holder === undefined || stateOfProcess(holder.process) === "gone") return;
  }
}

function describe(holder: LockNote, now: number): string {
  const seconds = Math.max(0, Math.round((now - holder.since) / 1000));
  return holder.pid === 0 ? "another pipd" : `pid ${holder.pid}: ${holder.command} (${seconds} s)`;
}

function waitingLine(holder: LockNote, now: number): string {
  return `waiting for ${describe(holder, now)}`;
}

function locked(root: string, holder: LockNote, now: number): PipdError {
  return new PipdError("environment-locked", `${root} is being changed by ${describe(holder, now)}`, {
    hint: "Leave out --no-wait to wait for it.",
  });
}
