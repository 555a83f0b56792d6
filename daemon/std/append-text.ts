import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

/** Appends to a file that belongs to a caller; it and its folder are made when missing, with modes under the caller's umask. */
export function appendText(path: string, text: string, umask: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o777 & ~umask });
  appendFileSync(path, text, { mode: 0o666 & ~umask });
}
