import type { ProgressData, PromptParams } from "./methods.ts";
import type { Session } from "./session.ts";

/** A question to the person at the client. */
export type Question = Omit<PromptParams, "runId">;

/** One command to run: the caller's words and world, and the ways back to the terminal. */
export interface RunInput {
  /** Without the program's name. */
  readonly argv: readonly string[];
  readonly session: Session;
  /** When the request was read, in the milliseconds of `performance.now()`. */
  readonly arrivedAt?: number;
  /** Aborted when the caller presses Ctrl-C, closes the connection or the daemon has to end. */
  readonly signal: AbortSignal;
  /** Permanent text for a descriptor, in order. Never blocks; memory is bounded. */
  readonly output: (fd: 1 | 2, text: string) => void;
  /** The transient line or lines (spinner, bars) below the output; undefined takes them away. Latest wins, any may be dropped. */
  readonly status: (lines: string | undefined) => void;
  /** How far the work is, for programs that show it in their own way. Any event may be dropped. */
  readonly progress: (event: ProgressData) => void;
  /** The line that was typed, or undefined when input has ended. Rejects when the run is cancelled. */
  readonly prompt: (question: Question) => Promise<string | undefined>;
  /** Up to `max` bytes of the caller's standard input, or undefined at its end. */
  readonly readStdin: (max: number) => Promise<Uint8Array | undefined>;
  /** Tells the client that the environment at this real path is about to change: it can see what became of it should the daemon die (R31). */
  readonly changing: (root: string) => void;
  /** The terminal's present width and height. */
  readonly size: () => { readonly cols: number; readonly rows: number };
}

export interface RunOutcome {
  readonly exitCode: number;
}

/** The command line, as the server sees it. */
export interface Program {
  /** Runs one command. What a person must know has been written by `output`; a rejection is a fault in pipd. */
  readonly run: (input: RunInput) => Promise<RunOutcome>;
}
