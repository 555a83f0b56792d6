import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file that belongs to a caller, with the mode that its umask gives. */
export function writeTextFile(path: string, text: string, umask: number): void {
  writeFileSync(path, text, { mode: 0o666 & ~umask });
}

/** Appends to a file that belongs to a caller; it and its folder are made when missing, with modes under the caller's umask. */
export function appendText(path: string, text: string, umask: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o777 & ~umask });
  appendFileSync(path, text, { mode: 0o666 & ~umask });
}
