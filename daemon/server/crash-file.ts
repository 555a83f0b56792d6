import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { crashFolder, crashPauseFile } from "../../protocol/crashes.ts";
import { writeFileAtomically } from "../std/files.ts";
import { redactSecrets } from "./redaction.ts";

/** So many crashes within so many milliseconds, and clients leave the daemon alone for a while (R61). */
const TOO_MANY = 3;
const WITHIN_MS = 5 * 60_000;
/** Files that are kept. */
const KEPT = 20;
/** Files of daemons; those of commands that ran without one are `command-...`. */
const OF_DAEMON = /^daemon-.*\.txt$/;

/** What is noted of a crash. */
export interface Crash {
  readonly error: unknown;
  /** ms since 1970. */
  readonly at: number;
  readonly isDaemon: boolean;
  readonly pid: number;
  /** Lines of facts: label and value. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Writes a file (0600, without credentials) about a crash into the state folder, and after the third within five minutes the one that tells
 * clients to do without the daemon.
 * @returns its path; undefined when it could not be written: the process has worse to worry about.
 */
export function writeCrashFile(state: string, crash: Crash): string | undefined {
  const folder = crashFolder(state);
  const stamp = new Date(crash.at).toISOString().replaceAll(":", "-");
  const path = join(folder, `${crash.isDaemon ? "daemon" : "command"}-${stamp}-${crash.pid}.txt`);
  const { error } = crash;
  const lines = [
    "pipd met a fault that nobody caught",
    ...Object.entries(crash.facts).map(([label, value]) => `${label}: ${value}`),
    "",
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    "",
  ];
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileAtomically(path, redactSecrets(lines.join("\n")));
    const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
    for (const name of names.toSorted(byStamp).slice(0, -KEPT)) rmSync(join(folder, name), { force: true });
    if (crash.isDaemon) pauseIfTooMany(state, names, crash.at, path);
    return path;
  } catch {
    return undefined;
  }
}

const byStamp = (a: string, b: string): number => (a.slice(a.indexOf("-")) < b.slice(b.indexOf("-")) ? -1 : 1);

function pauseIfTooMany(state: string, names: readonly string[], now: number, last: string): void {
  const recent = names.filter(
    (name) => OF_DAEMON.test(name) && now - statSync(join(crashFolder(state), name)).mtimeMs < WITHIN_MS,
  );
  if (recent.length < TOO_MANY) return;
  writeFileAtomically(
    crashPauseFile(state),
    `it crashed ${recent.length} times within ${WITHIN_MS / 60_000} minutes; the last time is described in ${last}`,
  );
}
