import { fstatSync } from "node:fs";
import type { Session, TerminalFacts } from "../protocol/session.ts";

/** The device number of /dev/null on Linux, the character device that is most often no terminal. */
const NULL_DEVICE = 0x103;

/** Whether a descriptor is a terminal. Loads Node's terminal code only for character devices, which saves time when there is none. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    const stat = fstatSync(fd);
    if (!stat.isCharacterDevice() || stat.rdev === NULL_DEVICE) return false;
  } catch {
    return false;
  }
  const tty = process.getBuiltinModule("node:tty");
  return tty.isatty(fd);
}

/** Width and height of the caller's terminal; `COLUMNS` and `LINES` come first, 80 and 24 where nothing is known (R46). */
export function terminalSize(tty: { readonly out: boolean; readonly err: boolean }): {
  readonly cols: number;
  readonly rows: number;
} {
  const [cols, rows] = tty.out ? process.stdout.getWindowSize() : tty.err ? process.stderr.getWindowSize() : [0, 0];
  return {
    cols: positive(process.env["COLUMNS"]) ?? (cols || 80),
    rows: positive(process.env["LINES"]) ?? (rows || 24),
  };
}

function positive(text: string | undefined): number | undefined {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** Bits of colour for this output, by the conventions of NO_COLOR, FORCE_COLOR, TERM and COLORTERM (R47). */
export function colorDepth(
  env: Readonly<Record<string, string | undefined>>,
  terminal: boolean,
): TerminalFacts["colors"] {
  const force = env["FORCE_COLOR"];
  if (force !== undefined) {
    if (force === "0" || force === "false") return 1;
    return force === "3" ? 24 : force === "2" ? 8 : 4;
  }
  if (env["NO_COLOR"] || !terminal || env["TERM"] === "dumb") return 1;
  if (/^(?:truecolor|24bit)$/i.test(env["COLORTERM"] ?? "")) return 24;
  return /256/.test(env["TERM"] ?? "") ? 8 : 4;
}

/** The environment as the person set it: the entry script moves NODE_OPTIONS aside, away from this process. */
export function callerEnvironment(): Record<string, string> {
  const env = { ...process.env } as Record<string, string>;
  const options = env["PIPD_NODE_OPTIONS"];
  if (options !== undefined) {
    env["NODE_OPTIONS"] = options;
    delete env["PIPD_NODE_OPTIONS"];
  }
  return env;
}

/** What the daemon must know of this process to act in its place. Throws the system's error when the current folder is gone. */
export function describeCaller(): Session {
  const env = callerEnvironment();
  const tty = { in: isTerminal(0), out: isTerminal(1), err: isTerminal(2) };
  return {
    cwd: process.cwd(),
    env,
    umask: process.umask(),
    locale: env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "C",
    tty: { ...tty, ...terminalSize(tty), colors: colorDepth(env, tty.out) },
    pid: process.pid,
    interactive: tty.in,
  };
}
