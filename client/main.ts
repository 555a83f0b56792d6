import { EXIT } from "../protocol/errors.ts";
import { UnsafePlace } from "../protocol/runtime-folder.ts";
import { describeCaller, isTerminal } from "./caller.ts";
import {
  type Connection,
  connectInProcess,
  connectToDaemon,
  daemonSwitchedOff,
  WithoutDaemonError,
} from "./connection.ts";
import { createOutput, type Output } from "./output.ts";
import { ForbiddenPlace, findPlaces, foldersWithoutDaemon } from "./places.ts";
import { dieBy, type Ending, NotAccepted, type RunRequest, runCommand } from "./run.ts";

/** The client's own options, taken out of the command line before `--`; all else goes to the daemon as it is. */
function takeOwnOptions(args: readonly string[]): {
  readonly argv: readonly string[];
  readonly noDaemon: boolean;
  readonly showTime: boolean;
} {
  const end = args.indexOf("--");
  const own = (word: string): boolean => {
    const index = args.indexOf(word);
    return index >= 0 && (end < 0 || index < end);
  };
  const argv = args.filter((word, index) => (end >= 0 && index > end) || (word !== "--no-daemon" && word !== "--time"));
  return { argv, noDaemon: own("--no-daemon"), showTime: own("--time") };
}

/** A connection by way of the daemon where that is wanted and possible; undefined when the program has to run here. */
async function findDaemon(noDaemon: boolean, output: Output): Promise<Connection | undefined> {
  if (noDaemon || daemonSwitchedOff(process.env, foldersWithoutDaemon().config)) return undefined;
  try {
    const { connection, notices } = await connectToDaemon(findPlaces());
    for (const line of notices) output.write(2, `${line}\n`);
    return connection;
  } catch (error) {
    if (error instanceof UnsafePlace) throw error;
    const reason = (error as Error).message;
    if (error instanceof ForbiddenPlace)
      output.write(2, dim(`pipd: no daemon, sockets cannot be used here: ${reason}`));
    else if (error instanceof WithoutDaemonError || (error as Error).name === "StartFailed" || isOfSystem(error))
      output.write(2, dim(`pipd: running without the daemon: ${reason}`));
    else throw error;
    return undefined;
  }
}

/** A full disk, a file that cannot be read: the message names it, and the command needs no daemon. */
function isOfSystem(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall !== undefined;
}

function dim(text: string): string {
  return process.stderr.isTTY && !process.env["NO_COLOR"] ? `\x1b[2m${text}\x1b[0m\n` : `${text}\n`;
}

async function runOnce(
  connection: Connection,
  request: RunRequest,
  output: Output,
  pipeBroken: Promise<void>,
): Promise<Ending> {
  try {
    return await runCommand(connection, request, output, pipeBroken);
  } finally {
    connection.close();
  }
}

/** Times that a command is brought to a daemon which lets go of it before it has begun, as one does that leaves, or that many connect to at once. */
const MOST_ATTEMPTS = 3;

async function run(args: readonly string[], output: Output, pipeBroken: Promise<void>): Promise<Ending> {
  const { argv, noDaemon, showTime } = takeOwnOptions(args);
  if (argv[0] === "daemon") {
    const { runDaemonCommand } = await import("./daemon-command.ts");
    return { exitCode: await runDaemonCommand(argv.slice(1), output) };
  }
  const request: RunRequest = { argv, session: describeCaller(), showTime };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const daemon = await findDaemon(noDaemon, output);
    if (daemon === undefined) break;
    try {
      return await runOnce(daemon, request, output, pipeBroken);
    } catch (error) {
      if (!(error instanceof NotAccepted)) throw error;
    }
  }
  return runOnce(await connectInProcess(), request, output, pipeBroken);
}

async function main(): Promise<void> {
  let breakPipe = (): void => {};
  const pipeBroken = new Promise<void>((resolve) => {
    breakPipe = resolve;
  });
  const terminal = isTerminal(1) ? 1 : isTerminal(2) ? 2 : undefined;
  const output = createOutput(terminal, (fd) => {
    if (fd === 1) breakPipe();
  });
  try {
    const { exitCode, signal } = await run(process.argv.slice(2), output, pipeBroken);
    await output.drained();
    process.exitCode = exitCode;
    if (signal !== undefined) dieBy(signal);
  } catch (error) {
    output.write(
      2,
      `pipd: ${error instanceof UnsafePlace ? "refusing to use the daemon's folder: " : ""}${(error as Error).message}\n`,
    );
    process.exitCode = error instanceof UnsafePlace ? EXIT.usage : EXIT.error;
  }
}

void main();
