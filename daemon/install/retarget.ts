import { lstatSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { PipdError } from "../std/errors.ts";
import type { Plan, WheelPlan } from "./plan.ts";
import type { InstallTarget } from "./target.ts";

/** What stands in a `--target` folder, by name. */
export type TargetEntries = ReadonlyMap<string, "link" | "other">;

/** @throws PipdError `target-not-folder` with pip's words. */
export function readTargetFolder(folder: string): TargetEntries {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return new Map();
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return new Map(entries.map((entry) => [entry.name, entry.isSymbolicLink() ? "link" : "other"]));
  } catch (error) {
    throw new PipdError("target-not-folder", "Target path exists but is not a directory, will not continue.", {
      cause: error,
    });
  }
}

export interface Retargeted {
  readonly plan: Plan;
  /** pip's warnings about what it leaves alone, in order. */
  readonly warnings: readonly string[];
}

/**
 * Turns a plan for `{home: folder}` into what `pip install --target folder` leaves there. pip installs into a temporary home, then moves each
 * entry of its library folder and of its data folder (`bin`, `share`, ...) to the target: an entry that exists is skipped with a warning, or
 * replaced whole with `--upgrade` unless it is a link. RECORD keeps the paths of the temporary home (`../../bin/x`), and data files that fall
 * into its `lib` are lost; so does pip.
 */
export function retarget(
  plan: Plan,
  target: InstallTarget,
  folder: string,
  existing: TargetEntries,
  upgrade: boolean,
): Retargeted {
  const entries = topEntries(plan, target);
  const taken = new Map<string, string>();
  const skipped = new Set<string>();
  const replaced: string[] = [];
  const warnings: string[] = [];
  for (const { key, name } of entries) {
    const place = join(folder, name);
    const there = taken.has(name) ? "other" : existing.get(name);
    if (there !== undefined && !upgrade) {
      warnings.push(`Target directory ${place} already exists. Specify --upgrade to force replacement.`);
      skipped.add(key);
    } else if (there === "link") {
      warnings.push(
        `Target directory ${place} already exists and is a link. pip will not automatically replace links, please remove if replacement is desired.`,
      );
      skipped.add(key);
    } else {
      if (there !== undefined && !taken.has(name)) replaced.push(place);
      // What an earlier folder of the home brought under this name is replaced by this one.
      const earlier = taken.get(name);
      if (earlier !== undefined) skipped.add(earlier);
      taken.set(name, key);
    }
  }
  const move = (path: string): string | undefined => {
    const entry = entryOf(path, target);
    return entry === undefined || skipped.has(entry.key) ? undefined : join(folder, entry.name, entry.rest);
  };
  return { plan: movePlan(plan, folder, move, replaced), warnings };
}

interface TopEntry {
  readonly key: string;
  /** Of its folder in the temporary home. */
  readonly rank: number;
  readonly name: string;
  readonly rest: string;
}

/** The folders that pip goes through, in its order. */
const foldersOf = ({ scheme }: InstallTarget): readonly string[] => [
  ...new Set([scheme.purelib, scheme.platlib, scheme.data]),
];

/** Which top entry of the temporary home a file belongs to; undefined for what pip drops. */
function entryOf(path: string, target: InstallTarget): TopEntry | undefined {
  const { scheme } = target;
  const bases = foldersOf(target);
  const rank = bases.findIndex((base) => path.startsWith(`${base}/`));
  const base = bases[rank] ?? "";
  const [name = "", ...rest] = path.slice(base.length + 1).split("/");
  const isLibrary = base !== scheme.data;
  if (!isLibrary && [scheme.purelib, scheme.platlib].some((library) => library.startsWith(join(base, name))))
    return undefined;
  return { key: `${rank} ${name}`, rank, name, rest: rest.join("/") };
}

/** In pip's order of folders, by name in each. */
function topEntries(plan: Plan, target: InstallTarget): readonly TopEntry[] {
  const entries = new Map<string, TopEntry>();
  const add = (path: string): void => {
    const entry = entryOf(path, target);
    if (entry !== undefined) entries.set(entry.key, entry);
  };
  for (const { to, names } of plan.groups) for (const name of names) add(`${to}/${name}`);
  for (const { path } of plan.writes) add(path);
  return [...entries.values()].sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
}

function movePlan(
  plan: Plan,
  folder: string,
  move: (path: string) => string | undefined,
  replaced: readonly string[],
): Plan {
  const moveGroups = (groups: WheelPlan["sources"]): WheelPlan["sources"] =>
    groups.flatMap(({ from, to, names }) => {
      // Files directly in the library or data folder are entries of their own.
      const kept = names.filter((name) => move(`${to}/${name}`) !== undefined);
      const first = kept[0] === undefined ? undefined : move(`${to}/${kept[0]}`);
      return first === undefined ? [] : [{ from, to: first.slice(0, first.lastIndexOf("/")), names: kept }];
    });
  return {
    removals: plan.removals,
    wheels: plan.wheels.map((wheel) => ({
      ...wheel,
      infoFolder: join(folder, basename(wheel.infoFolder)),
      consoleScripts: wheel.consoleScripts.flatMap((path) => move(path) ?? []),
      sources: moveGroups(wheel.sources),
    })),
    groups: moveGroups(plan.groups),
    writes: plan.writes.flatMap((write) => {
      const path = move(write.path);
      return path === undefined ? [] : [{ ...write, path }];
    }),
    replaced: [...plan.replaced, ...replaced],
  };
}
