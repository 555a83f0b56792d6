import type { MessageLevel, ProgressEvent, Reporter } from "../std/call.ts";
import { createProgressLine } from "./progress.ts";

/** What a command's text depends on, all of it the caller's. */
export interface RenderInput {
  readonly output: (fd: 1 | 2, text: string) => void;
  /** Shows (or, with undefined, erases) the transient line; absent when standard output is no terminal. */
  readonly status: ((line: string | undefined) => void) | undefined;
  /** `-v` count minus `-q` count. */
  readonly verbosity: number;
  readonly color: { readonly out: boolean; readonly err: boolean };
  readonly columns: number;
  readonly progressBar: "auto" | "on" | "off" | "raw";
  /** Gets every message whatever the verbosity, for `--log`. */
  readonly log: ((level: MessageLevel, text: string) => void) | undefined;
}

export interface Renderer {
  readonly reporter: Reporter;
  /** Writes to standard output whatever the verbosity (`freeze`, `--report -`). */
  print(text: string): void;
  /** Erases what is transient. */
  finish(): void;
}

const RANK: Readonly<Record<MessageLevel, number>> = {
  debug: 2,
  verbose: 1,
  info: 0,
  notice: -1,
  warning: -1,
  deprecation: -1,
  error: -2,
  critical: -3,
};
const PREFIX: Readonly<Partial<Record<MessageLevel, string>>> = {
  warning: "WARNING: ",
  error: "ERROR: ",
  critical: "ERROR: ",
  deprecation: "DEPRECATION: ",
};
const YELLOW = "33";
const RED = "31";

/** Text for one caller: pip's streams, prefixes and verbosity levels. Info goes to standard output, notices, warnings and errors to standard error. */
export function createRenderer(input: RenderInput): Renderer {
  const progress =
    input.status === undefined || input.progressBar === "off" || input.progressBar === "raw"
      ? undefined
      : createProgressLine(input.columns, input.color.out);
  const rawDone = new Map<string, number>();
  const message = (level: MessageLevel, text: string): void => {
    input.log?.(level, text);
    if (RANK[level] > Math.max(input.verbosity, -3)) return;
    const prefix = PREFIX[level];
    if (level === "notice") input.output(2, `${text}\n`);
    else if (prefix === undefined) input.output(1, `${text}\n`);
    else
      input.output(
        2,
        `${paint(prefix + text, level === "warning" || level === "deprecation" ? YELLOW : RED, input.color.err)}\n`,
      );
  };
  const showProgress = (event: ProgressEvent): void => {
    if (input.verbosity < 0) return;
    if (input.progressBar === "raw" && event.phase === "download" && event.total !== undefined) {
      const done = event.done ?? 0;
      const key = event.name ?? "";
      if (event.finished === true || done - (rawDone.get(key) ?? -Infinity) >= event.total / 20) {
        rawDone.set(key, done);
        input.output(1, `Progress ${done} of ${event.total}\n`);
      }
    }
    if (progress !== undefined) input.status?.(progress.update(event));
  };
  return {
    reporter: { message, progress: showProgress },
    print: (text) => input.output(1, text),
    finish: () => input.status?.(undefined),
  };
}

function paint(text: string, code: string, color: boolean): string {
  return color ? `\u001B[${code}m${text}\u001B[0m` : text;
}
