import { type FSWatcher, openSync, readFileSync, readSync, statSync, watch } from "node:fs";
import { EXIT } from "../protocol/errors.ts";
import { type Connection, connectToDaemon, connectToRunning, endCrashPause, NoAnswer } from "./connection.ts";
import type { Output } from "./output.ts";
import { findPlaces, foldersWithoutDaemon, type Places } from "./places.ts";

const USAGE = `Usage:
  pipd daemon start
  pipd daemon stop [--force]
  pipd daemon restart
  pipd daemon status [--json]
  pipd daemon log [-f]
  pipd daemon install-service [--dry-run]
  pipd daemon uninstall-service [--dry-run]

The daemon starts by itself with the first command, and ends when it has had nothing to do for a while.
With install-service the system starts it: systemd when a client connects, launchd or the Task Scheduler when you log in.
`;

type Command = (options: readonly string[], output: Output) => Promise<number>;

/** What each command takes besides its name. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  start: [],
  stop: ["--force"],
  restart: ["--force"],
  status: ["--json"],
  log: ["-f", "--follow"],
  "install-service": ["--dry-run"],
  "uninstall-service": ["--dry-run"],
};

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  stop,
  restart,
  status,
  log,
  "install-service": async (options, output) => (await import("./install-service.ts")).installService(options, output),
  "uninstall-service": async (options, output) =>
    (await import("./install-service.ts")).uninstallService(options, output),
};

/** `pipd daemon ...`: what concerns the daemon itself and must work without one. Gives the exit status. */
export async function runDaemonCommand(args: readonly string[], output: Output): Promise<number> {
  const [name = "--help", ...options] = args;
  if (args.includes("--help") || args.includes("-h") || name === "--help") {
    output.write(1, USAGE);
    return EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  const unknown = command === undefined ? name : options.find((option) => !OPTIONS[name]!.includes(option));
  if (command === undefined || unknown !== undefined) {
    output.write(
      2,
      `${USAGE}\npipd daemon: ${command === undefined ? "no such command" : "no such option"}: ${unknown}\n`,
    );
    return EXIT.usage;
  }
  return command(options, output);
}

async function start(_options: readonly string[], output: Output): Promise<number> {
  const places = findPlaces();
  const running = await connectToRunning(places);
  running?.close();
  endCrashPause(places);
  const { connection, notices } = await connectToDaemon(places);
  // Closed before its handshake has arrived, the connection would have its notices given to the next client as well.
  await connection.rpc.request("ping", {}).answer;
  connection.close();
  for (const line of notices) output.write(2, `${line}\n`);
  const verb = running?.daemonPid === connection.daemonPid ? "runs already" : "started";
  output.write(1, `pipd daemon ${verb} (pid ${connection.daemonPid})\n`);
  return EXIT.ok;
}

async function stop(options: readonly string[], output: Output): Promise<number> {
  const pid = await stopRunning(findPlaces(), options.includes("--force"));
  output.write(1, pid === undefined ? "no pipd daemon runs\n" : `pipd daemon stopped (pid ${pid})\n`);
  return EXIT.ok;
}

/** How long a daemon has to answer before it is ended without being asked. */
const FORCE_MS = 2000;

async function stopRunning(places: Places, force: boolean): Promise<number | undefined> {
  let running: Connection | undefined;
  try {
    running = await connectToRunning(places, force ? FORCE_MS : undefined);
  } catch (error) {
    if (!(error instanceof NoAnswer) || !force) throw error;
    const { endHungDaemon } = await import("./end-hung-daemon.ts");
    const pid = await endHungDaemon(places);
    if (pid === undefined)
      throw new Error(`the daemon at ${places.paths.socket} does not answer, and no process of it is found`, {
        cause: error,
      });
    return pid;
  }
  if (running === undefined) return undefined;
  try {
    return (await running.rpc.request("daemon/stop", { force }).answer).pid;
  } finally {
    running.close();
  }
}

async function restart(options: readonly string[], output: Output): Promise<number> {
  await stopRunning(findPlaces(), options.includes("--force"));
  return start([], output);
}

async function status(options: readonly string[], output: Output): Promise<number> {
  const running: Connection | undefined = await connectToRunning(findPlaces());
  const json = options.includes("--json");
  if (running === undefined) {
    output.write(1, json ? `${JSON.stringify({ state: "stopped" })}\n` : "no pipd daemon runs\n");
    return EXIT.ok;
  }
  const { text, ...facts } = await running.rpc.request("daemon/status", {}).answer;
  running.close();
  output.write(1, json ? `${JSON.stringify(facts, undefined, 2)}\n` : text);
  return EXIT.ok;
}

/** The log is read from its file: it must be there to read when the daemon is not. */
async function log(options: readonly string[], output: Output): Promise<number> {
  const path = `${foldersWithoutDaemon().state}/log/daemon.jsonl`;
  const present = statSync(path, { throwIfNoEntry: false });
  if (present === undefined) {
    output.write(2, `there is no log at ${path}\n`);
    return options.length > 0 ? EXIT.error : EXIT.ok;
  }
  output.write(1, readFileSync(path, "utf8"));
  return options.length > 0 ? follow(path, present.size, output) : EXIT.ok;
}

/** Prints what is added to a file until the process is ended; starts over when the file has been rotated away. */
function follow(path: string, from: number, output: Output): Promise<number> {
  let descriptor = openSync(path, "r");
  let inode = statSync(path).ino;
  let at = from;
  const buffer = Buffer.alloc(65_536);
  const print = (): void => {
    for (
      let count = readSync(descriptor, buffer, 0, buffer.length, at);
      count > 0;
      count = readSync(descriptor, buffer, 0, buffer.length, at)
    ) {
      output.write(1, buffer.toString("utf8", 0, count));
      at += count;
    }
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || stat.ino === inode) return;
    inode = stat.ino;
    descriptor = openSync(path, "r");
    at = 0;
    print();
  };
  const watcher: FSWatcher = watch(path.slice(0, path.lastIndexOf("/")), print);
  return new Promise((_resolve, reject) => watcher.on("error", reject));
}
