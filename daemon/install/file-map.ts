import { join, relative } from "node:path/posix";
import type { DirectUrl } from "../standards/direct-url.ts";
import { PipdError } from "../std/errors.ts";
import type { ManifestFile } from "../store/wheel-manifest.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import type { FileWrite } from "./link-shard.ts";
import { executableMode, plainMode } from "./modes.ts";
import { isEntryPointWrapper, rewriteScript } from "./scripts.ts";
import type { InstallTarget } from "./target.ts";
import { isNoName, staysBelow, wheelFolders } from "./wheel-folders.ts";

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

/** Where the files of one archive folder go. */
interface Placement {
  readonly archiveFolder: string;
  readonly folder: string;
  /** pip saves files of the wheel's root first, then data, then scripts. */
  readonly rank: number;
  readonly names: readonly string[];
}

/** Where each file of a wheel goes. */
export interface FileMap {
  /** In pip's order. */
  readonly placements: readonly Placement[];
  /** RECORD places of the files that do not go below the library folder as they are; undefined for one that is left out. */
  readonly files: readonly (readonly [file: ManifestFile, place: string | undefined])[];
  readonly scripts: readonly FileWrite[];
  /** Content of `scripts` by RECORD place. */
  readonly rewritten: ReadonlyMap<string, Uint8Array>;
}

/**
 * Says where the files of a wheel go.
 * @throws PipdError `invalid-wheel` for a file that would leave its scheme's folder or names no scheme
 */
export function mapFiles(install: WheelInstall, target: InstallTarget, library: string): FileMap {
  const { library: own, data, leaving } = wheelFolders(install.wheel.manifest);
  if (leaving !== undefined) throw leavesTarget(install, leaving, library);
  const placements = own.map(({ path, names }): Placement => {
    return { archiveFolder: path, folder: path === "" ? library : `${library}/${path}`, rank: 0, names };
  });
  if (data.length === 0) return { placements, files: [], scripts: [], rewritten: new Map() };
  const { placements: others, ...map } = mapData(install, target, library, data);
  return { ...map, placements: [...placements, ...others] };
}

/** A folder below `.data`, while its files are looked at. */
interface DataPlacement extends Placement {
  readonly names: string[];
  /** `folder` relative to the library folder, with a slash at the end unless empty. */
  readonly recordPrefix: string;
}

function mapData(
  install: WheelInstall,
  target: InstallTarget,
  library: string,
  data: readonly ManifestFile[],
): FileMap {
  const { manifest } = install.wheel;
  const wrapped = new Set([...manifest.consoleScripts, ...manifest.guiScripts].map((entry) => entry.name));
  const placements = new Map<string, DataPlacement>();
  const files: [file: ManifestFile, place: string | undefined][] = [];
  const rewritten = new Map<string, Uint8Array>();
  const scripts: FileWrite[] = [];
  for (const file of data) {
    const slash = file.path.lastIndexOf("/");
    const placement = placementOf(placements, file.path.slice(0, slash), install, target, library);
    const name = file.path.slice(slash + 1);
    if (isNoName(name)) throw leavesTarget(install, file.path, library);
    if (placement.rank === SCRIPTS && isEntryPointWrapper(name, wrapped)) {
      files.push([file, undefined]);
      continue;
    }
    const place = placement.recordPrefix + name;
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
  const filled = [...placements.values()].filter(({ names }) => names.length > 0);
  return { placements: filled.sort((a, b) => a.rank - b.rank), files, scripts, rewritten };
}

const SCHEME_KEYS = ["data", "headers", "platlib", "purelib", "scripts"] as const;

/** Ranks of the folders below `.data`. */
const DATA = 1;
const SCRIPTS = 2;

function placementOf(
  placements: Map<string, DataPlacement>,
  archiveFolder: string,
  install: WheelInstall,
  target: InstallTarget,
  library: string,
): DataPlacement {
  const known = placements.get(archiveFolder);
  if (known !== undefined) return known;
  const [, key = "", ...rest] = archiveFolder.split("/");
  const base = schemeFolder(key, archiveFolder, install, target);
  if (!staysBelow(archiveFolder)) throw leavesTarget(install, archiveFolder, base);
  const folder = `${base}/${rest.join("/")}`.replace(/\/$/, "");
  const prefix = relative(library, folder);
  const placement: DataPlacement = {
    archiveFolder,
    folder,
    recordPrefix: prefix === "" ? "" : `${prefix}/`,
    rank: key === "scripts" ? SCRIPTS : DATA,
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

const leavesTarget = ({ wheel }: WheelInstall, path: string, folder: string): PipdError =>
  new PipdError(
    "invalid-wheel",
    `The wheel '${wheel.manifest.filename}' has a file '${path}' trying to install outside the target directory '${folder}'`,
  );
