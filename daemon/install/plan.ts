import { join, relative } from "node:path/posix";
import { type DirectUrl, renderDirectUrl } from "../standards/direct-url.ts";
import { PipdError } from "../std/errors.ts";
import type { ManifestFile } from "../store/wheel-manifest.ts";
import { bytecodeFolder, type StoredWheel } from "../store/wheel-store.ts";
import type { FileWrite, LinkGroup } from "./link-shard.ts";
import { executableMode, plainMode, scriptMode } from "./modes.ts";
import { byteCodePath, recordText } from "./record.ts";
import { consoleScripts, guiScripts, isEntryPointWrapper, rewriteScript } from "./scripts.ts";
import type { InstallTarget } from "./target.ts";
import type { UninstallPlan } from "./uninstall.ts";

/** What of a stored wheel has to be read before its installation can be planned. `loadWheelContent` reads it. */
export interface WheelContent {
  /** Content of the scripts that the manifest marks `pythonScript`, by archive path. */
  readonly scripts: ReadonlyMap<string, Uint8Array>;
  /** Archive paths of the sources that have byte code in the store for the target's Python; undefined when nothing was compiled yet. */
  readonly byteCode: ReadonlySet<string> | undefined;
}

/** One wheel to install and what is noted about why. */
export interface WheelInstall {
  readonly wheel: StoredWheel;
  readonly content: WheelContent;
  /** The project's name as the requirement has it: the folder of its headers. */
  readonly name: string;
  /** Asked for by the user, not only needed by others: an empty REQUESTED file. */
  readonly requested: boolean;
  readonly directUrl: DirectUrl | undefined;
}

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
  const byteCode = layouts.flatMap(({ plan, install }, owner) =>
    plan.byteCode === "linked" ? storedByteCode(install, sourcesOf[owner] ?? [], target.cacheTag ?? "") : [],
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

/** Where the files of one archive folder go. */
interface Placement {
  readonly archiveFolder: string;
  readonly folder: string;
  /** `folder` relative to the library folder, with a slash at the end unless empty. */
  readonly recordPrefix: string;
  readonly isScripts: boolean;
  /** pip saves files of the wheel's root first, then data, then scripts. */
  readonly rank: number;
  readonly names: string[];
}

/** Where each file of a wheel goes. */
interface FileMap {
  readonly placements: readonly Placement[];
  /** By RECORD place; undefined for a file that is left out. */
  readonly files: readonly (readonly [file: ManifestFile, place: string | undefined])[];
  readonly scripts: readonly FileWrite[];
  /** Content of `scripts` by RECORD place. */
  readonly rewritten: ReadonlyMap<string, Uint8Array>;
}

function mapFiles(install: WheelInstall, target: InstallTarget, library: string): FileMap {
  const { manifest } = install.wheel;
  const wrapped = new Set([...manifest.consoleScripts, ...manifest.guiScripts].map((entry) => entry.name));
  const placements = new Map<string, Placement>();
  const files: [ManifestFile, string | undefined][] = [];
  const rewritten = new Map<string, Uint8Array>();
  const scripts: FileWrite[] = [];
  let placement: Placement | undefined;
  for (const file of manifest.files) {
    const slash = file.path.lastIndexOf("/");
    // Files of one folder follow each other: nine of ten need no look-up.
    if (placement?.archiveFolder.length !== Math.max(slash, 0) || !file.path.startsWith(placement.archiveFolder)) {
      placement = placementOf(placements, file.path.slice(0, Math.max(slash, 0)), install, target, library);
    }
    const name = file.path.slice(slash + 1);
    if (name === "" || name === "." || name === "..") throw leavesTarget(install, file.path, library);
    if (placement.isScripts && isEntryPointWrapper(name, wrapped)) {
      files.push([file, undefined]);
      continue;
    }
    const place = placement.rank === 0 ? file.path : placement.recordPrefix + name;
    files.push([file, place]);
    const script = file.pythonScript ? install.content.scripts.get(file.path) : undefined;
    if (script === undefined) {
      placement.names.push(name);
    } else {
      const mode = file.executable ? executableMode(target.umask) : plainMode(target.umask);
      const content = rewriteScript(script, target.interpreter.executable);
      rewritten.set(place, content);
      scripts.push({ path: `${placement.folder}/${name}`, content, mode });
    }
  }
  return { placements: [...placements.values()], files, scripts, rewritten };
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
      files,
      rewritten,
      generated: generated.writes.map(({ path, content: bytes }) => [relative(library, path), bytes] as const),
      byteCode: byteCode === "none" ? [] : byteCodePlaces(files, rewritten, content.byteCode, target.cacheTag ?? ""),
    });
  const record = writtenLate(join(library, manifest.distInfo, "RECORD"), plainMode(target.umask), () => encode(text()));
  const groups = placements.filter(({ names }) => names.length > 0).sort((a, b) => a.rank - b.rank);
  return {
    install,
    layers: [
      ...groups.map(({ archiveFolder, folder, names }) => ({
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

const SCHEME_KEYS = ["data", "headers", "platlib", "purelib", "scripts"] as const;

function placementOf(
  placements: Map<string, Placement>,
  archiveFolder: string,
  install: WheelInstall,
  target: InstallTarget,
  library: string,
): Placement {
  const known = placements.get(archiveFolder);
  if (known !== undefined) return known;
  const [top = "", key = "", ...rest] = archiveFolder.split("/");
  const isData = top.endsWith(".data");
  const base = isData ? schemeFolder(key, archiveFolder, install, target) : library;
  const folder = archiveFolder === "" ? base : `${base}/${isData ? rest.join("/") : archiveFolder}`.replace(/\/$/, "");
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(archiveFolder) && archiveFolder !== "")
    throw leavesTarget(install, archiveFolder, base);
  const prefix = isData ? relative(library, folder) : archiveFolder;
  const isScripts = isData && key === "scripts";
  const placement: Placement = {
    archiveFolder,
    folder,
    recordPrefix: prefix === "" ? "" : `${prefix}/`,
    isScripts,
    rank: isScripts ? 2 : isData ? 1 : 0,
    names: [],
  };
  placements.set(archiveFolder, placement);
  return placement;
}

function schemeFolder(key: string, archiveFolder: string, install: WheelInstall, target: InstallTarget): string {
  const { filename } = install.wheel.manifest;
  if (key === "") {
    throw new PipdError(
      "invalid-wheel",
      `Unexpected file in ${filename}: '${archiveFolder}'. .data directory contents should be named like: '<scheme key>/<path>'.`,
    );
  }
  const known = SCHEME_KEYS.find((scheme) => scheme === key);
  if (known === undefined) {
    throw new PipdError(
      "invalid-wheel",
      `Unknown scheme key used in ${filename}: ${key} (for file '${archiveFolder}'). .data directory contents should be in ` +
        `subdirectories named with a valid scheme key (${SCHEME_KEYS.join(", ")})`,
    );
  }
  return known === "headers" ? join(target.scheme.headers, install.name) : target.scheme[known];
}

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

/** Groups for the byte code that the store has of these sources of a wheel. */
export function storedByteCode(
  { wheel, content }: Pick<WheelInstall, "wheel" | "content">,
  sources: readonly LinkGroup[],
  cacheTag: string,
): readonly LinkGroup[] {
  const store = bytecodeFolder(wheel, cacheTag);
  const groups: LinkGroup[] = [];
  for (const { from, to, names } of sources) {
    const archiveFolder = from.slice(wheel.tree.length + 1);
    const prefix = archiveFolder === "" ? "" : `${archiveFolder}/`;
    const compiled = names.filter((name) => name.endsWith(".py") && content.byteCode?.has(prefix + name) === true);
    if (compiled.length === 0) continue;
    groups.push({
      from: `${store}/${prefix}__pycache__`,
      to: `${to}/__pycache__`,
      names: compiled.map((name) => `${name.slice(0, -3)}.${cacheTag}.pyc`),
    });
  }
  return groups;
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

const leavesTarget = ({ wheel }: WheelInstall, path: string, folder: string): PipdError =>
  new PipdError(
    "invalid-wheel",
    `The wheel '${wheel.manifest.filename}' has a file '${path}' trying to install outside the target directory '${folder}'`,
  );
