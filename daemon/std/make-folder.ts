import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./errors.ts";

/**
 * Makes a folder and its missing parents, all for this user alone (0700); what is there stays as it is. Throws the system's error.
 *
 * Not mkdirSync's `recursive`: that one never returns where the system says ENOENT below a folder that exists (automounted homes, /proc).
 */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" && dirname(path) !== path) {
      makePrivateFolder(dirname(path));
      makeOrFind(path);
    } else if (code !== "EEXIST") {
      throw error;
    }
  }
}

function makeOrFind(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") {
      throw error;
    }
  }
}
