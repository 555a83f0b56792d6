import { accessSync, constants, existsSync, lstatSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CRASH_PAUSE_MS, crashFolder, crashPauseFile } from "../../protocol/crashes.ts";
import { folderFault, socketFault } from "../../protocol/runtime-folder.ts";
import { daemonPaths } from "../../protocol/session.ts";
import { databaseFault } from "../store/database.ts";
import { openExclusiveLock } from "../store/exclusive-lock.ts";
import { INDEX_DATABASE } from "../store/http-cache.ts";
import type { DoctorParts, Look } from "./doctor-parts.ts";

const pathsOf = ({ folders, namespace }: DoctorParts): ReturnType<typeof daemonPaths> =>
  daemonPaths(folders, namespace);

const OWN_FOLDER =
  "Give it back to yourself with mode 0700, remove it, or set PIPD_RUNTIME_DIR to a folder of your own.";

/** Whether the folders of sockets and locks belong to this user alone. */
export const checkFolders: Look = (parts) => {
  const name = "runtime folder";
  const { folder } = pathsOf(parts);
  for (const path of [parts.folders.runtime, folder]) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return { name, state: "ok", text: `${path} is not there yet; the daemon makes it` };
    const fault = parts.process.platform === "win32" ? undefined : folderFault(path, stat, parts.process.uid);
    if (fault !== undefined) return { name, state: "problem", text: fault.reason, hint: OWN_FOLDER };
  }
  return { name, state: "ok", text: `${folder} is yours alone` };
};

/** Whether what is at the socket's place is a socket of this user, closed to others. */
export const checkSocket: Look = (parts, { daemon }) => {
  const name = "socket";
  const { socket } = pathsOf(parts);
  const stat = lstatSync(socket, { throwIfNoEntry: false });
  if (stat === undefined) {
    if (daemon.state !== "running") return { name, state: "ok", text: "there is none, as no daemon runs" };
    return {
      name,
      state: "problem",
      text: `${socket} is gone`,
      hint: "The daemon notices within 30 seconds and leaves.",
    };
  }
  if (parts.process.platform === "win32") return { name, state: "ok", text: socket };
  const fault = socketFault(socket, stat, parts.process.uid);
  const hint = "Remove it; the daemon makes a new one.";
  if (fault !== undefined) return { name, state: "problem", text: fault, hint };
  const mode = stat.mode & 0o777;
  if ((mode & 0o077) !== 0)
    return { name, state: "problem", text: `${socket} is open to others (mode ${mode.toString(8)})`, hint };
  if (daemon.state === "stopped")
    return { name, state: "ok", text: `${socket} was left by a daemon that was killed; the next one replaces it` };
  return { name, state: "ok", text: `${socket} is yours alone` };
};

/** Whether the lock is held exactly when a daemon answers. */
export const checkLock: Look = (parts, { daemon }) => {
  const name = "lock";
  const { lock: path, about } = pathsOf(parts);
  if (!existsSync(path)) return { name, state: "ok", text: "there is none, as no daemon has run here" };
  const lock = openExclusiveLock(path);
  if (lock !== "busy") {
    lock.release();
    if (daemon.state !== "running") return { name, state: "ok", text: "it is free, as no daemon runs" };
    return {
      name,
      state: "problem",
      text: `a daemon answers that does not hold ${path}: a second one could be started`,
      hint: "pipd daemon restart",
    };
  }
  if (daemon.state === "running") return { name, state: "ok", text: "the daemon that answers holds it" };
  const pid = pidIn(about);
  return {
    name,
    state: "problem",
    text: `${path} is held by a process that does not answer${pid === undefined ? "" : `, probably pid ${pid}`}`,
    hint: pid === undefined ? "End it, or restart the machine." : `If it does not end by itself: kill ${pid}`,
  };
};

function pidIn(path: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(path, "utf8")) as { readonly pid?: unknown };
    return typeof pid === "number" ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Less free space than this is a problem, in bytes: one large wheel needs as much. */
const LEAST_SPACE = 500e6;

/** Whether the cache can be written and has room. */
export const checkSpace: Look = ({ folders }) => {
  const name = "cache";
  const path = nearestFolder(folders.cache);
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch {
    return {
      name,
      state: "problem",
      text: `${path} cannot be written`,
      hint: "Mend its owner and mode, set XDG_CACHE_HOME to another folder, or use --no-cache-dir.",
    };
  }
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const text = `${folders.cache}: ${(free / 1e9).toFixed(1)} GB free`;
  if (free >= LEAST_SPACE) return { name, state: "ok", text };
  return {
    name,
    state: "problem",
    text,
    hint: "Free some space: pipd cache purge, or a smaller store-limit in the settings.",
  };
};

/** The folder itself, or the one it would be made in. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

/** Whether the database of index answers is sound. Another process may be using it. */
export const checkDatabaseFile: Look = ({ folders }) => {
  const name = "database";
  const path = join(folders.cache, INDEX_DATABASE);
  if (!existsSync(path)) return { name, state: "ok", text: "there is none yet" };
  const fault = databaseFault(path);
  if (fault === undefined) return { name, state: "ok", text: `${path} is sound` };
  return {
    name,
    state: "problem",
    text: `${path}: ${fault}`,
    hint: "The next command that reads it sets it aside and begins anew; nothing is lost but time. `pipd cache purge` does it now.",
  };
};

/** Errors of the last day are a problem. */
const RECENT_MS = 24 * 60 * 60_000;

/** Whether the log can be written, and what it says of errors and crashes. */
export const checkLog: Look = ({ logPath, folders, now }) => {
  const name = "log";
  const pause = statSync(crashPauseFile(folders.state), { throwIfNoEntry: false });
  if (pause !== undefined && now() - pause.mtimeMs < CRASH_PAUSE_MS)
    return {
      name,
      state: "problem",
      text: `the daemon is left alone for a while: ${readFileSync(crashPauseFile(folders.state), "utf8").trim()}`,
      hint: "Report it with the file named below; `pipd daemon start` tries again now.",
    };
  const crashes = recentCrashes(folders.state, now());
  const last = crashes.at(-1);
  if (last !== undefined)
    return {
      name,
      state: "problem",
      text: `pipd crashed ${crashes.length === 1 ? "once" : `${crashes.length} times`} within a day, the last time: ${last}`,
      hint: "Report it with the file named below.",
    };
  const folder = nearestFolder(dirname(logPath));
  accessSync(folder, constants.W_OK);
  const errors = recentErrors(logPath, now());
  if (errors.length === 0) return { name, state: "ok", text: `${logPath} has no errors of the last day` };
  return {
    name,
    state: "problem",
    text: `${errors.length} errors within a day, the last: ${errors.at(-1)}`,
    hint: "pipd daemon log -n 100 shows what came before.",
  };
};

function recentCrashes(state: string, now: number): readonly string[] {
  const folder = crashFolder(state);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".txt"))
    .map((file) => join(folder, file))
    .map((path) => ({ path, at: statSync(path).mtimeMs }))
    .filter(({ at }) => now - at < RECENT_MS)
    .toSorted((a, b) => a.at - b.at)
    .map(({ path }) => path);
}

function recentErrors(path: string, now: number): readonly string[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => /^\{"level":[5-9]\d/.test(line))
    .map(parseEntry)
    .filter(({ time }) => now - time < RECENT_MS)
    .map(({ text }) => text);
}

function parseEntry(line: string): { readonly time: number; readonly text: string } {
  try {
    const { time, msg, error } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const detail = typeof error === "string" ? `: ${error.split("\n")[0]}` : "";
    return { time: Number(time), text: `${String(msg)}${detail}` };
  } catch {
    return { time: 0, text: line };
  }
}
