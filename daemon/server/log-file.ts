import { closeSync, fchmodSync, fstatSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { redactSecrets } from "./redaction.ts";

/** Where log lines go. Errors of the disk are swallowed: a full disk must not stop a command. */
export interface LogFile {
  readonly path: string;
  write(line: string): void;
}

/** After so many lines it is looked whether the file is still the one at the path. */
const LOOK_EVERY = 64;

/**
 * A file (0600) that is renamed to `<path>.1` when it has grown over `maxBytes`; `keep` files in all (R60). Credentials are taken out of every line (R14).
 * Other processes of the user write to the same file; whichever finds it too long renames it, and the others follow.
 */
export function openLogFile(
  path: string,
  { maxBytes = 5 * 1024 * 1024, keep = 5 }: { readonly maxBytes?: number; readonly keep?: number } = {},
): LogFile {
  let file: OpenFile | undefined;
  let lines = 0;
  const reopen = (): OpenFile => {
    if (file !== undefined) closeSync(file.descriptor);
    file = undefined;
    file = openFile(path);
    return file;
  };
  /** The file to write to: never one that has been renamed long ago, nor one that is too long. */
  const current = (): OpenFile => {
    let open = file ?? reopen();
    if (open.size <= maxBytes && ++lines % LOOK_EVERY !== 0) return open;
    if (!isAt(path, open)) open = reopen();
    if (open.size <= maxBytes) return open;
    shift(path, keep);
    return reopen();
  };
  return {
    path,
    write: (line) => {
      try {
        const open = current();
        open.size += writeSync(open.descriptor, redactSecrets(line));
      } catch {
        file = undefined;
      }
    },
  };
}

interface OpenFile {
  readonly descriptor: number;
  readonly inode: number;
  size: number;
}

function openFile(path: string): OpenFile {
  const descriptor = openSync(path, "a", 0o600);
  fchmodSync(descriptor, 0o600);
  const { ino, size } = fstatSync(descriptor);
  return { descriptor, inode: ino, size };
}

/** Whether the open file is still at its path; brings its size up to date. */
function isAt(path: string, open: OpenFile): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.ino !== open.inode) return false;
  open.size = stat.size;
  return true;
}

/** Gives each file the next number; the last one goes. */
function shift(path: string, keep: number): void {
  for (let number = keep - 1; number >= 1; number--) {
    try {
      renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    } catch {
      // That many files have not been written yet.
    }
  }
}

/** The last `count` lines of a log, oldest first; none when it cannot be read. */
export async function readLastLines(path: string, count: number): Promise<readonly string[]> {
  try {
    const lines = (await readFile(path, "utf8")).split("\n");
    return lines.slice(0, -1).slice(-count || lines.length);
  } catch {
    return [];
  }
}
