import { windowsFolders } from "./windows.ts";

/** What the client knows of the terminal at the other end. Everything that colours, wraps or animates text is decided from this, per request (R46, R47). */
export interface TerminalFacts {
  /** Whether descriptor 0, 1 and 2 are terminals. */
  readonly in: boolean;
  readonly out: boolean;
  readonly err: boolean;
  /** Width and height in cells; 80 and 24 where unknown. */
  readonly cols: number;
  readonly rows: number;
  /** Bits per colour that the output may use: 1 (none), 4, 8 or 24. Counts NO_COLOR, FORCE_COLOR and TERM of this request. */
  readonly colors: 1 | 4 | 8 | 24;
}

/** The world of one caller: what a process would have inherited, carried over the wire (R38). */
export interface Session {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly umask: number;
  /** `LC_ALL`, else `LC_CTYPE`, else `LANG`, else "C", as the caller's environment has it. */
  readonly locale: string;
  readonly tty: TerminalFacts;
  readonly pid: number;
  /** Whether a person can be asked: descriptor 0 is a terminal. Questions are still sent when it is not: piped answers are read. */
  readonly interactive: boolean;
}

/** The range of protocol majors one side can speak. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

export const PROTOCOL: ProtocolRange = { min: 1, max: 1 };

/** The folders one daemon serves. Two callers with a different value in any of them get different daemons, because the key of the socket is made from all of them. */
export interface PipdFolders {
  /** Where sockets and locks lie: the parent of one folder per daemon. */
  readonly runtime: string;
  readonly state: string;
  readonly cache: string;
  readonly config: string;
}

/** What the daemon may know of the environment of whoever happens to start it: folders, and where programs lie. Everything else comes with each request (R23). */
export const DAEMON_VARIABLES =
  /^(?:HOME|USER|LOGNAME|PATH|TMPDIR|TZ|XDG_(?:CACHE|CONFIG|STATE|RUNTIME)_(?:HOME|DIR)|PIPD_RUNTIME_DIR)$/;

/** What of the machine and the user decides the folders. Empty variables count as unset (R1). */
export interface FolderFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly home: string;
  /** The system's folder for temporary files when `TMPDIR` is not set. */
  readonly temporary: string;
  /** As `process.platform`. */
  readonly platform: string;
}

const absolute = (value: string | undefined): string | undefined =>
  value?.startsWith("/") ? value.replace(/(?<=.)\/+$/, "") : undefined;

/** A folder that may become the runtime folder. */
export interface RuntimeCandidate {
  readonly path: string;
  /** Whether the folder above must be there already and belong to the user: after `sudo -E` it is still the other user's. */
  readonly ownParent: boolean;
  /** Whether the person has named it: then no other is taken because it is not private. */
  readonly chosen: boolean;
}

/** The runtime folders to try, best first (R1). The first that can be made and is private (R2) is taken; one that the person has named is refused when it is not. */
export function runtimeCandidates(facts: FolderFacts): readonly RuntimeCandidate[] {
  const { env, uid, home, temporary, platform } = facts;
  const candidate = (path: string, ownParent = false): RuntimeCandidate => ({ path, ownParent, chosen: false });
  if (platform === "win32") return [candidate(windowsFolders(facts).runtime)];
  const chosen = absolute(env["PIPD_RUNTIME_DIR"]);
  const xdg = absolute(env["XDG_RUNTIME_DIR"]);
  return [
    ...(chosen === undefined ? [] : [{ path: chosen, ownParent: false, chosen: true }]),
    ...(xdg === undefined ? [] : [candidate(`${xdg}/pipd`, true)]),
    candidate(`/run/user/${uid}/pipd`, true),
    candidate(`${absolute(env["TMPDIR"]) ?? temporary}/pipd-${uid}`),
    candidate(`${home}/.cache/pipd/run`),
  ];
}

/** The other folders, by the XDG base directory specification: `$XDG_STATE_HOME/pipd` and so on. */
export function userFolders(facts: FolderFacts): Omit<PipdFolders, "runtime"> {
  const { env, home } = facts;
  if (facts.platform === "win32") {
    const { state, cache, config } = windowsFolders(facts);
    return { state, cache, config };
  }
  return {
    state: `${absolute(env["XDG_STATE_HOME"]) ?? `${home}/.local/state`}/pipd`,
    cache: `${absolute(env["XDG_CACHE_HOME"]) ?? `${home}/.cache`}/pipd`,
    config: `${absolute(env["XDG_CONFIG_HOME"]) ?? `${home}/.config`}/pipd`,
  };
}

/** What makes a daemon unreachable for a process that sees another machine or another file system through the same folder (R36). */
export interface Namespace {
  readonly host: string;
  /** The mount namespace's id on Linux, "" elsewhere. */
  readonly mnt: string;
}

/** Of the files in a daemon's folder. Not the protocol's number: builds that speak different protocols must meet, to agree which of them stays (R33). */
const LAYOUT = 1;

/** The name of a daemon's folder below the runtime folder: 14 hexadecimal digits that depend on everything that makes it another daemon. */
export function daemonName(folders: PipdFolders, namespace: Namespace): string {
  const identity = [LAYOUT, folders.state, folders.cache, folders.config, namespace.host, namespace.mnt];
  return hash53(JSON.stringify(identity)).toString(16).padStart(14, "0");
}

/** A hash of 53 bits (cyrb53, public domain). Names need no cryptographic one, and every start of the client computes it. */
function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** The files of one daemon, all inside `<runtime>/<its name>`. */
export interface DaemonPaths {
  readonly folder: string;
  /** The public name of the socket; on Windows a file with the name of the pipe. */
  readonly socket: string;
  /** SQLite file that the living daemon holds exclusively. Nobody else opens it: reading it in the holder would drop the lock. */
  readonly lock: string;
  /** 64 hex digits, new with every start of the daemon. */
  readonly token: string;
  /** Pid, start time, build: for people, never trusted. */
  readonly about: string;
  /** A link that exists while a daemon is being started; its target is the process at work. */
  readonly spawning: string;
  /** Left by a client that waited for an answer in vain: others then wait but a moment, for a while. Names the socket it speaks of. */
  readonly hung: string;
  /** What the last daemon left behind when it went: why, and whether the next one takes its place. */
  readonly ended: string;
  /** The socket for HTTP, when the settings ask for it. */
  readonly http: string;
  /** What a request by HTTP's port must bear: 64 hex digits, new with every start of the daemon. */
  readonly httpToken: string;
}

export function daemonPaths(folders: PipdFolders, namespace: Namespace): DaemonPaths {
  const folder = `${folders.runtime}/${daemonName(folders, namespace)}`;
  return {
    folder,
    socket: `${folder}/sock`,
    lock: `${folder}/lock.db`,
    token: `${folder}/token`,
    about: `${folder}/daemon.json`,
    spawning: `${folder}/spawning`,
    hung: `${folder}/hung`,
    ended: `${folder}/ended.json`,
    http: `${folder}/http`,
    httpToken: `${folder}/http-token`,
  };
}

/** What each side of the handshake proves with the secret: HMAC-SHA256 over this text (R9). */
export function proofText(clientNonce: string, serverNonce: string, side: "client" | "server"): string {
  return `${clientNonce}\n${serverNonce}\n${side}`;
}

/** A build of pipd: its version, when it was built (ms since 1970) and a hash of its content, written `0.1.0+1763826523000.3f2a9c01`. */
export interface Build {
  readonly version: string;
  readonly builtAt: number;
  readonly hash: string;
}

/** Reads a build id; a text of another form becomes version "0", so that anything is newer than it. */
export function parseBuildId(text: string): Build {
  const match = /^(\d+(?:\.\d+)*[^+]*)\+(\d+)\.([0-9a-f]+)$/.exec(text.trim());
  return match === null
    ? { version: "0", builtAt: 0, hash: text.trim() }
    : { version: match[1]!, builtAt: Number(match[2]), hash: match[3]! };
}

/** Negative, zero or positive as `left` is older than, the same as or newer than `right`: by version numbers, then by time of building. */
export function compareBuilds(left: Build, right: Build): number {
  const a = left.version.split(/[.-]/).map(Number);
  const b = right.version.split(/[.-]/).map(Number);
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] || 0) - (b[index] || 0);
    if (difference !== 0) return difference;
  }
  return left.builtAt - right.builtAt || (left.hash < right.hash ? -1 : left.hash > right.hash ? 1 : 0);
}

/** What happens to a person's pipd when one build takes the place of another, in a few words (R35). */
export function describeChange(from: Build, to: Build): string {
  if (from.version === to.version) return `another build of ${to.version}`;
  return `${compareBuilds(to, from) > 0 ? "upgraded" : "downgraded"} ${from.version} -> ${to.version}`;
}
