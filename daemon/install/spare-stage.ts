import { statSync } from "node:fs";
import { ensurePrivateFolder } from "../std/files.ts";
import { removeInTheEnd } from "../std/remove-in-the-end.ts";
import type { WorkerPool } from "../std/worker-pool.ts";
import type { SpareFolder, SpareTrees } from "../store/spare-trees.ts";
import { stageBeside } from "../store/wheel-folder.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import { STORE_UMASK } from "./link.ts";
import { type LinkGroup, type LinkShard, linkShard } from "./link-shard.ts";
import { type Plan, planInstall } from "./plan.ts";
import { compiledSources } from "./wheel-content.ts";

/** The key of a wheel's spare tree: with byte code for a Python, or without any. */
export const spareKey = ({ sha256 }: StoredWheel, cacheTag: string | undefined): string =>
  `${sha256}-${cacheTag ?? "sources"}`;

/** Whether what lies in one folder can be renamed into the other. */
export function isOnOneDevice(folder: string, other: string): boolean {
  const [device, another] = [folder, other].map((path) => statSync(path, { throwIfNoEntry: false })?.dev);
  return device !== undefined && device === another;
}

/** What of a dist-info folder a spare tree has besides the wheel's own files: RECORD where it is the same in every environment. */
export const stagedInfoFiles = (hasPlainRecord: boolean): ReadonlySet<string> =>
  new Set(hasPlainRecord ? ["INSTALLER", "RECORD"] : ["INSTALLER"]);

/** Linking more files than this is for a thread. */
const FEW_FILES = 100;

/**
 * Links a spare tree of a wheel: the folders that it brings into a library folder, with the byte code for `cacheTag`, and those of its data, which keep
 * their path of the archive; nothing that differs from one environment to the next. Nothing happens where there is one already, where the byte code is
 * not made yet, or the disk is nearly full. Never throws.
 */
export async function stageSpare(
  wheel: StoredWheel,
  cacheTag: string | undefined,
  spares: SpareTrees,
  pool: WorkerPool,
): Promise<void> {
  const key = spareKey(wheel, cacheTag);
  if (spares.has(key) || !spares.hasRoom()) return;
  const stage = stageBeside(wheel);
  try {
    const plan = sparePlan(wheel, cacheTag, stage);
    const groups = plan?.groups.filter((group) => group.to.startsWith(`${stage}/`) && placeOf(group, wheel)) ?? [];
    const [info] = plan?.wheels ?? [];
    if (plan === undefined || info === undefined || groups.length === 0) return;
    const staged = [...stagedInfoFiles(info.hasPlainRecord)].map((name) => `${info.infoFolder}/${name}`);
    ensurePrivateFolder(stage);
    const folders = foldersOf(groups, stage);
    const shard: LinkShard = {
      kind: "link",
      method: "hardlink",
      umask: STORE_UMASK,
      folders,
      groups,
      writes: plan.writes.filter(({ path }) => staged.includes(path)),
      stop: new SharedArrayBuffer(4),
    };
    const total = groups.reduce((sum, { names }) => sum + names.length, 0);
    const { failure } = total <= FEW_FILES ? linkShard(shard) : await pool.run<ReturnType<typeof linkShard>>(shard);
    // A bit or group that the store's folder hands on is not what the environment's would.
    const inherits = folders.some((folder) => (statSync(folder).mode & 0o7000) !== 0);
    if (failure === undefined && !inherits) await spares.put(key, stage, indexOf(stage, folders, groups));
  } catch {
    // The wheel is gone, or damaged, or the disk is full: the next installation links as ever.
  } finally {
    await removeInTheEnd(stage);
  }
}

/** An installation into `library`; undefined when the byte code has not been made. */
function sparePlan(wheel: StoredWheel, cacheTag: string | undefined, library: string): Plan | undefined {
  const byteCode = cacheTag === undefined ? undefined : compiledSources(wheel, cacheTag);
  if (cacheTag !== undefined && byteCode === undefined) return undefined;
  const elsewhere = `${library}.data`;
  const data = `${library}/${dataPrefix(wheel)}`.replace(/\/$/, "");
  return planInstall({
    target: {
      root: library,
      scheme: { purelib: library, platlib: library, headers: elsewhere, scripts: elsewhere, data },
      interpreter: {
        executable: "python",
        pythonVersion: [3, 0],
        isScript: false,
        ensurepipOptions: undefined,
        maxShebang: 127,
      },
      cacheTag,
      umask: STORE_UMASK,
      linkMode: "hardlink",
    },
    removals: [],
    wheels: [
      {
        wheel,
        content: { scripts: new Map(), byteCode },
        name: wheel.manifest.name,
        requested: false,
        directUrl: undefined,
      },
    ],
    compile: cacheTag !== undefined,
  });
}

/** Where the files of a group lie in a wheel's spare tree. */
export interface SparePlace {
  /** Absolute: the library folder, or that of the scheme's data. */
  readonly base: string;
  /** In the tree; what lies there goes into `base`. Ends with a slash unless it is empty. */
  readonly prefix: string;
  /** In `base`, and below `prefix` in the tree. */
  readonly path: string;
}

/** In the archive, with a slash at the end. */
const dataPrefix = ({ manifest: { dataFolder } }: StoredWheel): string =>
  dataFolder === undefined ? "" : `${dataFolder}/data/`;

/** Undefined where the files are not to appear under the path that they have in the archive, below a library folder or that of the data. */
export function placeOf({ from, to }: LinkGroup, wheel: StoredWheel): SparePlace | undefined {
  const slash = from.indexOf("/", wheel.folder.length + 1);
  const whole = slash === -1 ? "" : from.slice(slash + 1);
  const data = dataPrefix(wheel);
  const prefix = data !== "" && whole.startsWith(data) ? data : "";
  const path = whole.slice(prefix.length);
  if (path === "" || !to.endsWith(`/${path}`)) return undefined;
  return { base: to.slice(0, -path.length - 1), prefix, path };
}

/** Every folder that the groups need, parents first. */
function foldersOf(groups: readonly LinkGroup[], root: string): readonly string[] {
  const folders = new Set<string>();
  for (const { to } of groups) {
    for (let at = to; at.length > root.length && !folders.has(at); at = at.slice(0, at.lastIndexOf("/")))
      folders.add(at);
  }
  return [...folders].sort();
}

function indexOf(
  root: string,
  folders: readonly string[],
  groups: readonly LinkGroup[],
): ReadonlyMap<string, SpareFolder> {
  const files = new Map<string, number>();
  for (const { to, names } of groups) files.set(to, (files.get(to) ?? 0) + names.length);
  return new Map(
    folders.map((path) => [path.slice(root.length + 1), [statSync(path).mtimeMs, files.get(path) ?? 0]] as const),
  );
}
