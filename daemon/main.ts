import {
  closeSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import type { Socket } from "node:net";
import { homedir, hostname, tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { EXIT, errorMeaning } from "../protocol/errors.ts";
import { bytesOfText, textOfBytes } from "../protocol/raw-text.ts";
import { withoutSudoUser } from "../protocol/runtime-folder.ts";
import { DAEMON_VARIABLES, daemonPaths, type Namespace, type PipdFolders, parseBuildId } from "../protocol/session.ts";
import { ACTIVATED_DESCRIPTOR, checkActivation, turnAway } from "./server/activation.ts";
import { createSecret, INHERITED_PIPE } from "./server/auth.ts";
import { createDaemonServer, type DaemonServer, type DaemonServerParts } from "./server/daemon-server.ts";
import { createFaultHandler } from "./server/faults.ts";
import { type HttpDoors, serveHttp } from "./server/http-doors.ts";
import { createInstallationCheck, readBuildId, readClientKind } from "./server/installation.ts";
import { keepBuild } from "./server/kept-build.ts";
import type { End } from "./server/lifecycle.ts";
import { allHold, type Door, openDoor, openInheritedDoor, watchOwnership } from "./server/listen.ts";
import { createDeferredLog, type DeferredLog } from "./server/log.ts";
import { openLogFile } from "./server/log-file.ts";
import { createLoopDelay } from "./server/loop-delay.ts";
import { REST_TIMES } from "./server/rest.ts";
import { chooseFolders, makeRuntimeFolders, sweepRuntimeFolder } from "./server/runtime-folder.ts";
import { leaveWord, takeWord } from "./server/succession.ts";
import { DEFAULT_SETTINGS, parseSettings, type Settings } from "./standards/settings.ts";
import { collectGarbage } from "./std/collect-garbage.ts";
import { PipdError } from "./std/errors.ts";
import { writeFileAtomically } from "./std/files.ts";
import { acceptRawPaths } from "./std/raw-paths.ts";
import { type ExclusiveLock, openExclusiveLock } from "./store/exclusive-lock.ts";
import type { Wired } from "./wiring.ts";

process.umask(0o077);
acceptRawPaths({ bytesOfText, textOfBytes });

/** The folder with the bundles; in a clone that runs from source, the one they would be in. */
const BUILD_FOLDER = import.meta.dirname.endsWith("/daemon")
  ? join(import.meta.dirname, "../.build")
  : import.meta.dirname;
const CHECK_SOCKET_MS = 30_000;
/** What an idle daemon may take, and takes when it has only small work behind it (R59). */
const RESTING_BYTES = 90e6;
/** How long a daemon that has lost its name may take to notice. */
const LEAVING_MS = 1000;

interface Options {
  readonly stdio: boolean;
  /** Descriptor 3 is a pipe to the client that starts us. */
  readonly spawned: boolean;
  /** Descriptor 3 is the socket, and systemd starts us. */
  readonly activated: boolean;
  readonly reason: string | undefined;
  readonly folders: PipdFolders | undefined;
}

function parseOptions(args: readonly string[]): Options {
  const value = (name: string): string | undefined =>
    args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
  const folders = value("folders");
  return {
    stdio: args.includes("--stdio"),
    spawned: args.includes("--spawned"),
    activated: args.includes("--socket-activation"),
    reason: value("reason"),
    folders: folders === undefined ? undefined : (JSON.parse(folders) as PipdFolders),
  };
}

const facts = withoutSudoUser(
  {
    env: process.env,
    uid: process.geteuid?.() ?? 0,
    home: homedir(),
    temporary: tmpdir(),
    platform: process.platform,
  },
  () => userInfo().homedir,
  (path) => statSync(path, { throwIfNoEntry: false })?.uid,
);
const options = parseOptions(process.argv.slice(2));

function readNamespace(): Namespace {
  try {
    return { host: hostname(), mnt: readlinkSync("/proc/self/ns/mnt") };
  } catch {
    return { host: hostname(), mnt: "" };
  }
}

/** The user's settings; when the file is faulty, the defaults, and what every command then says of it. */
function readSettings(config: string, log: DeferredLog): { readonly settings: Settings; readonly fault?: string } {
  const path = join(config, "config.toml");
  try {
    return { settings: parseSettings(readFileSync(path, "utf8")) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { settings: DEFAULT_SETTINGS };
    const fault = `The settings in ${path} are not used: ${error instanceof Error ? error.message : String(error)}`;
    log.warn({ path, error: String(error) }, "settings not used");
    return { settings: DEFAULT_SETTINGS, fault };
  }
}

/** The log goes to pino as soon as it is loaded; that takes longer than everything before the socket listens. */
async function openLog(log: DeferredLog, path: string, level: string): Promise<void> {
  const { default: pino } = await import("pino");
  const logger = pino({ level, base: { pid: process.pid } }, openLogFile(path));
  log.open({
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
  });
}

interface World {
  readonly folders: PipdFolders;
  readonly log: DeferredLog;
  readonly logPath: string;
  readonly settings: Settings;
  readonly parts: Omit<
    DaemonServerParts,
    "secret" | "socket" | "unreachable" | "over" | "spillFolder" | "notices" | "http"
  >;
  /** Loads the program ahead of the first command. */
  readonly warm: () => void;
}

function buildWorld(folders: PipdFolders, log: DeferredLog): World {
  const buildId = readBuildId(BUILD_FOLDER);
  const { version } = parseBuildId(buildId);
  const { settings, fault } = readSettings(folders.config, log);
  const logPath = join(folders.state, "log", "daemon.jsonl");
  const now = (): number => Date.now();
  let wired: ReturnType<typeof import("./wiring.ts").wire> | undefined;
  let made: Wired | undefined;
  process.once("exit", () => made?.flush());
  const wire = (): NonNullable<typeof wired> =>
    (wired ??= import("./wiring.ts").then(async (wiring) => {
      made = await wiring.wire({
        version,
        programFolder: dirname(BUILD_FOLDER),
        buildFolder: options.stdio
          ? BUILD_FOLDER
          : keepBuild(BUILD_FOLDER, join(folders.state, "builds"), buildId, now()),
        folders,
        settings,
        log,
        now,
        isDaemon: !options.stdio,
        ...(fault === undefined ? {} : { settingsFault: fault }),
      });
      return made;
    }));
  return {
    folders,
    log,
    logPath,
    settings,
    warm: () =>
      void wire().catch((error: unknown) => log.error({ error: String(error) }, "the program could not be loaded")),
    parts: {
      self: { version, buildId, pid: process.pid, startedAt: now(), client: readClientKind(BUILD_FOLDER) },
      folders,
      logPath,
      namespace: readNamespace(),
      program: async () => (await wire()).program,
      queries: async () => (await wire()).queries,
      observation: () => made?.observation,
      log,
      now,
      elapsed: () => performance.now(),
      memory: () => process.memoryUsage(),
      idleExitMs: settings.idleTimeout * 1000,
      graceMs: settings.drainTimeout * 1000,
      replaced: createInstallationCheck(BUILD_FOLDER, buildId),
      process: { node: process.versions.node, platform: process.platform, arch: process.arch, uid: facts.uid },
      ...(fault === undefined ? {} : { settingsFault: fault }),
      loopDelay: createLoopDelay(),
      rest: options.stdio
        ? undefined
        : {
            rss: () => process.memoryUsage.rss(),
            restingBytes: RESTING_BYTES,
            limitBytes: settings.memoryLimit,
            times: REST_TIMES,
            elapsed: () => performance.now(),
            isWorking: () => made?.isWorking() === true,
            collectInThreads: async () => made?.collectInThreads(),
            endThreads: async () => made?.endThreads(),
            dropCaches: () => made?.dropCaches(),
            collect: collectGarbage,
            log,
          },
    },
  };
}

/** Ends the process once what is on its way has been written. */
function leave(exitCode: number): void {
  process.exitCode = exitCode;
  setTimeout(() => process.exit(exitCode), 100);
}

/** From here on a fault that nobody caught ends the process in order. */
function watchFaults(
  { log, logPath, folders, parts: { self, now, memory } }: World,
  server: () => DaemonServer | undefined,
  unreachable: (end: End) => void,
): void {
  const fault = createFaultHandler({
    log,
    logPath,
    stateFolder: folders.state,
    isDaemon: !options.stdio,
    pid: process.pid,
    facts: { build: self.buildId, node: process.version, platform: `${process.platform} ${process.arch}` },
    now,
    memory,
    server,
    unreachable,
    leave: () => leave(EXIT.internal),
  });
  process.on("uncaughtException", fault);
  process.on("unhandledRejection", fault);
}

/** Whether a file is still the one that was looked at. */
function stays(path: string, { dev, ino }: Stats): () => boolean {
  return () => {
    const now = lstatSync(path);
    return now.dev === dev && now.ino === ino;
  };
}

/** What systemd's user instance has in its environment is not the daemon's either (R23): only what a client would pass on stays. Gives what was there. */
function takeEnvironment(): Readonly<Record<string, string | undefined>> {
  const given = { ...process.env };
  for (const name of Object.keys(given)) if (!DAEMON_VARIABLES.test(name)) delete process.env[name];
  return given;
}

/** Takes the lock of the one daemon (R17, R70). systemd may have put its socket in the place of a daemon's that is about to notice: that one has a moment to leave. */
async function takeLock(path: string): Promise<ExclusiveLock> {
  const deadline = performance.now() + (options.activated ? LEAVING_MS : 0);
  for (;;) {
    const lock = openExclusiveLock(path);
    if (lock !== "busy") return lock;
    if (performance.now() >= deadline) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (options.activated) await turnAway(ACTIVATED_DESCRIPTOR);
  throw new PipdError("lost-election", "another daemon is already running");
}

/** Ends a connection once it has taken what was written, or when it does not. */
function endSoon(socket: Socket): void {
  socket.destroySoon();
  setTimeout(() => socket.destroy(), LAST_BYTES_MS).unref();
}

/** How long a client has to take the last bytes. */
const LAST_BYTES_MS = 2000;

async function serveSocket(folders: PipdFolders, log: DeferredLog): Promise<void> {
  const paths = daemonPaths(folders, readNamespace());
  makeRuntimeFolders(folders, paths, facts);
  if (options.activated) checkActivation(takeEnvironment(), process.pid, paths.socket);
  const lock = await takeLock(paths.lock);
  sweepRuntimeFolder(paths.folder);
  const world = buildWorld(folders, log);
  for (const folder of [folders.state, dirname(world.logPath), folders.cache])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  const predecessor = takeWord(paths, options.reason);
  const secret = createSecret(paths.token);
  const identities = [paths.lock, paths.token].map((path) => stays(path, lstatSync(path)));
  let door: Door | undefined;
  let http: HttpDoors | undefined;
  let stopWatching = (): void => {};
  const unreachable = (end: End): void => {
    stopWatching();
    door?.close();
    http?.close();
    // A folder that is somebody else's by now is not written to.
    if (allHold(identities)) leaveWord(paths, end, world.parts.now());
    lock.release();
  };
  const server = createDaemonServer({
    ...world.parts,
    ...(predecessor.reason === undefined ? {} : { startReason: predecessor.reason }),
    ...(predecessor.previous === undefined ? {} : { previous: predecessor.previous }),
    notices: predecessor.notice === undefined ? [] : [predecessor.notice],
    http: () => http?.facts,
    secret,
    socket: paths.socket,
    spillFolder: folders.cache,
    unreachable,
    over: () => leave(EXIT.ok),
  });
  watchFaults(world, () => server, unreachable);
  const retire = (reason: string, successor: boolean): void => server.retire({ reason, successor });
  const lost = (): void => retire("its files were removed or replaced", true);
  const accept = (socket: Socket): void => {
    // The watch tells it a moment later, which is long for a client that needs a millisecond to be here.
    if (!allHold(identities)) lost();
    socket.on("error", () => {});
    server.accept({ input: socket, output: socket, end: () => endSoon(socket) });
  };
  door = options.activated
    ? await openInheritedDoor(paths.socket, ACTIVATED_DESCRIPTOR, accept)
    : await openDoor(paths.socket, `${paths.folder}/.s.${process.pid}`, process.platform, accept);
  stopWatching = watchOwnership(paths.socket, [door.mine, ...identities], CHECK_SOCKET_MS, lost);
  writeFileAtomically(
    paths.about,
    JSON.stringify({ pid: process.pid, startedAt: world.parts.self.startedAt, buildId: world.parts.self.buildId }),
  );
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => retire(signal, false));
  ready({ ok: true, pid: process.pid });
  // The claim names this process by now: whoever started it may be dead, and then nobody else takes it away.
  if (options.spawned) rmSync(paths.spawning, { force: true });
  server.lifecycle.changed();
  log.info({ socket: paths.socket, buildId: world.parts.self.buildId, reason: predecessor.reason }, "listening");
  world.warm();
  await openLog(log, world.logPath, world.settings.logLevel);
  http = await serveHttp(world.settings, { ...world.parts.self, ...server, paths, platform: process.platform, log });
}

/** The same program for one client, over the pipes it holds (R29). */
async function serveStdio(folders: PipdFolders, log: DeferredLog): Promise<void> {
  const world = buildWorld(folders, log);
  let server: DaemonServer | undefined;
  watchFaults(
    world,
    () => server,
    () => {},
  );
  server = createDaemonServer({
    ...world.parts,
    idleExitMs: 0,
    notices: [],
    http: () => undefined,
    secret: INHERITED_PIPE,
    socket: "",
    spillFolder: tmpdir(),
    unreachable: () => {},
    // The client has gone: nobody waits for a last word.
    over: () => process.exit(EXIT.ok),
  });
  // Ctrl-C reaches the whole process group; what it means is the client's decision.
  process.on("SIGINT", () => {});
  // A terminal that is closed ends the whole group, too: what has begun is then undone, as when the client dies alone.
  for (const signal of ["SIGHUP", "SIGTERM"] as const)
    process.on(signal, () => server.lifecycle.retire({ reason: signal, successor: false }, 0));
  const peer = server.accept({ input: process.stdin, output: process.stdout, end: () => process.stdin.destroy() });
  peer?.closed.addEventListener("abort", () =>
    server.lifecycle.retire({ reason: "the client has gone", successor: false }, 0),
  );
  world.warm();
  await openLog(log, world.logPath, world.settings.logLevel);
}

/** Tells the client that waits on descriptor 3 how the start went (R20). */
function ready(
  outcome: { readonly ok: true; readonly pid: number } | { readonly error: string; readonly reason: string },
): void {
  if (!options.spawned) return;
  try {
    writeSync(3, `${JSON.stringify(outcome)}\n`);
    closeSync(3);
  } catch {
    // The client has gone; the daemon serves the next one.
  }
}

async function main(): Promise<void> {
  const log = createDeferredLog();
  try {
    const folders = options.folders ?? chooseFolders(facts, readNamespace());
    await (options.stdio ? serveStdio(folders, log) : serveSocket(folders, log));
  } catch (error) {
    const code = error instanceof PipdError ? error.code : "internal-error";
    const reason = error instanceof Error ? error.message : String(error);
    ready({ error: code, reason });
    if (!options.spawned) process.stderr.write(`pipd: ${reason}\n`);
    process.exitCode = errorMeaning(code).exit;
  }
}

await main();
