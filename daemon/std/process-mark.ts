import { readFileSync, readlinkSync } from "node:fs";
import { errnoOf } from "./errors.ts";

/** What can be told of a process from its mark: `unknown` when it belongs to another container, whose numbers mean nothing here. */
export type ProcessState = "running" | "gone" | "unknown";

let own: string | undefined;

/**
 * The name of this process among all that there were and will be: `<pid>-<start>-<number space>`, each a number or empty where the system does not
 * tell. Made for file names: what a process leaves unfinished bears its mark, so that others know when nobody works on it any more.
 */
export function processMark(): string {
  own ??= `${process.pid}-${startOf(process.pid) ?? ""}-${numberSpace()}`;
  return own;
}

/** Whether the very process that made a mark still runs, not only one with its number. A text that is no mark names nobody: `gone`. */
export function stateOfProcess(mark: string): ProcessState {
  const [, pid = "", started = "", space = ""] = /^(\d+)-(\d*)-(\d*)/.exec(mark) ?? [];
  if (!Number.isSafeInteger(Number(pid)) || Number(pid) <= 0) return "gone";
  if (space !== numberSpace()) return "unknown";
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (errnoOf(error) !== "EPERM") return "gone";
  }
  const now = startOf(Number(pid));
  return now !== "dead" && (now === undefined || started === "" || now === started) ? "running" : "gone";
}

/** Field 22 of `/proc/<pid>/stat` (clock ticks after boot); "dead" for what only waits to be reaped; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "dead" : fields[19];
  } catch {
    return undefined;
  }
}

let space: string | undefined;

/** Linux: the PID namespace. */
function numberSpace(): string {
  try {
    space ??= /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
  } catch {
    space = "";
  }
  return space;
}
