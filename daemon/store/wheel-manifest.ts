/** A console or gui script of a wheel, in the shape of `EntryPoint` of standards/entry-points. */
export interface ManifestEntryPoint {
  readonly group: string;
  readonly name: string;
  /** As written: `package.module:function [extra]`. */
  readonly value: string;
  readonly module: string;
  readonly attrs: string;
  readonly extras: readonly string[];
}

/** A file of an unpacked wheel. */
export interface ManifestFile {
  /** Inside the wheel, with `/`, never absolute, without `.` and `..`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** As the wheel's RECORD writes it, `sha256=<urlsafe base64 without padding>` as a rule; empty only for RECORD and its signatures. */
  readonly hash: string;
  /** The archive marks it as an executable regular file (pip's rule): mode 0755 in the store, else 0644. */
  readonly executable: boolean;
  /** A file of `<data>/scripts` whose first line starts with `#!python`: installing rewrites that line. */
  readonly pythonScript: boolean;
}

/** All that installing a wheel needs to know, so that the unpacked tree is only linked and never searched. */
export interface WheelManifest {
  /** Of the archive, 64 lower-case hex digits. */
  readonly sha256: string;
  /** Of the archive, as the index or the user named it. */
  readonly filename: string;
  /** `Name` and `Version` as METADATA writes them. */
  readonly name: string;
  readonly version: string;
  /** The build tag of the file name, as written there. */
  readonly build: string | undefined;
  /** Compatibility tags of the file name, expanded. */
  readonly tags: readonly string[];
  readonly rootIsPurelib: boolean;
  /** Top folder `<name>-<version>.dist-info`. */
  readonly distInfo: string;
  /** Top folder `<name>-<version>.data`, if there is one. Every file in it lies below one of the five schemes. */
  readonly dataFolder: string | undefined;
  readonly consoleScripts: readonly ManifestEntryPoint[];
  readonly guiScripts: readonly ManifestEntryPoint[];
  /** Every folder that holds a file, parents first. */
  readonly directories: readonly string[];
  /** In the order of the path strings (UTF-16 code units). Includes RECORD and the other files of the dist-info folder. */
  readonly files: readonly ManifestFile[];
  /** Unpacked bytes. */
  readonly totalSize: number;
  /** What a user may be told once when the wheel is installed, e.g. a newer minor Wheel-Version. */
  readonly warnings: readonly string[];
}

/** Number of the text form; a reader that finds another one treats the wheel as not stored. */
const FORMAT = 1;
const SHA256_PREFIX = "sha256=";

const EXECUTABLE = 1;
const PYTHON_SCRIPT = 2;

/** Columns instead of objects: a manifest of 20,000 files loads in a few milliseconds and needs a third of the bytes. */
interface Columns extends Omit<WheelManifest, "files" | "directories" | "build" | "dataFolder"> {
  readonly format: number;
  readonly build: string | null;
  readonly dataFolder: string | null;
  readonly directories: string;
  readonly paths: string;
  /** Without `sha256=` where that is the algorithm. */
  readonly hashes: string;
  readonly sizes: readonly number[];
  /** One digit for each file. */
  readonly flags: string;
}

const join = (lines: readonly string[]): string => lines.join("\n");
const split = (text: string): string[] => (text === "" ? [] : text.split("\n"));

/** The text form of a manifest, for `manifest.json`. No path may hold a line feed (artifacts/wheel refuses them). */
export function renderManifest(manifest: WheelManifest): string {
  const { files, directories, build, dataFolder, ...plain } = manifest;
  const columns: Columns = {
    format: FORMAT,
    ...plain,
    build: build ?? null,
    dataFolder: dataFolder ?? null,
    directories: join(directories),
    paths: join(files.map((file) => file.path)),
    hashes: join(files.map((file) => shortHash(file.hash))),
    sizes: files.map((file) => file.size),
    flags: files
      .map((file) => String((file.executable ? EXECUTABLE : 0) + (file.pythonScript ? PYTHON_SCRIPT : 0)))
      .join(""),
  };
  return JSON.stringify(columns);
}

/** Without the usual prefix where what is left says so by having no "=" (padded ones keep it); "-" for none. */
function shortHash(hash: string): string {
  const digest = hash.startsWith(SHA256_PREFIX) ? hash.slice(SHA256_PREFIX.length) : hash;
  return digest.includes("=") ? hash : digest || "-";
}

/** The manifest of a text form, or undefined when it is damaged or of another format: the wheel then counts as not stored. */
export function parseManifest(text: string): WheelManifest | undefined {
  let columns: Columns;
  try {
    columns = JSON.parse(text) as Columns;
  } catch {
    return undefined;
  }
  if (columns?.format !== FORMAT || typeof columns.paths !== "string" || !Array.isArray(columns.sizes))
    return undefined;
  const { format: _format, directories, paths, hashes, sizes, flags, build, dataFolder, ...plain } = columns;
  const files = filesOf(split(paths), split(hashes), sizes, flags);
  if (files.length !== sizes.length || files.length !== flags.length) return undefined;
  return {
    ...plain,
    build: build ?? undefined,
    dataFolder: dataFolder ?? undefined,
    directories: split(directories),
    files,
  };
}

function filesOf(
  paths: readonly string[],
  hashes: readonly string[],
  sizes: readonly number[],
  flags: string,
): ManifestFile[] {
  return paths.map((path, index) => {
    const hash = hashes[index] ?? "-";
    const flag = Number(flags[index] ?? 0);
    return {
      path,
      size: sizes[index] ?? 0,
      hash: hash === "-" ? "" : hash.includes("=") ? hash : SHA256_PREFIX + hash,
      executable: (flag & EXECUTABLE) !== 0,
      pythonScript: (flag & PYTHON_SCRIPT) !== 0,
    };
  });
}
