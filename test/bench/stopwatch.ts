import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Command, PYTHON } from "./peers.ts";

interface Lap {
  readonly times: readonly number[];
  readonly status: readonly number[];
  readonly output: string;
}

/** Times commands in a process that starts others in half a millisecond. */
export interface Stopwatch {
  /** Milliseconds from start to exit. Throws what the command printed when it fails. */
  time(command: Command): Promise<number>;
  /** The same of commands that are started together. */
  timeAll(commands: readonly Command[]): Promise<readonly number[]>;
  close(): void;
}

export function startStopwatch(): Stopwatch {
  const child = spawn(PYTHON.executable, [join(import.meta.dirname, "stopwatch.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const timeAll: Stopwatch["timeAll"] = async (commands) => {
    child.stdin.write(`${JSON.stringify({ commands })}\n`);
    const { value } = await lines.next();
    const { times, status, output } = JSON.parse(String(value)) as Lap;
    const failed = status.findIndex((code) => code !== 0);
    if (failed < 0) return times;
    const { file, args } = commands[failed]!;
    throw new Error(`${file} ${args.join(" ")} ended with ${status[failed]}\n${output}`);
  };
  return { timeAll, time: async (command) => (await timeAll([command]))[0]!, close: () => void child.stdin.end() };
}
