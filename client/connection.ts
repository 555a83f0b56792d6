import { readFileSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname } from "node:path";
import { CRASH_PAUSE_MS, crashPauseFile } from "../protocol/crashes.ts";
import { UnsafePlace } from "../protocol/runtime-folder.ts";
import { parseBuildId } from "../protocol/session.ts";
import { type ClientIdentity, shakeHands, WrongProof } from "./handshake.ts";
import { forgetHang, isKnownToHang, noteHang } from "./hang-mark.ts";
import { daemonAddress, findPlaces, foldersWithoutDaemon, forbiddenBy, type Places, readNamespace } from "./places.ts";
import { ConnectionLost, createRpc, RemoteError, type Rpc } from "./rpc.ts";

/** The folder with the bundles: beside the client's own bundle, or where it would be when this runs from source. */
export const BUILD_FOLDER = import.meta.filename.endsWith(".cjs")
  ? dirname(import.meta.filename)
  : `${dirname(dirname(import.meta.filename))}/.build`;

/** Time for everything until the command is on its way. */
const BUDGET_MS = 10_000;
const ANSWER_MS = 5000;
/** One that did not answer a moment ago is given this long. */
const HANGING_MS = 200;
/** How long a daemon that is ending is waited for. */
const RETIRING_MS = 1500;

/** An open connection to the program, wherever it runs. */
export interface Connection {
  readonly rpc: Rpc;
  /** The daemon's pid, or undefined when the program is our own child. */
  readonly daemonPid: number | undefined;
  /** Lets go: a daemon stays, a child ends. */
  readonly close: () => void;
}

/** The id of this installation's build. */
export function readBuildId(): string {
  return readFileSync(`${BUILD_FOLDER}/build-id`, "latin1").trim();
}

/** This client, as it introduces itself. */
export function identity(name: ClientIdentity["name"]): ClientIdentity {
  const buildId = readBuildId();
  return { name, buildId, version: parseBuildId(buildId).version, progress: name === "pipd-api" };
}

/** Connects to the socket: undefined when nobody listens there. Throws ForbiddenPlace where sockets are not allowed. */
async function dial(path: string): Promise<Socket | undefined> {
  const address = daemonAddress(path);
  if (address === undefined) return undefined;
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      const forbidden = forbiddenBy(error, path);
      if (forbidden === undefined) resolve(undefined);
      else reject(forbidden);
    });
  });
}

/** A connection to a daemon, and the lines it wants to be shown once. */
interface Found {
  readonly connection: Connection;
  readonly notices: readonly string[];
}

/** One attempt with the daemon that listens, if one does. Throws what shakeHands throws, and NoAnswer. */
async function tryDaemon(
  places: Places,
  client: ClientIdentity,
  answerMs: number = ANSWER_MS,
): Promise<Found | undefined> {
  const socket = await dial(places.paths.socket);
  if (socket === undefined) return undefined;
  const rpc = createRpc(socket, socket, () => socket.destroy());
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    rpc.close();
  }, answerMs);
  try {
    const { server, notices } = await shakeHands(rpc, client, places.namespace, places.paths.token);
    forgetHang(places.paths);
    return { connection: { rpc, daemonPid: server.pid, close: () => rpc.close() }, notices };
  } catch (error) {
    rpc.close();
    throw late ? new NoAnswer(places.paths.socket) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** The daemon that runs, whatever its build, or undefined. For commands about the daemon itself. @param answerMs how long it may take to answer; then NoAnswer is thrown. */
export async function connectToRunning(places: Places, answerMs?: number): Promise<Connection | undefined> {
  for (const start = Date.now(); ; await pause()) {
    try {
      return (await tryDaemon(places, identity("pipd-lifecycle"), answerMs))?.connection;
    } catch (error) {
      if (isRetiring(error)) return undefined;
      if (!isPassing(error) || Date.now() - start > PASSING_MS) throw error;
    }
  }
}

/** How long a daemon may be going while another one comes. */
const PASSING_MS = 1000;

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

function isRetiring(error: unknown): boolean {
  return error instanceof RemoteError && error.facts.code === "retiring";
}

/** What answers is not our daemon, or not any more. */
function isForeign(error: unknown): error is Error {
  return error instanceof WrongProof || (error instanceof ConnectionLost && error.broken);
}

/** The daemon was just going, or a new one has just come: the next attempt finds another state. */
function isPassing(error: unknown): boolean {
  return (
    error instanceof ConnectionLost ||
    error instanceof WrongProof ||
    isRetiring(error) ||
    // The folder has just been taken away.
    (error as NodeJS.ErrnoException).code === "ENOENT"
  );
}

/** What `connectToDaemon` came to. `notices` are lines to show once: no other client gets them. */
export type DaemonOutcome = Found;

/** Times that a daemon which had to make place was not followed by one that fits, as when builds are exchanged on the disk at this moment. */
const MAX_REPLACEMENTS = 3;
/** Wrong proofs pass while one daemon follows another, and not later. */
const WRONG_PROOF_MS = 500;

/**
 * Finds the daemon, or starts it; replaces one of an older build (R21, R32-R35).
 * Throws UnsafePlace when what is there cannot be trusted, StartFailed, or WithoutDaemonError when the program has to run here.
 */
export async function connectToDaemon(places: Places, name: ClientIdentity["name"] = "pipd"): Promise<DaemonOutcome> {
  const deadline = Date.now() + BUDGET_MS;
  const client = identity(name);
  const crashes = readCrashPause(places.folders.state);
  if (crashes !== undefined) throw new WithoutDaemonError(crashes);
  let reason: string | undefined;
  let replacements = 0;
  let wrongSince: number | undefined;
  let retiringSince: number | undefined;
  while (Date.now() < deadline) {
    // Asked anew each time: the one that hung may be gone, and what follows it is trusted.
    const hangs = isKnownToHang(places.paths);
    try {
      const found = await tryDaemon(places, client, hangs ? HANGING_MS : ANSWER_MS);
      if (found !== undefined) return found;
      const { startDaemon } = await import("./start-daemon.ts");
      await startDaemon(BUILD_FOLDER, places, reason, deadline);
    } catch (error) {
      if (error instanceof NoAnswer && !hangs) noteHang(places.paths);
      if (isForeign(error) && Date.now() - (wrongSince ??= Date.now()) > WRONG_PROOF_MS)
        throw new UnsafePlace(`${places.paths.socket}: ${error.message}`);
      retiringSince = isRetiring(error) ? (retiringSince ?? Date.now()) : undefined;
      // Only one that systemd has started keeps its socket until its last run has ended; nobody else should wait for that.
      if (retiringSince !== undefined && Date.now() - retiringSince > RETIRING_MS)
        throw new WithoutDaemonError("the daemon is ending, and has commands to finish first");
      const change = replacement(error);
      if (change === undefined && !isPassing(error)) throw error;
      if (change !== undefined) {
        if (++replacements > MAX_REPLACEMENTS)
          throw new WithoutDaemonError(
            `the daemon was replaced ${MAX_REPLACEMENTS} times and still does not fit: ${change}`,
          );
        reason ??= change;
        await retire(places, change);
      }
      await pause();
    }
  }
  throw new WithoutDaemonError("the daemon did not answer in time");
}

/** Why the daemon is left alone after it has crashed again and again, with the time until which; undefined when it is not (R61). */
function readCrashPause(state: string): string | undefined {
  const path = crashPauseFile(state);
  const stat = statSync(path, { throwIfNoEntry: false });
  const left = stat === undefined ? 0 : stat.mtimeMs + CRASH_PAUSE_MS - Date.now();
  if (left <= 0 || left > CRASH_PAUSE_MS) return undefined;
  return `${readFileSync(path, "utf8")} (tried again in ${Math.ceil(left / 60_000)} min, or by \`pipd daemon start\`)`;
}

/** Lets clients use the daemon again although it has crashed: a person asks for it. */
export function endCrashPause({ folders }: Places): void {
  rmSync(crashPauseFile(folders.state), { force: true });
}

/** The daemon runs, but this client has to do without it. */
export class WithoutDaemonError extends Error {
  override readonly name: string = "WithoutDaemonError";
}

/** Somebody accepts connections there and says nothing. */
export class NoAnswer extends WithoutDaemonError {
  override readonly name = "NoAnswer";

  constructor(socket: string) {
    super(`the daemon at ${socket} does not answer; \`pipd daemon stop --force\` ends it`);
  }
}

/** Why the daemon that answered must make place, or undefined when `error` says something else. Throws WithoutDaemonError for one that must not be touched. */
function replacement(error: unknown): string | undefined {
  if (!(error instanceof RemoteError)) return undefined;
  const { code, action, reason } = error.facts;
  if (code === "foreign-namespace" || (code === "version-mismatch" && action !== "retire"))
    throw new WithoutDaemonError(error.message);
  return code === "version-mismatch" ? (reason ?? "another build") : undefined;
}

async function retire(places: Places, reason: string): Promise<void> {
  const running = await connectToRunning(places).catch(() => undefined);
  if (running === undefined) return;
  await running.rpc.request("daemon/retire", { reason }).answer.catch(() => {});
  running.close();
}

/** Runs the program as a child of this process. */
export async function connectInProcess(name: ClientIdentity["name"] = "pipd-lifecycle"): Promise<Connection> {
  const { startInProcess } = await import("./start-daemon.ts");
  const { folders, namespace } = placesWithoutSocket();
  const child = startInProcess(BUILD_FOLDER, folders);
  const rpc = createRpc(child.stdout!, child.stdin!, () => {
    child.stdin!.end();
    child.stdout!.destroy();
    // It ends by itself; this process need not see it.
    child.unref();
  });
  await shakeHands(rpc, identity(name), namespace, undefined);
  return { rpc, daemonPid: undefined, close: () => rpc.close() };
}

/** The same folders a daemon would use, so that locks and caches are shared; where there is no runtime folder, one below the folder for temporary files. */
function placesWithoutSocket(): Omit<Places, "paths"> {
  try {
    return findPlaces();
  } catch {
    return { folders: foldersWithoutDaemon(), namespace: readNamespace() };
  }
}

/** Whether a person or a configuration has switched the daemon off (R29). */
export function daemonSwitchedOff(env: Readonly<Record<string, string | undefined>>, configFolder: string): boolean {
  const choice = env["PIPD_DAEMON"];
  if (choice) return /^(?:0|no|off|false)$/i.test(choice);
  if (env["CI"] && !/^(?:0|false)$/i.test(env["CI"])) return true;
  try {
    const top = readFileSync(`${configFolder}/config.toml`, "utf8").split(/^\s*\[/m)[0]!;
    return /^\s*daemon\s*=\s*false\s*(?:#.*)?$/m.test(top);
  } catch {
    return false;
  }
}
