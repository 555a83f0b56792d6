import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  type DaemonPaths,
  daemonPaths,
  type FolderFacts,
  folderFault,
  longestSocketName,
  type Namespace,
  type PipdFolders,
  runtimeCandidates,
  socketPathLimit,
  userFolders,
} from "../protocol/session.ts";

/** Something that others could have made or could open: nothing is sent there (R2, R8). */
export class UnsafePlace extends Error {
  override readonly name = "UnsafePlace";
}

/** Sockets cannot be used here at all, for instance in a sandbox (R30). */
export class ForbiddenPlace extends Error {
  override readonly name = "ForbiddenPlace";
}

/** Everything that says which daemon is ours and where it is. */
export interface Places {
  readonly folders: PipdFolders;
  readonly namespace: Namespace;
  readonly paths: DaemonPaths;
}

function folderFacts(): FolderFacts {
  const env = process.env;
  return {
    env,
    uid: process.geteuid!(),
    home: env["HOME"] || process.getBuiltinModule("node:os").homedir(),
    temporary: "/tmp",
  };
}

/** The folders that need no socket: enough to run without a daemon. */
export function foldersWithoutDaemon(): PipdFolders {
  const facts = folderFacts();
  return { runtime: `${facts.env["TMPDIR"] || facts.temporary}/pipd-${facts.uid}`, ...userFolders(facts) };
}

/** Where the caller's daemon is or would be. Throws UnsafePlace or ForbiddenPlace. */
export function findPlaces(): Places {
  const facts = folderFacts();
  const namespace = readNamespace();
  const user = userFolders(facts);
  const reasons: Error[] = [];
  for (const { path, ownParent } of runtimeCandidates(facts)) {
    try {
      if (ownParent && lstatSync(dirname(path)).uid !== facts.uid) continue;
      privateFolder(path, facts.uid);
      const folders = { runtime: path, ...user };
      const paths = daemonPaths(folders, namespace);
      checkLength(paths.folder);
      privateFolder(paths.folder, facts.uid);
      return { folders, namespace, paths };
    } catch (error) {
      reasons.push(error as Error);
    }
  }
  const text = reasons.map((reason) => reason.message).join("; ");
  throw reasons.some((reason) => reason instanceof UnsafePlace) ? new UnsafePlace(text) : new ForbiddenPlace(text);
}

/** This machine and, on Linux, this view of its file systems. */
export function readNamespace(): Namespace {
  try {
    return { host: readFileSync("/proc/sys/kernel/hostname", "utf8").trim(), mnt: readlinkSync("/proc/self/ns/mnt") };
  } catch {
    return { host: process.getBuiltinModule("node:os").hostname(), mnt: "" };
  }
}

function checkLength(folder: string): void {
  const limit = socketPathLimit(process.platform);
  if (Buffer.byteLength(longestSocketName(folder)) > limit) throw new UnsafePlace(`${folder} is too long for a socket`);
}

/** Makes a folder if it is not there, and sees that nobody else can use it. */
function privateFolder(path: string, uid: number): void {
  let stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    stat = lstatSync(path);
  }
  const fault = folderFault(
    path,
    { isDirectory: stat.isDirectory(), isSymbolicLink: stat.isSymbolicLink(), uid: stat.uid, mode: stat.mode },
    uid,
  );
  if (fault === undefined) return;
  if (!fault.tooOpen) throw new UnsafePlace(fault.reason);
  closeToOthers(path, uid);
}

/** Tightens our own folder through a descriptor, so that nothing can be put in its place between the look and the change. */
function closeToOthers(path: string, uid: number): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    if (fstatSync(descriptor).uid !== uid) throw new UnsafePlace(`${path} belongs to another user`);
    fchmodSync(descriptor, 0o700);
  } finally {
    closeSync(descriptor);
  }
}

/** Throws UnsafePlace unless there is a socket of ours at `path`; false when there is nothing. */
export function checkSocket(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isSocket()) throw new UnsafePlace(`${path} is not a socket`);
  if (stat.uid !== process.geteuid!()) throw new UnsafePlace(`${path} belongs to another user (owner ${stat.uid})`);
  return true;
}
