import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** A view of the file system in which folders can be mounted over. Nothing of it is left when its processes have ended. */
export interface Mounts extends AsyncDisposable {
  /** Words before a command that runs it in this view. */
  readonly through: readonly string[];
  /** Where a path of the view is found from outside. */
  readonly seen: (path: string) => string;
  /** An empty file system of so many bytes at a folder that exists. */
  readonly small: (folder: string, bytes: number) => void;
  readonly resize: (folder: string, bytes: number) => void;
  /** A file or folder mounted over itself: it cannot be renamed, and with `readOnly` nothing in it can be changed. */
  readonly pin: (path: string, readOnly: boolean) => void;
  readonly unpin: (path: string) => void;
}

/** As root, or as a user who may make a namespace in which they are root. */
const WAYS = [
  { unshare: ["unshare", "--mount"], enter: ["--mount"] },
  {
    unshare: ["unshare", "--user", "--map-root-user", "--mount"],
    enter: ["--user", "--mount", "--preserve-credentials"],
  },
];

/** Opens a view; undefined where this machine allows none to this user. */
export async function openMounts(): Promise<Mounts | undefined> {
  for (const { unshare, enter } of WAYS) {
    const [file = "", ...words] = unshare;
    // The mount is tried at once: some machines give the namespace and then refuse what it is for.
    const script = "mount -t tmpfs none /proc/fs && umount /proc/fs && echo ready && exec sleep 3600";
    const child = spawn(file, [...words, "sh", "-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    if (await isReady(child)) return viewOf(child, enter);
  }
  return undefined;
}

async function isReady(child: ChildProcess): Promise<boolean> {
  const ended = once(child, "close").then(() => false);
  child.on("error", () => {});
  const said = new Promise<boolean>((resolve) => child.stdout!.once("data", () => resolve(true)));
  return Promise.race([said, ended.catch(() => false)]);
}

function viewOf(child: ChildProcess, enter: readonly string[]): Mounts {
  const through = ["nsenter", `--target=${child.pid}`, ...enter, "--"];
  const run = (...words: readonly string[]): void => {
    const [file = "", ...args] = [...through, ...words];
    execFileSync(file, args, { stdio: "pipe" });
  };
  return {
    through,
    seen: (path) => `/proc/${child.pid}/root${path}`,
    small: (folder, bytes) => run("mount", "-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "none", folder),
    resize: (folder, bytes) => run("mount", "-o", `remount,size=${bytes}`, folder),
    pin: (path, readOnly) => {
      run("mount", "--bind", path, path);
      if (readOnly) run("mount", "-o", "remount,bind,ro", path);
    },
    unpin: (path) => run("umount", path),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    },
  };
}

/** Words before a command that runs it as a user who is not root; undefined unless this process is root and that user may read all of these files. */
export function throughNobody(...files: readonly string[]): readonly string[] | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const through = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  const [file = "", ...words] = [
    ...through,
    "sh",
    "-c",
    'for each; do test -r "$each" || exit 1; done',
    "sh",
    ...files,
  ];
  return spawnSync(file, words, { stdio: "ignore" }).status === 0 ? through : undefined;
}
