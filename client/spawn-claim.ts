import { lstatSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { startOf } from "./process-start.ts";

/**
 * "A daemon is being started here": a link whose target names the process at work, so that it never exists without its content. Whoever makes it starts the
 * daemon, everyone else waits (R19). It is only a courtesy that saves processes: which daemon serves is decided by the daemons' lock.
 */
export interface SpawnClaim {
  /** The daemon is now the process at work, so that the death of the one that started it makes nobody start another. */
  handTo(pid: number): void;
  release(): void;
}

/** How long a process is believed to be at work. */
const EXPIRES_MS = 10_000;
const WINDOWS = process.platform === "win32";

/** Takes the claim, or says that another process is at work. A claim whose process is gone, or that is too old, or that is something else, is taken away for the next attempt (R22). */
export function claimSpawn(path: string): SpawnClaim | undefined {
  let own = nameOf(process.pid);
  try {
    make(path, own);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    takeStaleAway(path);
    return undefined;
  }
  return {
    handTo: (pid) => {
      if (read(path) !== own) return;
      const temporary = `${path}.${process.pid}`;
      rmSync(temporary, { force: true });
      try {
        make(temporary, nameOf(pid));
        renameSync(temporary, path);
        own = nameOf(pid);
      } catch {
        // It stays with this process.
      }
    },
    release: () => {
      if (read(path) === own) rmSync(path, { force: true });
    },
  };
}

function make(path: string, target: string): void {
  if (WINDOWS) writeFileSync(path, target, { flag: "wx" });
  else symlinkSync(target, path);
}

/** Whom a claim names; "" when it is none. */
function read(path: string): string {
  try {
    return WINDOWS ? readFileSync(path, "latin1") : readlinkSync(path);
  } catch {
    return "";
  }
}

function takeStaleAway(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const target = read(path);
  if (stat === undefined || (Date.now() - stat.mtimeMs <= EXPIRES_MS && isAlive(target))) return;
  // Another process may have taken it away and made its own since: what is moved is looked at again, and put back.
  const aside = `${path}.${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  try {
    renameSync(path, aside);
    const moved = read(aside);
    if (moved !== target) make(path, moved);
  } catch {
    // Somebody was faster.
  }
  rmSync(aside, { recursive: true, force: true });
}

/** A process, by its number and the time it was started at: numbers are used again. */
function nameOf(pid: number): string {
  return `${pid}@${startOf(pid) ?? ""}`;
}

function isAlive(name: string): boolean {
  const [, pid, start] = /^(\d+)@(\d*)$/.exec(name) ?? [];
  if (pid === undefined || Number(pid) <= 0) return false;
  // Only where the system does not say when a process was started is there a claim without it.
  if (start !== "" || startOf(process.pid) !== undefined) return startOf(Number(pid)) === start;
  try {
    return process.kill(Number(pid), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
