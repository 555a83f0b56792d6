import { type FolderFacts, runtimeCandidates } from "./session.ts";

/** Something that others could have made or could open: nothing is put or sent there (R2, R8). */
export class UnsafePlace extends Error {
  override readonly name = "UnsafePlace";
}

/** A place whose sockets would have longer paths than the system takes (R6). */
class TooLong extends Error {
  override readonly name = "TooLong";
}

/** What `lstat` or `fstat` said of a folder or socket. */
export interface FileFacts {
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isSocket(): boolean;
  readonly uid: number;
  readonly mode: number;
}

/** The calls of node:fs that are needed here, handed in by the client and by the daemon: this folder imports nothing. */
export interface FolderCalls {
  readonly constants: { readonly O_RDONLY: number; readonly O_DIRECTORY: number; readonly O_NOFOLLOW: number };
  mkdirSync(path: string, options: { readonly mode: number }): unknown;
  openSync(path: string, flags: number): number;
  closeSync(descriptor: number): void;
  fstatSync(descriptor: number): FileFacts;
  fchmodSync(descriptor: number, mode: number): void;
  lstatSync(path: string): FileFacts;
}

const owner = (facts: FileFacts): string =>
  `owner ${facts.uid}, mode ${(facts.mode & 0o7777).toString(8).padStart(4, "0")}`;

/**
 * Why a folder is not private to `uid`, in one line that names path, owner and mode, or undefined when it is (R2).
 * `tooOpen` is the one fault its owner may mend by a chmod.
 */
export function folderFault(
  path: string,
  facts: FileFacts,
  uid: number,
): { readonly reason: string; readonly tooOpen: boolean } | undefined {
  if (facts.isSymbolicLink()) return { reason: `${path} is a symbolic link (${owner(facts)})`, tooOpen: false };
  if (!facts.isDirectory()) return { reason: `${path} is not a folder (${owner(facts)})`, tooOpen: false };
  if (facts.uid !== uid)
    return { reason: `${path} belongs to another user (${owner(facts)}, expected owner ${uid})`, tooOpen: false };
  if ((facts.mode & 0o077) !== 0)
    return { reason: `${path} is open to other users (${owner(facts)}, expected mode 0700)`, tooOpen: true };
  return undefined;
}

/** Why nothing must be sent to what is at a socket's path, in one line that names path, owner and mode, or undefined when it is a socket of `uid` (R8). */
export function socketFault(path: string, facts: FileFacts, uid: number): string | undefined {
  if (!facts.isSocket()) return `${path} is not a socket (${owner(facts)})`;
  return facts.uid === uid ? undefined : `${path} belongs to another user (${owner(facts)}, expected owner ${uid})`;
}

const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")));
const codeOf = (error: unknown): string | undefined => (error as { readonly code?: string }).code;

/**
 * Makes `path` and its missing parents, each private from the moment it exists, and checks what is there (R2, R3): a real folder, owned by `uid`,
 * closed to everyone else. One that its owner left open is tightened, through a descriptor. Throws UnsafePlace, or the error of the system.
 */
export function ensurePrivateFolder(calls: FolderCalls, path: string, uid: number): void {
  const descriptor = openFolder(calls, path, uid);
  try {
    const fault = folderFault(path, calls.fstatSync(descriptor), uid);
    if (fault === undefined) return;
    if (!fault.tooOpen) throw new UnsafePlace(fault.reason);
    calls.fchmodSync(descriptor, 0o700);
  } finally {
    calls.closeSync(descriptor);
  }
}

/** A descriptor of the folder itself, never of what a link points to. */
function openFolder(calls: FolderCalls, path: string, uid: number): number {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = calls.constants;
  const open = (): number => calls.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    return open();
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      makeFolder(calls, path);
      return open();
    }
    const fault = folderFault(path, calls.lstatSync(path), uid);
    throw fault === undefined ? error : new UnsafePlace(fault.reason);
  }
}

function makeFolder(calls: FolderCalls, path: string): void {
  for (const last of [false, true]) {
    try {
      calls.mkdirSync(path, { mode: 0o700 });
      return;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return;
      if (codeOf(error) !== "ENOENT" || last || parentOf(path) === path) throw error;
      makeFolder(calls, parentOf(path));
    }
  }
}

/** The longest name a socket is bound or dialled under: the private name has the daemon's pid in it. */
function longestSocketName(folder: string): string {
  return `${folder}/.s.4194304`;
}

/** Bytes that fit in `sun_path` (R6). */
function socketPathLimit(platform: string): number {
  return platform === "linux" ? 107 : 103;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Throws when a socket in `folder` would have a longer path than the system takes (R6). */
function checkSocketLength(folder: string, platform: string): void {
  const length = byteLength(longestSocketName(folder));
  const limit = socketPathLimit(platform);
  if (length > limit) throw new TooLong(`${folder} is too long for a socket (${length} bytes, at most ${limit})`);
}

/**
 * The first candidate (R1) that is or can be made private and is short enough, with `folderOf` it below it. Where the person named a folder, only its length
 * makes another one do. Throws UnsafePlace with the reason of every candidate, or an Error with them when none is unsafe and yet none can be used.
 */
export function chooseRuntimeFolder(
  calls: FolderCalls,
  facts: FolderFacts,
  folderOf: (runtime: string) => string,
): string {
  const faults: Error[] = [];
  for (const { path, ownParent, chosen } of runtimeCandidates(facts)) {
    try {
      if (ownParent && calls.lstatSync(parentOf(path)).uid !== facts.uid) continue;
      useFolder(calls, path, folderOf(path), facts);
      return path;
    } catch (error) {
      faults.push(error as Error);
      if (chosen && !(error instanceof TooLong)) break;
    }
  }
  const text = faults.map(({ message }) => message).join("; ");
  throw faults.some((fault) => fault instanceof UnsafePlace) ? new UnsafePlace(text) : new Error(text);
}

function useFolder(calls: FolderCalls, runtime: string, folder: string, { uid, platform }: FolderFacts): void {
  if (platform === "win32") {
    // The profile's access control list is the protection there, and pipes are not in folders.
    for (const path of [runtime, folder]) makeFolder(calls, path);
    return;
  }
  checkSocketLength(folder, platform);
  ensurePrivateFolder(calls, runtime, uid);
  ensurePrivateFolder(calls, folder, uid);
}

const FOLDER_VARIABLES = [
  "PIPD_RUNTIME_DIR",
  "XDG_RUNTIME_DIR",
  "XDG_STATE_HOME",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "TMPDIR",
];

/**
 * After `sudo`, the environment may still name the folders of the user who typed it (`sudo -E`, `env_keep`, a HOME that stays). They count as unset here, and
 * home is this user's own, so that root has a daemon, a cache and a log of its own and leaves nothing of root's in the other's folders (R11).
 * @param ownHome the home of the effective user, from the system and not from the environment.
 * @param ownerOf the owner of a file, undefined when there is none.
 */
export function withoutSudoUser(
  facts: FolderFacts,
  ownHome: () => string,
  ownerOf: (path: string) => number | undefined,
): FolderFacts {
  const other = Number(facts.env["SUDO_UID"] || facts.uid);
  if (other === facts.uid || other === 0) return facts;
  const isOthers = (path: string): boolean => {
    const found = ownerOf(path);
    if (found !== undefined) return found === other;
    return parentOf(path) !== path && isOthers(parentOf(path));
  };
  const foreign = (path: string | undefined): boolean => path?.startsWith("/") === true && isOthers(path);
  const env = { ...facts.env };
  for (const name of FOLDER_VARIABLES) if (foreign(env[name])) env[name] = undefined;
  return { ...facts, env, home: foreign(facts.home) ? ownHome() : facts.home };
}
