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

/** The words that run a command in a mount namespace of its own, where it may mount; undefined where the system does not allow it. */
export function ownMounts(): readonly string[] | undefined {
  const words = IS_ROOT ? ["unshare", "--mount"] : ["unshare", "--user", "--map-root-user", "--mount"];
  return spawnSync(words[0]!, [...words.slice(1), "true"]).status === 0 ? words : undefined;
}
