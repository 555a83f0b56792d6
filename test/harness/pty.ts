import { join } from "node:path";

/** Python opens the terminal: Node has no call for that. Input of "\x03" is Ctrl-C as typed; a line `\x1eROWSxCOLS\n` resizes the terminal. */
const PTY = join(import.meta.dirname, "on-pty.py");

/** The command that runs `program` with a terminal of 100 columns and 30 rows as its standard input, output and error. Its exit is the program's, signals included. */
export function connectedToPty(program: string, args: readonly string[]): [string, string[]] {
  return ["python3", [PTY, program, ...args]];
}
