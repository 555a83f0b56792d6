import { closeSync, type FSWatcher, fstatSync, openSync, readFileSync, readSync, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { EXIT } from "../protocol/errors.ts";
import type { Output } from "./output.ts";

/** Lines that `-f` shows of what was there before. */
const BEFORE = 10;
/** Older files: `<path>.1` is the one before the present one. */
const OLDER = 4;
/** Where the system does not say that something was written, the file is looked at so often (ms). */
const LOOK_EVERY_MS = 1000;

/**
 * `pipd daemon log`: the present file, or with `-n` the last lines, also of older files; with `-f` what is added until the command is ended.
 * Read from the files: they must be there to read when the daemon is not. Gives the exit status.
 */
export async function printLog(path: string, options: readonly string[], output: Output): Promise<number> {
  const follows = options.includes("-f") || options.includes("--follow");
  const render = options.includes("--json") ? (line: string): string => line : renderEntry;
  const most = countOf(options) ?? (follows ? BEFORE : undefined);
  let file = openLog(path);
  if (file === undefined) {
    output.write(2, `there is no log at ${path}\n`);
    return follows ? EXIT.error : EXIT.ok;
  }
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) output.write(1, lines.map((line) => `${render(line)}\n`).join(""));
  };
  print(lastLines(path, file.read(), most));
  if (!follows) return EXIT.ok;
  return watching(dirname(path), () => {
    print(file!.read());
    const now = statSync(path, { throwIfNoEntry: false });
    if (now === undefined || now.ino === file!.inode) return;
    // What was written between the look and the renaming is still in the file that was open.
    print(file!.read());
    file!.close();
    file = openLog(path) ?? file;
    print(file!.read());
  });
}

/** The number of `-n 5` or `-n5`; the last one counts. */
function countOf(options: readonly string[]): number | undefined {
  const texts = options.map((option, index) => (option === "-n" ? options[index + 1] : /^-n(\d+)$/.exec(option)?.[1]));
  const last = texts.findLast((text) => text !== undefined);
  return last === undefined ? undefined : Number(last);
}

/** The last `most` of these lines, filled up from older files; all of them without a number. */
function lastLines(path: string, present: readonly string[], most: number | undefined): readonly string[] {
  if (most === undefined) return present;
  let lines = present;
  for (let number = 1; number <= OLDER && lines.length < most; number++) {
    try {
      lines = [...readFileSync(`${path}.${number}`, "utf8").split("\n").slice(0, -1), ...lines];
    } catch {
      break;
    }
  }
  return most === 0 ? [] : lines.slice(-most);
}

interface OpenLog {
  readonly inode: number;
  /** The whole lines that were added since the last time. */
  read(): readonly string[];
  close(): void;
}

function openLog(path: string): OpenLog | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const buffer = Buffer.alloc(65_536);
  let rest: Buffer = Buffer.alloc(0);
  return {
    inode: fstatSync(descriptor).ino,
    read: () => {
      const parts = [rest];
      for (let count = readSync(descriptor, buffer); count > 0; count = readSync(descriptor, buffer))
        parts.push(Buffer.from(buffer.subarray(0, count)));
      const all = Buffer.concat(parts);
      const end = all.lastIndexOf(10) + 1;
      rest = all.subarray(end);
      return end === 0 ? [] : all.toString("utf8", 0, end - 1).split("\n");
    },
    close: () => closeSync(descriptor),
  };
}

/** Calls `look` whenever something changes in the folder, until the process is ended. */
function watching(folder: string, look: () => void): Promise<never> {
  return new Promise((_resolve, reject) => {
    const safely = (): void => {
      try {
        look();
      } catch (error) {
        reject(error);
      }
    };
    // A change may have come before the watch.
    setInterval(safely, LOOK_EVERY_MS);
    try {
      const watcher: FSWatcher = watch(folder, safely);
      watcher.on("error", () => watcher.close());
    } catch {
      // No watches left on this system: the interval is enough.
    }
  });
}

const LEVELS: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal" };

/** A line of the log for a person: time, level, pid, message and the other facts; a line of another form as it is. */
function renderEntry(line: string): string {
  try {
    const { level, time, pid, msg, ...facts } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    const at = new Date(time as number).toISOString().replace("T", " ");
    const words = Object.entries(facts).map(
      ([name, value]) =>
        ` ${name}=${typeof value === "string" ? value.replaceAll("\n", "\n    ") : JSON.stringify(value)}`,
    );
    return `${at} ${(LEVELS[level as number] ?? "info").padEnd(5)} [${String(pid)}] ${String(msg)}${words.join("")}`;
  } catch {
    return line;
  }
}
