import { EXIT } from "../protocol/errors.ts";
import type { PromptParams, PromptResult, RunStartResult } from "../protocol/methods.ts";
import type { Session } from "../protocol/session.ts";
import { aftermath } from "./aftermath.ts";
import { terminalSize } from "./caller.ts";
import type { Connection } from "./connection.ts";
import { readInput, readLine, readSecretLine } from "./input.ts";
import type { Output } from "./output.ts";
import { readRawCaller } from "./raw-caller.ts";
import { ConnectionLost, RemoteError } from "./rpc.ts";

/** How a command ended: with an exit status, or as if killed by a signal. */
export interface Ending {
  readonly exitCode: number;
  readonly signal?: NodeJS.Signals;
}

/** The connection was lost before the command had begun: it can be run again elsewhere (R31). */
export class NotAccepted extends Error {
  override readonly name = "NotAccepted";
}

export interface RunRequest {
  readonly argv: readonly string[];
  readonly session: Session;
  /** Print the daemon's time for the command. */
  readonly showTime: boolean;
}

const RUN_ID = 1;
/** Characters written before the daemon is told; a quarter of what it lets be on the way. */
const ACKNOWLEDGE_EVERY = 64 * 1024;
const RESIZE_MS = 50;

/** Runs one command on an open connection and prints what comes. @param pipeBroken resolves when nobody reads the output. Throws NotAccepted. */
export async function runCommand(
  connection: Connection,
  request: RunRequest,
  output: Output,
  pipeBroken: Promise<void>,
): Promise<Ending> {
  const { rpc } = connection;
  let accepted = false;
  rpc.on("run/accepted", () => {
    accepted = true;
  });
  let changing: string | undefined;
  rpc.on("run/changing", ({ root }) => {
    changing = root;
  });
  receiveOutput(connection, output);
  answerQuestions(connection, output);
  const { argv, session } = request;
  const raw = readRawCaller(argv, session.cwd, session.env);
  const { id, answer } = rpc.request("run/start", { runId: RUN_ID, argv, ...session, ...raw });
  const interrupt = watchSignals(connection, session, output, id);
  const isBroken = Symbol("broken pipe");
  try {
    const result = await Promise.race([answer, pipeBroken.then(() => isBroken)]);
    output.status("");
    if (typeof result === "symbol") return await afterBrokenPipe(output);
    if (request.showTime) output.write(2, `daemon time: ${result.elapsedMs.toFixed(2)} ms\n`);
    return ending(result);
  } catch (error) {
    output.status("");
    if (!accepted && isOver(error)) throw new NotAccepted((error as Error).message);
    if (error instanceof ConnectionLost) {
      output.write(2, lostText(connection, changing));
      return { exitCode: EXIT.error };
    }
    return failed(error, output);
  } finally {
    interrupt.stop();
  }
}

/** The daemon has gone or is going. */
function isOver(error: unknown): boolean {
  return error instanceof ConnectionLost || (error instanceof RemoteError && error.facts.code === "retiring");
}

function ending({ exitCode, signal }: RunStartResult): Ending {
  return signal === undefined ? { exitCode } : { exitCode, signal: signal as NodeJS.Signals };
}

/** As pip: nobody reads any more, so the command is over and says so once (R48). */
async function afterBrokenPipe(output: Output): Promise<Ending> {
  await new Promise<void>((resolve) => output.write(2, "ERROR: Pipe to stdout was broken\n", resolve));
  return { exitCode: EXIT.brokenPipe };
}

function failed(error: unknown, output: Output): Ending {
  if (error instanceof RemoteError && error.facts.code === "request-cancelled")
    return { exitCode: EXIT.interrupted, signal: "SIGINT" };
  const hint = error instanceof RemoteError && error.facts.hint !== undefined ? `HINT: ${error.facts.hint}\n` : "";
  output.write(2, `ERROR: ${(error as Error).message}\n${hint}`);
  return { exitCode: error instanceof RemoteError ? (error.facts.exitCode ?? EXIT.internal) : EXIT.internal };
}

function lostText({ daemonPid }: Connection, changing: string | undefined): string {
  const who = daemonPid === undefined ? "pipd's process" : `the pipd daemon (pid ${daemonPid})`;
  return `ERROR: ${who} ended while it ran this command. ${aftermath(changing)}\nHINT: \`pipd daemon log\` may say why.\n`;
}

function receiveOutput({ rpc }: Connection, output: Output): void {
  let unreported = 0;
  rpc.on("run/output", ({ fd, data, seq }) => {
    output.write(fd, data, () => {
      unreported += data.length;
      if (unreported < ACKNOWLEDGE_EVERY) return;
      unreported = 0;
      rpc.notify("run/ack", { runId: RUN_ID, seq });
    });
  });
  rpc.on("run/status", ({ text }) => output.status(text));
}

function answerQuestions({ rpc }: Connection, output: Output): void {
  const ask = async ({ kind, message }: PromptParams): Promise<PromptResult> => {
    output.status("");
    await new Promise<void>((resolve) => output.write(1, message, resolve));
    const line = await (kind === "password" ? readSecretLine((text) => output.write(1, text)) : readLine());
    return line === undefined ? { cancelled: true } : { value: line };
  };
  rpc.on("run/prompt", ask);
  rpc.on("run/readStdin", async ({ max }) => {
    const bytes = await readInput(max);
    return bytes === undefined ? { eof: true } : { data: bytes.toString("base64") };
  });
}

/** Ctrl-C once asks the daemon to stop, twice leaves at once (R43); the terminal's size follows the window (R46). */
function watchSignals({ rpc }: Connection, { tty }: Session, output: Output, id: number): { stop(): void } {
  let interrupts = 0;
  let resizing: NodeJS.Timeout | undefined;
  const onInterrupt = (): void => {
    if (++interrupts > 1) return dieBy("SIGINT");
    rpc.notify("$/cancelRequest", { id });
    output.status("cancelling...");
  };
  const onResize = (): void => {
    resizing ??= setTimeout(() => {
      resizing = undefined;
      rpc.notify("run/resize", { runId: RUN_ID, ...terminalSize(tty) });
      output.redraw();
    }, RESIZE_MS);
  };
  const onContinue = (): void => output.redraw();
  process.on("SIGINT", onInterrupt);
  if (tty.out || tty.err) process.on("SIGWINCH", onResize).on("SIGCONT", onContinue);
  return {
    stop: () => {
      clearTimeout(resizing);
      process.off("SIGINT", onInterrupt).off("SIGWINCH", onResize).off("SIGCONT", onContinue);
    },
  };
}

/** Ends this process the way the signal would have: a shell's loop stops for a program that died of SIGINT, not for one that left with 130. */
export function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
