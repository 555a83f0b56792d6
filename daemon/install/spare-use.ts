import { renameSync, rmSync, statSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";
import type { SpareTree, SpareTrees } from "../store/spare-trees.ts";
import { type FolderWork, STORE_UMASK } from "./link.ts";
import { makeFolder } from "./link-shard.ts";
import { folderMode } from "./modes.ts";
import type { WheelPlan } from "./plan.ts";
import { placeOf, spareKey, stagedInfoFiles } from "./spare-stage.ts";
import type { InstallTarget } from "./target.ts";

const NOTHING: ReadonlySet<string> = new Set();

export interface SparesUsed {
  readonly files: number;
  /** What is left to be linked and written. */
  readonly rest: readonly FolderWork[];
}

/** A folder that does not exist, and whose whole content comes from one wheel: it can be renamed into place. */
interface WholeFolder {
  readonly wheel: WheelPlan;
  readonly library: string;
  /** By path in the tree: how many files are planned. */
  readonly planned: Map<string, number>;
  /** Folders above it that are to be made. */
  readonly parents: readonly string[];
}

/**
 * Renames what spare trees have of this work into place, within a transaction that has announced it. Only where linking would give the same: folders
 * of one wheel alone that are new, whose tree is as it was made; not below a folder that hands its group or its bit for that on to new folders.
 *
 * @param folder of the transaction, on the file system of the target
 */
export function useSpares(
  work: readonly FolderWork[],
  wheels: readonly WheelPlan[],
  folder: string,
  { cacheTag }: InstallTarget,
  spares: SpareTrees,
): SparesUsed {
  const unused: SparesUsed = { files: 0, rest: work };
  const device = spares.device();
  if (device === undefined || device !== statSync(folder).dev) return unused;
  const whole = findWholeFolders(work, wheels);
  const placed = new Set<string>();
  const infoFiles = new Map<string, ReadonlySet<string>>();
  let files = 0;
  for (const roots of byWheel(whole)) {
    const wheel = roots[0]?.[1].wheel;
    if (wheel === undefined || wheel.byteCode === "later") continue;
    const tree = spares.take(spareKey(wheel.wheel, wheel.byteCode === "linked" ? cacheTag : undefined));
    if (tree === undefined) continue;
    for (const [path, root] of roots) {
      if (!isAsPlanned(tree, path.slice(root.library.length + 1), root) || !putInPlace(tree.path, path, root)) continue;
      placed.add(path);
      for (const count of root.planned.values()) files += count;
      if (path === `${root.library}/${wheel.wheel.manifest.distInfo}`) {
        infoFiles.set(path, stagedInfoFiles(wheel.hasPlainRecord));
        // That of a wheel that nobody asks for, without scripts: this one has more in it.
        if (!wheel.hasPlainRecord) rmSync(`${path}/RECORD`, { force: true });
      }
    }
  }
  const rest = work.flatMap((each): readonly FolderWork[] => {
    if (!each.missing.some((path) => placed.has(path))) return [each];
    const there = infoFiles.get(each.folder) ?? NOTHING;
    const writes = each.writes.filter(({ path }) => !there.has(path.slice(each.folder.length + 1)));
    files += each.writes.length - writes.length;
    return writes.length === 0 ? [] : [{ ...each, missing: [], groups: [], writes }];
  });
  return { files, rest };
}

/** The topmost of the missing folders that come from one wheel alone, by path. */
function findWholeFolders(work: readonly FolderWork[], wheels: readonly WheelPlan[]): ReadonlyMap<string, WholeFolder> {
  const byFolder = new Map(wheels.map((wheel) => [wheel.wheel.folder, wheel]));
  const lengths = [...new Set([...byFolder.keys()].map((path) => path.length))];
  const owned = work.map((each) => (each.missing.length === 0 ? undefined : ownerOf(each, byFolder, lengths)));

  const owners = new Map<string, WheelPlan | undefined>();
  for (const [at, { missing }] of work.entries()) {
    const wheel = owned[at]?.wheel;
    for (const path of missing) owners.set(path, owners.has(path) && owners.get(path) !== wheel ? undefined : wheel);
  }
  const whole = new Map<string, WholeFolder>();
  for (const [at, { missing, groups }] of work.entries()) {
    const owner = owned[at];
    if (owner === undefined) continue;
    const top = missing.findIndex((path) => owners.get(path) === owner.wheel && path.length > owner.library.length);
    const path = missing[top];
    if (path === undefined) continue;
    const known = whole.get(path) ?? { ...owner, planned: new Map(), parents: missing.slice(0, top) };
    whole.set(path, known);
    known.planned.set(
      owner.path,
      groups.reduce((sum, { names }) => sum + names.length, 0),
    );
  }
  return whole;
}

/** The one wheel that all files of a folder are from, unless it puts them elsewhere than they are in its tree. */
function ownerOf(
  { groups }: FolderWork,
  wheels: ReadonlyMap<string, WheelPlan>,
  lengths: readonly number[],
): { readonly wheel: WheelPlan; readonly library: string; readonly path: string } | undefined {
  let owner: { readonly wheel: WheelPlan; readonly library: string; readonly path: string } | undefined;
  for (const group of groups) {
    const wheel = lengths.map((length) => wheels.get(group.from.slice(0, length))).find((each) => each !== undefined);
    const place = wheel === undefined ? undefined : placeOf(group, wheel.wheel);
    if (wheel === undefined || place === undefined || (owner !== undefined && owner.wheel !== wheel)) return undefined;
    owner = { wheel, ...place };
  }
  return owner;
}

function byWheel(
  whole: ReadonlyMap<string, WholeFolder>,
): readonly (readonly (readonly [path: string, root: WholeFolder])[])[] {
  return [...Map.groupBy(whole, ([, { wheel }]) => wheel).values()];
}

/** The tree has what is planned, and nobody has changed it since it was made: every folder has the time and the number of files of then. */
function isAsPlanned({ path: tree, index }: SpareTree, rootPath: string, { planned }: WholeFolder): boolean {
  let found = 0;
  for (const [path, [mtimeMs, files]] of index) {
    if (path !== rootPath && !path.startsWith(`${rootPath}/`)) continue;
    if (files !== (planned.get(path) ?? 0)) return false;
    if (files > 0) found += 1;
    if (statSync(`${tree}/${path}`, { throwIfNoEntry: false })?.mtimeMs !== mtimeMs) return false;
  }
  return found === planned.size;
}

/** False where the system or a parent's group bit says no: then the files are linked as ever. */
function putInPlace(tree: string, path: string, { library, parents }: WholeFolder): boolean {
  try {
    for (const parent of parents) makeFolder(parent, folderMode(STORE_UMASK));
    if ((statSync(path.slice(0, path.lastIndexOf("/"))).mode & 0o2000) !== 0) return false;
    renameSync(`${tree}${path.slice(library.length)}`, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
