import type { UninstallPlan } from "../install/uninstall.ts";
import type { Background } from "./parts.ts";

/** Deleting more files than this takes longer than anybody wants to wait for. */
const MANY_PATHS = 2000;

/** When what removals have moved away is deleted: before the answer, or after it where a process stays for that. */
export function trashTime(removals: Iterable<UninstallPlan>, background: Background): "now" | "later" {
  let paths = 0;
  for (const { entries } of removals) for (const names of entries.values()) paths += names.size;
  return background.allowed && paths > MANY_PATHS ? "later" : "now";
}
