import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { groupByFolder, parseRecord, parseRecordFolders } from "../standards/dist-info.ts";
import { parseEntryPoints } from "../standards/entry-points.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { createFolderReader, type FolderReader } from "./folder-reader.ts";
import { createPathSet, type FolderEntries, type PathSet, pathsOf } from "./path-set.ts";

/** What of an installed distribution decides its removal; python/installed's `Installed` has these fields. */
export interface RemovableDistribution {
  /** As METADATA writes them. */
  readonly name: string;
  readonly version: string;
  /** The folder it is imported from; for an editable one of setuptools' old kind the project folder. */
  readonly location: string;
  /** The `.dist-info` or `.egg-info`; undefined when there is none. */
  readonly infoFolder?: string | undefined;
  readonly installer?: string | undefined;
}

/** The environment that distributions are removed from. */
export interface RemovalScope {
  /** `sys.prefix`. */
  readonly prefix: string;
  readonly isVirtual: boolean;
  /** Nothing outside these folders is ever removed: the prefix, and outside a virtual environment also the schemes' folders and the user base. */
  readonly roots: readonly string[];
  /** Folders that stay although they get empty: those of the schemes. */
  readonly keep: readonly string[];
  /** `sysconfig`'s stdlib and platstdlib. */
  readonly standardLibraries: readonly string[];
  /** The scripts folder, and that of the user scheme. */
  readonly scripts: string;
  readonly userScripts: string | undefined;
  readonly userSite: string | undefined;
  /** Where pip looks for `.egg-link` files, in its order. */
  readonly siteFolders: readonly string[];
  readonly cacheTag: string | undefined;
}

/** Lines to take out of an `easy-install.pth`. */
export interface PthEdit {
  readonly file: string;
  readonly entries: readonly string[];
}

/** What removing one distribution takes away. */
export interface UninstallPlan {
  readonly name: string;
  readonly version: string;
  /** Existing files (rarely folders). `pathsOf` gives their paths. */
  readonly entries: FolderEntries;
  /** Existing files that the distribution lists outside the environment: they stay. */
  readonly refused: readonly string[];
  readonly edits: readonly PthEdit[];
  /** Real paths of the folders that stay although they get empty. */
  readonly keep: readonly string[];
  /** What pip says instead of removing anything ("Not uninstalling x at ..., outside environment ..."). */
  readonly notice: string | undefined;
}

/**
 * What pip's `UninstallPathSet.from_dist` would remove. Never a path outside `scope.roots`, also where pip has no such limit (outside
 * virtual environments).
 *
 * @throws PipdError `uninstall-no-record-file`, `uninstall-distutils-installed-package` with pip's words; the second line of the message is
 * pip's explanation.
 */
export function planUninstall(
  installed: RemovableDistribution,
  scope: RemovalScope,
  folders: FolderReader = createFolderReader(),
): UninstallPlan {
  const found = createPathSet(scope, folders);
  const notice = whyNot(installed, scope, folders);
  if (notice === undefined) {
    collectFiles(installed, scope, found, folders);
    collectScripts(installed, scope, found, folders);
  }
  return {
    name: installed.name,
    version: installed.version,
    entries: found.entries,
    refused: pathsOf(found.refused),
    edits: [...found.edits].map(([file, entries]) => ({ file, entries: [...entries] })),
    keep: scope.keep.map(folders.realOrSame),
    notice,
  };
}

/** pip's three reasons to leave a distribution alone without an error. */
function whyNot(installed: RemovableDistribution, scope: RemovalScope, folders: FolderReader): string | undefined {
  const { realOrSame } = folders;
  const location = realOrSame(installed.location);
  const place = realOrSame(eggLinkOf(installed, scope, folders) ?? installed.location);
  if (scope.isVirtual && !place.startsWith(realOrSame(scope.prefix))) {
    return `Not uninstalling ${canonical(installed.name)} at ${location}, outside environment ${scope.prefix}`;
  }
  if (scope.standardLibraries.includes(location)) {
    return `Not uninstalling ${canonical(installed.name)} at ${location}, as it is in the standard library.`;
  }
  return undefined;
}

const canonical = (name: string): string => name.replaceAll(/[-_.]+/g, "-").toLowerCase();

const isBelow = (path: string, root: string): boolean => root === "/" || path.startsWith(`${root}/`);

/** The cases of pip in pip's order: with two installations of one name it is the one found first that goes. */
function collectFiles(
  installed: RemovableDistribution,
  scope: RemovalScope,
  found: PathSet,
  folders: FolderReader,
): void {
  const { infoFolder, location, name } = installed;
  const kind = infoFolder === undefined ? undefined : folders.kind(infoFolder);
  const isFolder = infoFolder !== undefined && (kind === "folder" || kind === "folder-link");
  const isFlatEggInfo =
    isFolder && infoFolder.endsWith(".egg-info") && !infoFolder.endsWith(`${name.replaceAll("-", "_")}.egg-info`);
  if (isFlatEggInfo) {
    collectEggInfo(infoFolder, location, found);
  } else if (kind === "file") {
    throw new PipdError(
      "uninstall-distutils-installed-package",
      `Cannot uninstall ${name} ${installed.version}\nIt is a distutils installed project and thus we cannot accurately determine ` +
        "which files belong to it which would lead to only a partial uninstall.",
    );
  } else if (location.replace(/\/$/, "").endsWith(".egg")) {
    const egg = folders.realOrSame(location);
    found.add(egg);
    found.addEntry(join(dirname(egg), "easy-install.pth"), `./${basename(egg)}`);
  } else if (isFolder && infoFolder.endsWith(".dist-info")) {
    collectRecord(installed, infoFolder, found);
  } else {
    const link = eggLinkOf(installed, scope, folders);
    if (link !== undefined) {
      found.add(link);
      found.addEntry(join(dirname(link), "easy-install.pth"), location);
    }
  }
}

function collectRecord(installed: RemovableDistribution, infoFolder: string, found: PathSet): void {
  const record = textOf(join(infoFolder, "RECORD"));
  const legacy = record === undefined ? legacyEntries(infoFolder, installed.location) : [];
  if (legacy === undefined) throw noRecord(installed);
  for (const [folder, names] of record === undefined ? groupByFolder(legacy) : parseRecordFolders(record)) {
    found.addNames(folder.startsWith("/") ? folder : absolute(installed.location, folder), names, true);
  }
}

function collectEggInfo(infoFolder: string, location: string, found: PathSet): void {
  found.add(infoFolder);
  const record = textOf(join(infoFolder, "RECORD"));
  const entries =
    record === undefined ? legacyEntries(infoFolder, location) : parseRecord(record).map(({ path }) => path);
  if (entries !== undefined) {
    for (const entry of entries) found.add(absolute(location, entry));
    return;
  }
  const lines = (file: string): string[] => (textOf(join(infoFolder, file)) ?? "").split(/\r?\n/);
  const namespaces = new Set(lines("namespace_packages.txt"));
  for (const top of lines("top_level.txt")) {
    if (top === "" || namespaces.has(top)) continue;
    const path = join(location, top);
    for (const suffix of ["", ".py", ".pyc", ".pyo"]) found.add(path + suffix);
  }
}

/** `installed-files.txt` of setuptools: relative to the info folder. */
function legacyEntries(infoFolder: string, location: string): readonly string[] | undefined {
  const text = textOf(join(infoFolder, "installed-files.txt"));
  return text
    ?.split(/\r?\n/)
    .filter((line) => line !== "")
    .map((line) => (isBelow(infoFolder, location) ? join(infoFolder, line) : line));
}

/** Not normalised where `..` leads through a folder: that folder may be a symbolic link. */
const absolute = (location: string, entry: string): string =>
  entry.startsWith("/") ? entry : `${location}/${entry.replace(/^(\.\/)+/, "")}`;

function collectScripts(
  { infoFolder, location }: RemovableDistribution,
  scope: RemovalScope,
  found: PathSet,
  folders: FolderReader,
): void {
  if (infoFolder === undefined) return;
  const { realOrSame } = folders;
  const isUser = scope.userSite !== undefined && realOrSame(location).startsWith(realOrSame(scope.userSite));
  const scripts = isUser ? (scope.userScripts ?? scope.scripts) : scope.scripts;
  const info = folders.list(infoFolder);
  const names = new Set(info?.has("scripts") === true ? folders.list(join(infoFolder, "scripts"))?.keys() : []);
  if (info?.has("entry_points.txt") === true) {
    const { console, gui } = entryPointsOf(join(infoFolder, "entry_points.txt"));
    for (const { name } of [...console, ...gui]) if (!name.includes("\0")) names.add(name);
  }
  for (const name of names) found.add(join(scripts, name));
}

function entryPointsOf(path: string): Pick<ReturnType<typeof parseEntryPoints>, "console" | "gui"> {
  try {
    return parseEntryPoints(textOf(path) ?? "");
  } catch (error) {
    if (error instanceof InvalidText) return { console: [], gui: [] };
    throw error;
  }
}

/** pip's `egg_link_path_from_location`: the link that `setup.py develop` left for a project. */
function eggLinkOf(
  { name, infoFolder }: RemovableDistribution,
  { siteFolders }: RemovalScope,
  folders: FolderReader,
): string | undefined {
  if (infoFolder?.endsWith(".dist-info") === true) return undefined;
  const names = [`${name.replaceAll(/[^A-Za-z0-9.]+/g, "-")}.egg-link`, `${name}.egg-link`];
  return siteFolders
    .flatMap((site) => names.map((file) => join(site, file)))
    .find((path) => folders.kind(path) === "file");
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EISDIR") return undefined;
    throw new PipdError("unreadable-file", `Could not read ${path}: ${errno ?? String(error)}`, { cause: error });
  }
}

function noRecord({ name, version, installer = "" }: RemovableDistribution): PipdError {
  const hint =
    installer === "" || installer === "pip" || installer === "pipd"
      ? `You might be able to recover from this via: pip install --ignore-installed --no-deps ${name}==${version}`
      : `The package was installed by ${installer}. You should check if it can uninstall the package.`;
  return new PipdError(
    "uninstall-no-record-file",
    `Cannot uninstall ${name} ${version}\nThe package's contents are unknown: no RECORD file was found for ${name}.`,
    { hint },
  );
}
