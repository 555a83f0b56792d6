import { renameSync, rmSync, statSync } from "node:fs";
import { errnoOf } from "../std/errors.ts";
import type { SpareTree, SpareTrees } from "../store/spare-trees.ts";
import { type FolderWork, STORE_UMASK } from "./link.ts";
import { makeFolder } from "./link-shard.ts";
import { folderMode } from "./modes.ts";
import type { WheelPlan } from "./plan.ts";
import { placeOf, type SparePlace, spareKey, stagedInfoFiles } from "./spare-stage.ts";
import type { InstallTarget } from "./target.ts";

const NOTHING: ReadonlySet<string> = new Set();

export interface SparesUsed {
  readonly files: number;
  /** What is left to be linked and written. */
  readonly rest: readonly FolderWork[];
}

/** Whose the files of a folder are, and where they lie. */
interface Owner extends SparePlace {
  readonly wheel: WheelPlan;
}

/** A folder that does not exist, and whose whole content comes from one wheel: it can be renamed into place. */
interface WholeFolder extends Omit<Owner, "path"> {
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
  const putInPlace = createPlacer();
  let files = 0;
  for (const roots of byWheel(whole)) {
    const wheel = roots[0]?.[1].wheel;
    if (wheel === undefined || wheel.byteCode === "later") continue;
    const tree = spares.take(spareKey(wheel.wheel, wheel.byteCode === "linked" ? cacheTag : undefined));
    if (tree === undefined) continue;
    for (const [path, root] of roots) {
      const inTree = root.prefix + path.slice(root.base.length + 1);
      if (!isAsPlanned(tree, inTree, root) || !putInPlace(`${tree.path}/${inTree}`, path, root)) continue;
      placed.add(path);
      for (const count of root.planned.values()) files += count;
      if (inTree === wheel.wheel.manifest.distInfo) {
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

/** The owner of a folder with files of several wheels, or of one that cannot be renamed. */
const SEVERAL = Symbol("several");

/** The topmost of the missing folders that come from one wheel alone, by path. */
function findWholeFolders(work: readonly FolderWork[], wheels: readonly WheelPlan[]): ReadonlyMap<string, WholeFolder> {
  const byFolder = new Map(wheels.map((wheel) => [wheel.wheel.folder, wheel]));
  const lengths = [...new Set([...byFolder.keys()].map((path) => path.length))];
  const owned = work.map((each) => (each.missing.length === 0 ? undefined : ownerOf(each, byFolder, lengths)));

  const owners = new Map<string, WheelPlan | typeof SEVERAL>();
  for (const [at, { missing }] of work.entries()) {
    let wheel: WheelPlan | typeof SEVERAL = owned[at]?.wheel ?? SEVERAL;
    for (let depth = missing.length - 1; depth >= 0; depth--) {
      const path = missing[depth]!;
      const known = owners.get(path);
      // What is above has been told before.
      if (known === wheel || known === SEVERAL) break;
      if (known !== undefined) wheel = SEVERAL;
      owners.set(path, wheel);
    }
  }
  const whole = new Map<string, WholeFolder>();
  for (const [at, { missing, groups }] of work.entries()) {
    const owner = owned[at];
    if (owner === undefined) continue;
    const top = missing.findIndex((path) => owners.get(path) === owner.wheel && path.length > owner.base.length);
    const path = missing[top];
    if (path === undefined) continue;
    const known = whole.get(path) ?? { ...owner, planned: new Map(), parents: missing.slice(0, top) };
    whole.set(path, known);
    known.planned.set(
      owner.prefix + owner.path,
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
): Owner | undefined {
  let owner: Owner | undefined;
  for (const group of groups) {
    let wheel: WheelPlan | undefined;
    for (const length of lengths) wheel ??= wheels.get(group.from.slice(0, length));
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
  const below = `${rootPath}/`;
  let found = 0;
  for (const [path, [mtimeMs, files]] of index) {
    if (path !== rootPath && !path.startsWith(below)) continue;
    if (files !== (planned.get(path) ?? 0)) return false;
    if (files > 0) found += 1;
    if (statSync(`${tree}/${path}`, { throwIfNoEntry: false })?.mtimeMs !== mtimeMs) return false;
  }
  return found === planned.size;
}

/** Renames whole folders into place. False where the system or a parent's group bit says no: then the files are linked as ever. */
function createPlacer(): (tree: string, path: string, root: WholeFolder) => boolean {
  const made = new Set<string>();
  const handsOn = new Map<string, boolean>();
  const handsGroupOn = (folder: string): boolean => {
    const known = handsOn.get(folder) ?? (statSync(folder).mode & 0o2000) !== 0;
    handsOn.set(folder, known);
    return known;
  };
  return (tree, path, { parents }) => {
    try {
      for (const parent of parents) {
        if (!made.has(parent)) makeFolder(parent, folderMode(STORE_UMASK));
        made.add(parent);
      }
      if (handsGroupOn(path.slice(0, path.lastIndexOf("/")))) return false;
      renameSync(tree, path);
      return true;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return false;
    }
  };
}
