import { closeSync, fchmodSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { redactSecrets } from "./redaction.ts";

/** Where log lines go. Errors of the disk are swallowed: a full disk must not stop a command. */
export interface LogFile {
  readonly path: string;
  write(line: string): void;
}

/**
 * A file (0600) that is renamed to `<path>.1` when it has grown over `maxBytes`; `keep` files in all (R60). Credentials are taken out of every line (R14).
 */
export function openLogFile(
  path: string,
  { maxBytes = 5 * 1024 * 1024, keep = 5 }: { readonly maxBytes?: number; readonly keep?: number } = {},
): LogFile {
  let descriptor: number | undefined;
  let size = 0;
  const open = (): void => {
    descriptor = openSync(path, "a", 0o600);
    fchmodSync(descriptor, 0o600);
    size = fstatSync(descriptor).size;
  };
  const rotate = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
    for (let number = keep - 1; number >= 1; number--) {
      try {
        renameSync(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
      } catch {
        // That many files have not been written yet.
      }
    }
  };
  return {
    path,
    write: (line) => {
      try {
        if (descriptor === undefined) open();
        if (size > maxBytes) {
          rotate();
          open();
        }
        size += writeSync(descriptor!, redactSecrets(line));
      } catch {
        descriptor = undefined;
      }
    },
  };
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
