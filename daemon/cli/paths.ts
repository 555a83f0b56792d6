import { isAbsolute, join, normalize } from "node:path";
import type { Call } from "../std/call.ts";

/** A path of the caller as an absolute one. @param expandHome whether a leading `~` means the caller's home, as for pip's options of type "path" */
export function absolutePath(path: string, { cwd, env }: Pick<Call, "cwd" | "env">, expandHome = false): string {
  const home = env["HOME"];
  const expanded = expandHome && home !== undefined && /^~(\/|$)/.test(path) ? home + path.slice(1) : path;
  return isAbsolute(expanded) ? normalize(expanded) : join(cwd, expanded);
}
