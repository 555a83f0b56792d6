import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/** Functions of node:fs and node:fs/promises (there without "Sync") whose first argument is a path. */
const ONE_PATH =
  "access appendFile chmod exists lchown lstat lutimes mkdir open opendir readFile readdir rm rmdir stat statfs truncate unlink utimes writeFile";
/** Those whose second argument is one, too. */
const TWO_PATHS = "copyFile link rename symlink";
/** Those that give a path. */
const PATH_GIVING = "readlink realpath";

/** Text <-> bytes of paths, as protocol/raw-text.ts has them. */
export interface RawText {
  readonly bytesOfText: (text: string) => Uint8Array;
  readonly textOfBytes: (bytes: Uint8Array) => string;
}

type Call = (...args: unknown[]) => unknown;

let installed = false;

/**
 * Lets Node's file functions take and give paths that are not UTF-8, as texts with lone surrogates (R40). Node itself would replace what it cannot
 * encode and so name another file. Nothing else of them changes, and nothing is remembered: paths in UTF-8 go through untouched.
 * Once for each thread.
 */
export function acceptRawPaths({ bytesOfText, textOfBytes }: RawText): void {
  if (installed) return;
  installed = true;
  const native = (path: unknown): unknown =>
    typeof path === "string" && !path.isWellFormed() ? Buffer.from(bytesOfText(path)) : path;
  const taking =
    (call: Call, paths: 1 | 2): Call =>
    (first, second, ...rest) =>
      call(native(first), paths === 2 ? native(second) : second, ...rest);
  const decoded = (bytes: unknown): string => textOfBytes(bytes as Buffer);
  const lossy = (path: unknown, found: unknown): boolean =>
    (typeof path === "string" && !path.isWellFormed()) || (typeof found === "string" && found.includes("\ufffd"));
  const replace = (place: Record<string, unknown>, name: string, make: (call: Call) => Call): void => {
    const call = place[name];
    if (typeof call === "function") place[name] = Object.assign(make(call as Call), call);
  };
  const synchronous = fs as unknown as Record<string, unknown>;
  const promised = fs.promises as unknown as Record<string, unknown>;
  for (const [names, paths] of [
    [ONE_PATH, 1],
    [TWO_PATHS, 2],
  ] as const) {
    for (const name of names.split(" ")) {
      replace(synchronous, `${name}Sync`, (call) => taking(call, paths));
      replace(promised, name, (call) => taking(call, paths));
    }
  }
  for (const name of PATH_GIVING.split(" ")) {
    // realpathSync itself is written for text; the system's own gives bytes.
    const given = (name === "realpath" ? fs.realpathSync.native : fs.readlinkSync) as unknown as Call;
    replace(synchronous, `${name}Sync`, (call) => (path, options) => {
      const found = lossy(path, undefined) ? undefined : call(path, options);
      return lossy(path, found) ? decoded(given(native(path), "buffer")) : found;
    });
    replace(promised, name, (call) => async (path, options) => {
      const found = lossy(path, undefined) ? undefined : await call(path, options);
      return lossy(path, found) ? decoded(await call(native(path), "buffer")) : found;
    });
  }
  syncBuiltinESMExports();
}
