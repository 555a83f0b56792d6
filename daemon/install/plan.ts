import { join, relative } from "node:path/posix";
import { renderDirectUrl } from "../standards/direct-url.ts";
import type { SortedRows } from "../standards/dist-info.ts";
import type { ManifestFile, WheelManifest } from "../store/wheel-manifest.ts";
import { bytecodeFolder, type StoredWheel } from "../store/wheel-store.ts";
import { mapFiles, type WheelInstall } from "./file-map.ts";
import type { FileWrite, LinkGroup } from "./link-shard.ts";
import { plainMode, scriptMode } from "./modes.ts";
import { byteCodePath, ownRows, recordText } from "./record.ts";
import { consoleScripts, guiScripts } from "./scripts.ts";
import type { InstallTarget } from "./target.ts";
import type { UninstallPlan } from "./uninstall.ts";
import { isData } from "./wheel-folders.ts";

export interface PlanInput {
  readonly target: InstallTarget;
  readonly removals: readonly UninstallPlan[];
  /** In the order of installation: where two wheels have one path, the later one's file stays, as with pip. */
  readonly wheels: readonly WheelInstall[];
  /** `--compile`, pip's default. */
  readonly compile: boolean;
}

/** What the plan says about one of its wheels. */
export interface WheelPlan {
  readonly wheel: StoredWheel;
  readonly requested: boolean;
  /** Absolute. */
  readonly infoFolder: string;
  /** Absolute paths of the console scripts, for the warning about PATH. */
  readonly consoleScripts: readonly string[];
  /** The wheel's own linked files. */
  readonly sources: readonly LinkGroup[];
  /** `linked`: part of the plan. `later`: RECORD has the rows, `compile.ts` brings the files. */
  readonly byteCode: "none" | "linked" | "later";
  /** RECORD is the same in every environment: nothing but the wheel's own files, its byte code and INSTALLER, all in the library folder. */
  readonly hasPlainRecord: boolean;
}

/** All changes to one target. Plain values: the same plan serves `--dry-run`, a report and the transaction. */
export interface Plan {
  readonly removals: readonly UninstallPlan[];
  readonly wheels: readonly WheelPlan[];
  /** Every path once, in no particular order; folders as they are written in the scheme. */
  readonly groups: readonly LinkGroup[];
  readonly writes: readonly FileWrite[];
  /** Existing paths that have to go besides those of `removals` (`--target --upgrade`). */
  readonly replaced: readonly string[];
}

const INSTALLER = new TextEncoder().encode("pipd\n");

/**
 * Says what installing these wheels changes, without looking at the disk.
 *
 * @throws PipdError `invalid-wheel` for a file that would leave its scheme's folder or names no scheme, `invalid-entry-point`.
 */
export function planInstall({ target, removals, wheels, compile }: PlanInput): Plan {
  const layouts = wheels.map((install) => layoutOf(install, target, compile));
  const settled = settle(layouts.flatMap((layout, owner) => layout.layers.map((layer) => ({ ...layer, owner }))));
  const sources = settled.flatMap(({ group }) => (group === undefined ? [] : [group]));
  const sourcesOf = layouts.map((): LinkGroup[] => []);
  for (const { group, owner } of settled) if (group !== undefined) sourcesOf[owner]?.push(group);
  const byteCode = layouts.flatMap(({ plan, install: { wheel, content } }, owner) =>
    plan.byteCode === "linked" && content.byteCode !== undefined
      ? storedByteCode(wheel, content.byteCode, sourcesOf[owner] ?? [], target.cacheTag ?? "")
      : [],
  );
  return {
    removals,
    wheels: layouts.map(({ plan }, owner) => ({ ...plan, sources: sourcesOf[owner] ?? [] })),
    groups: byteCode.length === 0 ? sources : withByteCode(sources, byteCode),
    writes: settled.flatMap(({ write }) => (write === undefined ? [] : [write])),
    replaced: [],
  };
}

/** A group of linked files or one written file; later layers lie over earlier ones. */
interface Layer {
  readonly folder: string;
  readonly group?: LinkGroup;
  readonly write?: FileWrite;
}

interface OwnedLayer extends Layer {
  readonly owner: number;
}

interface Layout {
  readonly install: WheelInstall;
  readonly layers: readonly Layer[];
  readonly plan: Omit<WheelPlan, "sources">;
}

function layoutOf(install: WheelInstall, target: InstallTarget, compile: boolean): Layout {
  const { wheel, content, requested } = install;
  const { manifest } = wheel;
  const library = manifest.rootIsPurelib ? target.scheme.purelib : target.scheme.platlib;
  const { placements, files, scripts, rewritten } = mapFiles(install, target, library);
  const generated = generatedFiles(install, target, library);
  const byteCode = byteCodeOf(install, target, compile);
  const text = (): string =>
    recordText({
      own: rowsOf(manifest, byteCode, content, target.cacheTag ?? ""),
      files,
      rewritten,
      generated: generated.writes.map(({ path, content: bytes }) => [relative(library, path), bytes] as const),
      byteCode: byteCode === "none" ? [] : byteCodePlaces(files, rewritten, content.byteCode, target.cacheTag ?? ""),
    });
  const record = writtenLate(join(library, manifest.distInfo, "RECORD"), plainMode(target.umask), () => encode(text()));
  return {
    install,
    layers: [
      ...placements.map(({ archiveFolder, folder, names }) => ({
        folder,
        group: { from: archiveFolder === "" ? wheel.tree : `${wheel.tree}/${archiveFolder}`, to: folder, names },
      })),
      ...[...scripts, ...generated.writes, record].map((write) => ({ folder: folderOf(write.path), write })),
    ],
    plan: {
      wheel,
      requested,
      infoFolder: join(library, manifest.distInfo),
      consoleScripts: generated.consoleScripts,
      byteCode,
      hasPlainRecord:
        manifest.dataFolder === undefined &&
        generated.writes.length === 1 &&
        byteCode !== "later" &&
        scripts.length === 0,
    },
  };
}

/** A file whose content is made when it is first asked for: the RECORD of a tree that lies ready is never rendered again. */
function writtenLate(path: string, mode: number, make: () => Uint8Array): FileWrite {
  let made: Uint8Array | undefined;
  return {
    path,
    mode,
    get content() {
      return (made ??= make());
    },
  };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** What the installer adds, in pip's order: scripts of entry points, INSTALLER, direct_url.json, REQUESTED. */
function generatedFiles(
  { wheel: { manifest }, directUrl, requested }: WheelInstall,
  { scheme, interpreter, umask }: InstallTarget,
  library: string,
): { readonly writes: readonly FileWrite[]; readonly consoleScripts: readonly string[] } {
  const scriptWrite = ({ name, text }: { readonly name: string; readonly text: string }): FileWrite => ({
    path: join(scheme.scripts, name),
    content: encode(text),
    mode: scriptMode(umask),
  });
  const infoWrite = (name: string, content: Uint8Array): FileWrite => ({
    path: join(library, manifest.distInfo, name),
    content,
    mode: plainMode(umask),
  });
  const console = consoleScripts(manifest.consoleScripts, interpreter, scheme.scripts).map(scriptWrite);
  return {
    consoleScripts: console.map(({ path }) => path),
    writes: [
      ...console,
      ...guiScripts(manifest.guiScripts, interpreter, scheme.scripts).map(scriptWrite),
      infoWrite("INSTALLER", INSTALLER),
      ...(directUrl === undefined ? [] : [infoWrite("direct_url.json", encode(renderDirectUrl(directUrl)))]),
      ...(requested ? [infoWrite("REQUESTED", new Uint8Array())] : []),
    ],
  };
}

function byteCodeOf({ content }: WheelInstall, { cacheTag }: InstallTarget, compile: boolean): WheelPlan["byteCode"] {
  if (!compile || cacheTag === undefined) return "none";
  return content.byteCode === undefined ? "later" : "linked";
}

/** By the sources that have byte code: they belong to one wheel in memory. */
const knownRows = new WeakMap<ReadonlySet<string>, SortedRows>();

/** RECORD's rows for what goes below the library folder as it is; kept for wheels whose byte code is made. */
function rowsOf(
  manifest: WheelManifest,
  byteCode: WheelPlan["byteCode"],
  content: WheelInstall["content"],
  cacheTag: string,
): SortedRows {
  const kept = byteCode === "linked" ? content.byteCode : undefined;
  const known = kept && knownRows.get(kept);
  if (known !== undefined) return known;
  const own = manifest.files.filter(({ path }) => !isData(path));
  const places = own.map((file) => [file, file.path] as const);
  const rows = ownRows(own, byteCode === "none" ? [] : byteCodePlaces(places, NOTHING, content.byteCode, cacheTag));
  if (kept !== undefined) knownRows.set(kept, rows);
  return rows;
}

const NOTHING: ReadonlyMap<string, Uint8Array> = new Map();

/** RECORD places of the byte code of a wheel: of all linked sources, or of those that are known to compile. */
function byteCodePlaces(
  files: readonly (readonly [ManifestFile, string | undefined])[],
  rewritten: ReadonlyMap<string, Uint8Array>,
  compiled: ReadonlySet<string> | undefined,
  cacheTag: string,
): readonly string[] {
  const places = new Set<string>();
  for (const [{ path }, place] of files) {
    if (place === undefined || !path.endsWith(".py") || rewritten.has(place) || compiled?.has(path) === false) continue;
    const byteCode = byteCodePath(place, cacheTag);
    if (byteCode !== undefined) places.add(byteCode);
  }
  return [...places];
}

/** Groups for the byte code that the store has of these sources of a wheel. @param byteCode as `compiledSources` gives it */
export function storedByteCode(
  wheel: StoredWheel,
  byteCode: ReadonlySet<string>,
  sources: readonly LinkGroup[],
  cacheTag: string,
): readonly LinkGroup[] {
  const store = bytecodeFolder(wheel, cacheTag);
  const groups: LinkGroup[] = [];
  for (const { from, to, names } of sources) {
    const archiveFolder = from.slice(wheel.tree.length + 1);
    const prefix = archiveFolder === "" ? "" : `${archiveFolder}/`;
    const compiled = compiledNames(names, prefix, byteCode, cacheTag);
    if (compiled.length > 0)
      groups.push({ from: `${store}/${prefix}__pycache__`, to: `${to}/__pycache__`, names: compiled });
  }
  return groups;
}

/** By the sources that have byte code, then by the names of a folder: both are the same arrays and sets as long as a wheel is in memory. */
const knownNames = new WeakMap<ReadonlySet<string>, WeakMap<readonly string[], readonly string[]>>();

/** Names of the byte code of those of a folder's files that have some. */
function compiledNames(
  names: readonly string[],
  prefix: string,
  byteCode: ReadonlySet<string>,
  cacheTag: string,
): readonly string[] {
  const known = knownNames.get(byteCode) ?? new WeakMap<readonly string[], readonly string[]>();
  knownNames.set(byteCode, known);
  const seen = known.get(names);
  if (seen !== undefined) return seen;
  const compiled = names
    .filter((name) => name.endsWith(".py") && byteCode.has(prefix + name))
    .map((name) => `${name.slice(0, -3)}.${cacheTag}.pyc`);
  known.set(names, compiled);
  return compiled;
}

/** Byte code goes over byte code that a wheel carries itself, as with pip, which compiles after it has unpacked. */
function withByteCode(sources: readonly LinkGroup[], byteCode: readonly LinkGroup[]): readonly LinkGroup[] {
  const layers = [...sources, ...byteCode].map((group) => ({ folder: group.to, group, owner: 0 }));
  return settle(layers).flatMap(({ group }) => (group === undefined ? [] : [group]));
}

/** Leaves each path to the last layer that has it. Only folders that several layers write to cost anything. */
function settle(layers: readonly OwnedLayer[]): readonly OwnedLayer[] {
  const byFolder = Map.groupBy(layers, (layer) => layer.folder);
  const settled: OwnedLayer[] = [];
  for (const sharing of byFolder.values()) {
    if (sharing.length === 1) {
      settled.push(...sharing);
      continue;
    }
    const taken = new Set<string>();
    const take = (name: string): boolean => !taken.has(name) && taken.add(name) !== undefined;
    for (const layer of sharing.toReversed()) {
      const { folder, group, write } = layer;
      if (write !== undefined && take(write.path.slice(folder.length + 1))) settled.push(layer);
      const names = group?.names.filter(take) ?? [];
      if (group !== undefined && names.length > 0) settled.push({ ...layer, group: { ...group, names } });
    }
  }
  return settled;
}
