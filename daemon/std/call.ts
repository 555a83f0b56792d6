/**
 * How much a message matters, in pip's words: `verbose` shows with `-v`, `debug` with `-vv`. `notice` is pipd's own: what a person must know now
 * (why nothing goes on), beside the command's output.
 */
export type MessageLevel = "debug" | "verbose" | "info" | "notice" | "warning" | "error" | "critical" | "deprecation";

/** A step of long work that can be shown as a spinner (no `total`) or a bar. */
export interface ProgressEvent {
  readonly phase: "resolve" | "download" | "build" | "install";
  /** What the work is on: a project or file name. One bar per name. */
  readonly name?: string;
  readonly done?: number;
  readonly total?: number;
  readonly unit?: "bytes" | "items";
  /** True in the last event of this name. */
  readonly finished?: boolean;
}

/** Where everything below cli/ and server/ says what it does. Nothing there writes to a terminal or a log. */
export interface Reporter {
  message(level: MessageLevel, text: string): void;
  progress(event: ProgressEvent): void;
}

export const SILENT_REPORTER: Reporter = { message: () => {}, progress: () => {} };

/** The world of one caller. Nothing of the daemon's own process (environment, directory, umask) may stand in for it (R38, R39). */
export interface Call {
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The caller's umask, for the modes of all files made in its name. */
  readonly umask: number;
  /** Aborted when the caller cancels or dies. Long work checks it. */
  readonly signal: AbortSignal;
  readonly reporter: Reporter;
  /** When the caller asked, in the milliseconds of `performance.now()`: what was true at any time since is an answer to a question. */
  readonly arrivedAt?: number | undefined;
}
