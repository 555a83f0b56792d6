import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/** Every function of node:fs by which the code under test changes the disk. */
const CHANGING = [
  "chmodSync",
  "copyFileSync",
  "fchmodSync",
  "linkSync",
  "mkdirSync",
  "renameSync",
  "rmSync",
  "rmdirSync",
  "symlinkSync",
  "utimesSync",
  "writeFileSync",
  "writeSync",
] as const;

type Changing = Record<(typeof CHANGING)[number], (...args: unknown[]) => unknown>;

/**
 * Calls `before` with a running number (from 0) before each change of the disk by this thread, whichever module makes it; what it throws, the
 * change throws. Files whose path `isOurs` denies are not counted. Returns how to end it.
 */
export function beforeEachChange(
  isOurs: (path: string) => boolean,
  before: (count: number, what: string) => void,
): () => void {
  const real = fs as unknown as Changing;
  const saved = CHANGING.map((name) => [name, real[name]] as const);
  let count = 0;
  for (const [name, original] of saved) {
    real[name] = (...args) => {
      const paths = args.filter((argument) => typeof argument === "string");
      if (name === "writeSync" || name === "fchmodSync" || isOurs(paths.at(-1) ?? ""))
        before(count++, `${name} ${paths.join(" ")}`);
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  return () => {
    for (const [name, original] of saved) real[name] = original;
    syncBuiltinESMExports();
  };
}

/** A system error as node:fs throws it. */
export function systemError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected, '${path}'`), { code, path });
}
