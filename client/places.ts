import * as fs from "node:fs";
import { chooseRuntimeFolder, socketFault, UnsafePlace, withoutSudoUser } from "../protocol/runtime-folder.ts";
import {
  type DaemonPaths,
  daemonPaths,
  type FolderFacts,
  type Namespace,
  type PipdFolders,
  userFolders,
} from "../protocol/session.ts";
import { parsePipeName, windowsFolders } from "../protocol/windows.ts";

/** Sockets cannot be used here at all, for instance in a sandbox (R30). */
export class ForbiddenPlace extends Error {
  override readonly name = "ForbiddenPlace";
}

/** What an attempt to use the socket says when a sandbox does not let it (seccomp, AppArmor, another system's emulation); undefined for other errors. */
export function forbiddenBy(error: NodeJS.ErrnoException, socket: string): ForbiddenPlace | undefined {
  const { code = "" } = error;
  return ["EACCES", "EPERM", "ENOSYS", "EAFNOSUPPORT"].includes(code)
    ? new ForbiddenPlace(`${socket}: ${code}`)
    : undefined;
}

/** Everything that says which daemon is ours and where it is. */
export interface Places {
  readonly folders: PipdFolders;
  readonly namespace: Namespace;
  readonly paths: DaemonPaths;
}

function folderFacts(): FolderFacts {
  const { env, platform } = process;
  const os = (): typeof import("node:os") => process.getBuiltinModule("node:os");
  const facts = {
    env,
    // Windows has no such number.
    uid: process.geteuid?.() ?? 0,
    home: env["HOME"] || os().homedir(),
    temporary: "/tmp",
    platform,
  };
  if (!env["SUDO_UID"]) return facts;
  return withoutSudoUser(
    facts,
    () => os().userInfo().homedir,
    (path) => fs.statSync(path, { throwIfNoEntry: false })?.uid,
  );
}

/** The folders that need no socket: enough to run without a daemon. */
export function foldersWithoutDaemon(): PipdFolders {
  const facts = folderFacts();
  if (facts.platform === "win32") return windowsFolders(facts);
  return { runtime: `${facts.env["TMPDIR"] || facts.temporary}/pipd-${facts.uid}`, ...ownFolders(facts) };
}

/** What Node cannot decode it would not find again, and databases lie there, whose names are UTF-8. */
function ownFolders(facts: FolderFacts): Omit<PipdFolders, "runtime"> {
  const folders = userFolders(facts);
  const odd = Object.values(folders).find((path) => path.includes("\ufffd"));
  if (odd === undefined) return folders;
  throw new UnsafePlace(
    `${odd} is not UTF-8. Set XDG_CACHE_HOME, XDG_STATE_HOME and XDG_CONFIG_HOME to folders whose paths are.`,
  );
}

/** Where the caller's daemon is or would be. Throws UnsafePlace or ForbiddenPlace. */
export function findPlaces(): Places {
  const facts = folderFacts();
  const namespace = readNamespace();
  const user = ownFolders(facts);
  const pathsIn = (runtime: string): DaemonPaths => daemonPaths({ runtime, ...user }, namespace);
  try {
    const runtime = chooseRuntimeFolder(fs, facts, (path) => pathsIn(path).folder);
    return { folders: { runtime, ...user }, namespace, paths: pathsIn(runtime) };
  } catch (error) {
    throw error instanceof UnsafePlace ? error : new ForbiddenPlace((error as Error).message);
  }
}

/** This machine and, on Linux, this view of its file systems. */
export function readNamespace(): Namespace {
  try {
    return {
      host: fs.readFileSync("/proc/sys/kernel/hostname", "utf8").trim(),
      mnt: fs.readlinkSync("/proc/self/ns/mnt"),
    };
  } catch {
    return { host: process.getBuiltinModule("node:os").hostname(), mnt: "" };
  }
}

/** What to dial to reach the daemon, undefined when there is nothing. Throws UnsafePlace when what is there is not ours (R8). */
export function daemonAddress(path: string): string | undefined {
  if (process.platform === "win32") {
    try {
      return parsePipeName(fs.readFileSync(path, "utf8"));
    } catch {
      return undefined;
    }
  }
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const fault = socketFault(path, stat, process.geteuid!());
  if (fault !== undefined) throw new UnsafePlace(fault);
  return path;
}
