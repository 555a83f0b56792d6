const HINTS: Readonly<Record<string, string>> = {
  EACCES: "Make it writable for you, or work as the user it belongs to.",
  EBUSY: "Something is mounted there, or uses it: unmount or end that first.",
  EDQUOT: "Delete files of yours on that disk, or have your quota raised, and run the command again.",
  EFBIG: "A limit for the size of files is set (see `ulimit -f`): raise it and run the command again.",
  EIO: "The disk reports faults: the system's log (`dmesg`) says more.",
  EMFILE: "Too many files are open: raise the limit (`ulimit -n`) and run the command again.",
  ENOSPC: "Free some space on that disk and run the command again.",
  EPERM: "The system protects it (see `lsattr` and the mount's options), or it belongs to another user.",
  EROFS: "That file system is mounted read-only: mount it writable, or work on something else.",
};

/** What a person can do when the system refuses to write, by Node's name of the error. Undefined where the error itself says it all. */
export function osHint(errno: string | undefined): string | undefined {
  return errno === undefined ? undefined : HINTS[errno];
}
