import type { Scheme } from "../python/interpreter-facts.ts";
import type { ScriptInterpreter } from "./scripts.ts";

/** `auto`: reflink where the file system can, else hard link, else copy. */
export type LinkMode = "auto" | "hardlink" | "copy";

/** A place that wheels are installed into. `--prefix`, `--root`, `--user` and `--target` differ from the default only in these values. */
export interface InstallTarget {
  /** Real path of the folder that everything happens in (`sys.prefix`, `--prefix`, ...); the journal of a transaction is kept there. */
  readonly root: string;
  readonly scheme: Scheme;
  /** What the first line of scripts starts. */
  readonly interpreter: ScriptInterpreter;
  /** `sys.implementation.cache_tag`, e.g. `cpython-311`; undefined when the interpreter writes no byte code. */
  readonly cacheTag: string | undefined;
  /** The caller's. Modes are 0666 and 0777 without its bits, as pip's. */
  readonly umask: number;
  readonly linkMode: LinkMode;
}

/** The mode pip gives an ordinary file under a umask. */
export function plainMode(umask: number): number {
  return 0o666 & ~umask;
}

/** The mode pip gives a file that the wheel marks executable (`zip_item_is_executable`). */
export function executableMode(umask: number): number {
  return (0o777 & ~umask) | 0o111;
}

/** The mode distlib gives a script that it writes: `set_executable_mode` adds read and execute for everybody. */
export function scriptMode(umask: number): number {
  return plainMode(umask) | 0o555;
}

/** The mode of a folder made under a umask. */
export function folderMode(umask: number): number {
  return 0o777 & ~umask;
}
