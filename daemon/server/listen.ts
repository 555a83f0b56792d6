import { randomBytes } from "node:crypto";
import { chmodSync, type FSWatcher, lstatSync, readFileSync, renameSync, rmSync, watch } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { pipeName } from "../../protocol/windows.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { writeFileAtomically } from "../std/files.ts";

/** The daemon's door. */
export interface Door {
  /** Whether the public name still leads here. */
  readonly mine: () => boolean;
  /** Takes the public name away if it is still ours, and accepts nobody any more. What is connected stays connected. */
  readonly close: () => void;
}

/**
 * Listens at `path` without ever showing a socket that others could open: it is bound under a private name in the same private folder, made 0600, and
 * renamed over whatever stale socket was there (R5). `privateName` must be free for this process. On Windows it is a pipe with a name that nobody can guess,
 * and the file at `path` says which (R12). Throws PipdError "sockets-forbidden" where the system does not let a socket be made (R30).
 */
export async function openDoor(
  path: string,
  privateName: string,
  platform: string,
  accept: (socket: Socket) => void,
): Promise<Door> {
  const server = createServer({ noDelay: false }, accept);
  if (platform === "win32") return openPipe(path, server);
  rmSync(privateName, { force: true });
  try {
    await listening(server, { path: privateName });
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (!["EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT"].includes(errno)) throw error;
    throw new PipdError("sockets-forbidden", `${path}: ${errno}`, { cause: error });
  }
  chmodSync(privateName, 0o600);
  const mine = nameCheck(path, lstatSync(privateName));
  renameSync(privateName, path);
  return {
    mine,
    close: () => {
      if (mine()) rmSync(path, { force: true });
      server.close();
    },
  };
}

async function openPipe(path: string, server: Server): Promise<Door> {
  const name = pipeName(randomBytes(16).toString("hex"));
  await listening(server, { path: name });
  writeFileAtomically(path, name);
  const mine = (): boolean => safely(() => readFileSync(path, "utf8") === name);
  return {
    mine,
    close: () => {
      if (mine()) rmSync(path, { force: true });
      server.close();
    },
  };
}

/**
 * Listens at a socket that systemd has bound at `path` and handed over (R69). Its name is systemd's: it is neither made nor taken away here, and
 * connections that come when this process has closed its door wait for the next one. So the door stays open until the process ends, for
 * the sake of those who come while it finishes its last runs: they are told that it retires.
 */
export async function openInheritedDoor(
  path: string,
  descriptor: number,
  accept: (socket: Socket) => void,
): Promise<Door> {
  const mine = nameCheck(path);
  await listening(createServer({ noDelay: false }, accept), { fd: descriptor });
  return { mine, close: () => {} };
}

/** Whether what `path` names is still what it names now. */
function nameCheck(path: string, { dev, ino } = lstatSync(path)): () => boolean {
  return () => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat !== undefined && stat.dev === dev && stat.ino === ino;
  };
}

async function listening(server: Server, where: { readonly path: string } | { readonly fd: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ ...where, backlog: 512 }, resolve);
  await promise;
  server.off("error", reject);
}

/**
 * Calls `lost` once, soon after one of `checks` has become false: looks when something changes in the folder of `path`, and every `everyMs` (R24, R62).
 * Returns what ends the watch.
 */
export function watchOwnership(
  path: string,
  checks: readonly (() => boolean)[],
  everyMs: number,
  lost: () => void,
): () => void {
  let watcher: FSWatcher | undefined;
  let soon: NodeJS.Timeout | undefined;
  const check = (): void => {
    if (allHold(checks)) return;
    stop();
    lost();
  };
  const stop = (): void => {
    clearInterval(timer);
    clearTimeout(soon);
    watcher?.close();
  };
  const timer = setInterval(check, everyMs).unref();
  try {
    watcher = watch(dirname(path), { persistent: false }, () => {
      clearTimeout(soon);
      soon = setTimeout(check, 50).unref();
    });
    watcher.on("error", () => watcher?.close());
  } catch {
    // No watches left on this system: the timer is enough.
  }
  return stop;
}

/** Whether all looks at the disk say so; one that cannot be taken does not. */
export function allHold(checks: readonly (() => boolean)[]): boolean {
  return checks.every((holds) => safely(holds));
}

/** What a look at the disk says; false when it cannot be taken. */
function safely(holds: () => boolean): boolean {
  try {
    return holds();
  } catch {
    return false;
  }
}
