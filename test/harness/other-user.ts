import { spawnSync } from "node:child_process";
import { chownSync } from "node:fs";

/** Whether this process may make files of other users. */
export const IS_ROOT = process.geteuid!() === 0;
/** A user that owns nothing on this machine; only root can act as one. */
export const OTHER_UID = 65_534;

/** Gives a file to another user where that is possible. */
export function giveAway(path: string): boolean {
  if (IS_ROOT) chownSync(path, OTHER_UID, OTHER_UID);
  return IS_ROOT;
}

/** The words that run a command in a namespace of its own: of mounts, where it may mount, or with a host name of its own. Undefined where the system does not allow it. */
export function ownNamespace(kind: "--mount" | "--uts"): readonly string[] | undefined {
  const words = IS_ROOT ? ["unshare", kind] : ["unshare", "--user", "--map-root-user", kind];
  return spawnSync(words[0]!, [...words.slice(1), "true"]).status === 0 ? words : undefined;
}
