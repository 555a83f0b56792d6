import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, PipdError } from "../std/errors.ts";
import { osHint } from "../std/os-hint.ts";
import type { Changes } from "./changes.ts";

const MESSAGES: Readonly<Record<string, readonly [number: number, text: string]>> = {
  EPERM: [1, "Operation not permitted"],
  ENOENT: [2, "No such file or directory"],
  EIO: [5, "Input/output error"],
  EACCES: [13, "Permission denied"],
  EBUSY: [16, "Device or resource busy"],
  EEXIST: [17, "File exists"],
  ENOTDIR: [20, "Not a directory"],
  EISDIR: [21, "Is a directory"],
  ETXTBSY: [26, "Text file busy"],
  ENOSPC: [28, "No space left on device"],
  EFBIG: [27, "File too large"],
  EROFS: [30, "Read-only file system"],
  EMLINK: [31, "Too many links"],
  ENAMETOOLONG: [36, "File name too long"],
  ENOTEMPTY: [39, "Directory not empty"],
  EDQUOT: [122, "Disk quota exceeded"],
};

/** pip's words for a file system error while it changes an environment. */
function osErrorText(errno: string, path: string, adviseUser = false): string {
  const [number, text] = MESSAGES[errno] ?? [undefined, errno];
  const error = `Could not install packages due to an OSError: ${number === undefined ? "" : `[Errno ${number}] `}${text}: '${path}'`;
  if (errno !== "EACCES") return error;
  return `${error}\n${adviseUser ? "Consider using the `--user` option or check the permissions." : "Check the permissions."}`;
}

/** The PipdError `environment-unwritable`: pip's words, the path, and what to do. @param adviseUser add pip's advice to use `--user` */
export function unwritable(
  errno: string,
  path: string,
  options: { readonly adviseUser?: boolean | undefined; readonly cause?: unknown } = {},
): PipdError {
  const hint = errno === "EACCES" ? undefined : osHint(errno);
  return new PipdError("environment-unwritable", osErrorText(errno, path, options.adviseUser), {
    ...(hint === undefined ? {} : { hint }),
    cause: options.cause,
  });
}

/**
 * Asks the system about every folder that is about to lose or get something, before anything changes: a read-only file system or a folder of somebody
 * else's is then no reason to go back.
 * @throws the system's error
 */
export function checkWritable({ moves, createdFolders, createdFiles }: Omit<Changes, "work">): void {
  const folders = new Set([...moves, ...createdFolders, ...createdFiles].map((path) => dirname(path)));
  for (const folder of folders) {
    try {
      accessSync(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}
