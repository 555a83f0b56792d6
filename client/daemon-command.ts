import type { DaemonSight, DoctorParams, DoctorResult } from "../protocol/doctor.ts";
import { EXIT } from "../protocol/errors.ts";
import { UnsafePlace } from "../protocol/runtime-folder.ts";
import { describeCaller } from "./caller.ts";
import {
  BUILD_FOLDER,
  type Connection,
  connectInProcess,
  connectToDaemon,
  connectToRunning,
  endCrashPause,
  NoAnswer,
} from "./connection.ts";
import { printLog } from "./daemon-log.ts";
import type { Output } from "./output.ts";
import { ForbiddenPlace, findPlaces, foldersWithoutDaemon, type Places } from "./places.ts";
import { RemoteError } from "./rpc.ts";

const USAGE = `Usage:
  pipd daemon start
  pipd daemon stop [--force]
  pipd daemon restart
  pipd daemon status [--json]
  pipd daemon log [-f] [-n <lines>] [--json]
  pipd daemon doctor [--json]
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
  log: ["-f", "--follow", "--json", "-n"],
  doctor: ["--json"],
  "install-service": ["--dry-run"],
  "uninstall-service": ["--dry-run"],
};

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  stop,
  restart,
  status,
  log: (options, output) => printLog(`${foldersWithoutDaemon().state}/log/daemon.jsonl`, options, output),
  doctor,
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
  const unknown = command === undefined ? name : options.find((_option, index) => !isKnown(name, options, index));
  if (command === undefined || unknown !== undefined) {
    output.write(
      2,
      `${USAGE}\npipd daemon: ${command === undefined ? "no such command" : "no such option"}: ${unknown}\n`,
    );
    return EXIT.usage;
  }
  return command(options, output);
}

/** `-n` takes a number, in the same word or the next. */
function isKnown(name: string, options: readonly string[], index: number): boolean {
  const option = options[index]!;
  const known = OPTIONS[name]!;
  const isNumber = (word: string | undefined): boolean => /^\d+$/.test(word ?? "");
  if (!known.includes("-n")) return known.includes(option);
  if (option === "-n") return isNumber(options[index + 1]);
  return known.includes(option) || /^-n\d+$/.test(option) || (options[index - 1] === "-n" && isNumber(option));
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

/** A verdict on everything pipd stands on. A process of its own looks, so that this works without a daemon and beside a broken one. */
async function doctor(options: readonly string[], output: Output): Promise<number> {
  const daemon = await seeDaemon();
  const { cwd, env } = describeCaller();
  const { text, ...facts } = await askDoctor({ cwd, env, daemon });
  output.write(1, options.includes("--json") ? `${JSON.stringify(facts, undefined, 2)}\n` : text);
  return facts.ok ? EXIT.ok : EXIT.error;
}

async function askDoctor(params: DoctorParams): Promise<DoctorResult> {
  try {
    const program = await connectInProcess();
    const answer = await program.rpc.request("daemon/doctor", params).answer;
    program.close();
    return answer;
  } catch (error) {
    const text = `${BUILD_FOLDER}/daemon.js does not start: ${(error as Error).message}`;
    const hint = "Install pipd again.";
    const check = { name: "program", state: "problem", text, hint } as const;
    return { ok: false, checks: [check], text: `program         problem  ${text}\n${" ".repeat(25)}${hint}\n` };
  }
}

async function seeDaemon(): Promise<DaemonSight> {
  try {
    const running = await connectToRunning(findPlaces());
    if (running === undefined) return { state: "stopped" };
    const timer = setTimeout(running.close, STATUS_MS);
    const status = await running.rpc.request("daemon/status", {}).answer;
    clearTimeout(timer);
    running.close();
    return { state: "running", status };
  } catch (error) {
    const code = codeOf(error);
    return { state: "unreachable", reason: (error as Error).message, ...(code === undefined ? {} : { code }) };
  }
}

/** The name that protocol/errors.ts has for what keeps the daemon away. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof UnsafePlace) return "unsafe-folder";
  if (error instanceof ForbiddenPlace) return "sockets-forbidden";
  return error instanceof RemoteError ? error.facts.code : undefined;
}

/** A daemon that takes longer to say how it is, is stuck. */
const STATUS_MS = 5000;
