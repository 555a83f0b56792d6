import { chmodSync, closeSync, openSync, readFileSync, readSync, rmSync, unlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { parseWheelFile } from "../standards/dist-info.ts";
import { parseEntryPoints } from "../standards/entry-points.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { type CoreMetadata, parseMetadataFields } from "../standards/metadata.ts";
import { normalizeName } from "../standards/name.ts";
import { tryParseVersion } from "../standards/version.ts";
import type { Stop } from "../std/worker-pool.ts";
import { writeManifest } from "../store/wheel-folder.ts";
import type { ManifestFile, WheelManifest } from "../store/wheel-manifest.ts";
import { algorithmsOf, checkHashes, type HashDemand, hashFile } from "./archive-hash.ts";
import { createTreeWriter, storeMode } from "./tree-writer.ts";
import { type EarlyFile, type EarlyTree, NOTHING_EARLY } from "./unpack-arrived.ts";
import { invalidWheel, readWheelDirectory, type WheelDirectory, type WheelEntry } from "./wheel.ts";
import { createWheelContent, isWhole, type WheelContent } from "./wheel-content.ts";
import { type UnpackedFile, verifyRecord } from "./wheel-record.ts";

/** One wheel to be unpacked. Plain values only, so that it can be posted to a worker. */
export interface UnpackTask {
  /** Absolute path of the archive, and the file name it goes by (a download may lie under another one). */
  readonly archive: string;
  readonly filename: string;
  /** Nobody needs the archive any more once it is unpacked. */
  readonly isDownload: boolean;
  /** An existing folder; the tree is made in `files/` below it, then the manifest. */
  readonly stage: string;
  /** Of the archive, hex, when somebody computed it already. */
  readonly sha256: string | undefined;
  readonly demands: readonly HashDemand[];
  /** What a message says of which file has another hash; the file name by default. */
  readonly subject?: string;
  /** What is in `files/` already; nothing else is. */
  readonly early?: EarlyTree | undefined;
}

/**
 * Verifies and unpacks one wheel into a stage of the store: hash demands first, then the table of contents, the contents with RECORD, and what
 * the dist-info files say. Everything it needs of the archive it reads from one open descriptor. What a failure leaves in the stage is the caller's
 * to remove. Runs in a worker: it blocks for as long as it takes.
 * @returns the archive's sha256
 * @throws PipdError "hash-mismatch", "invalid-wheel"; the system's error (ENOENT, ENOSPC, ...); what `stop` throws.
 */
export async function unpackWheel(task: UnpackTask, stop: Stop): Promise<string> {
  const descriptor = openSync(task.archive, "r");
  try {
    const sha256 = verifiedHash(descriptor, task, stop);
    const directory = await readWheelDirectory(descriptor, task.filename);
    const tree = join(task.stage, "files");
    using content = createWheelContent(descriptor, task.filename, stop);
    const unpacked = await unpackEntries(content, directory, tree, task.filename, task.early ?? NOTHING_EARLY);
    writeManifest(task.stage, manifestOf(task.filename, sha256, directory, tree, unpacked));
    if (task.isDownload) unlinkSync(task.archive);
    return sha256;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The text of METADATA of a wheel file that is not in the store, e.g. to resolve a local wheel before it is installed. Only that entry is read.
 * @throws PipdError "invalid-wheel"; the system's error; what `stop` throws.
 */
export async function readWheelMetadata(task: { readonly archive: string }, stop: Stop): Promise<string> {
  const filename = basename(task.archive);
  const descriptor = openSync(task.archive, "r");
  try {
    const directory = await readWheelDirectory(descriptor, filename);
    const path = `${directory.distInfo}/METADATA`;
    const entry = directory.entries.find(({ name }) => name === path);
    if (entry === undefined || !isWhole(entry)) throw invalidWheel(filename, "an entry is too large", path);
    using content = createWheelContent(descriptor, filename, stop);
    return decode(content.read(entry), filename, path);
  } finally {
    closeSync(descriptor);
  }
}

/** The archive's sha256, after the demands were met. The file is read only when that is not known from before. */
function verifiedHash(
  descriptor: number,
  { filename, subject = filename, sha256, demands }: UnpackTask,
  stop: Stop,
): string {
  if (sha256 !== undefined && checkHashes(subject, demands, new Map([["sha256", sha256]]))) return sha256;
  const digests = hashFile(descriptor, algorithmsOf(demands), stop);
  checkHashes(subject, demands, digests);
  return digests.get("sha256") ?? "";
}

/** The files of a wheel as `directory` has them. What was unpacked early stays where it agrees in all with that; else it goes, and all is unpacked. */
async function unpackEntries(
  content: WheelContent,
  directory: WheelDirectory,
  tree: string,
  filename: string,
  early: EarlyTree,
): Promise<UnpackedFile[]> {
  const entries = new Map(directory.entries.map((entry) => [entry.name, entry]));
  const isRight = early.files.every((file) => isSame(file, entries.get(file.path)));
  if (!isRight) rmSync(tree, { recursive: true, force: true });
  const kept = isRight ? early : NOTHING_EARLY;
  const unpacked: UnpackedFile[] = [];
  for (const { path, size, sha256 } of kept.files) {
    const entry = entries.get(path);
    // Local headers say nothing of modes.
    if (entry?.executable === true) chmodSync(`${tree}/${path}`, storeMode(entry));
    entries.delete(path);
    unpacked.push({ path, size, sha256 });
  }
  const writer = createTreeWriter(tree, content, filename, kept.folders);
  for (const entry of entries.values()) unpacked.push(await writer.write(entry));
  return unpacked;
}

const isSame = (early: EarlyFile, entry: WheelEntry | undefined): boolean =>
  entry !== undefined &&
  early.start === entry.start &&
  early.compressedSize === entry.compressedSize &&
  early.size === entry.size &&
  early.crc32 === entry.crc32 &&
  early.deflated === entry.deflated &&
  early.end <= entry.end;

function manifestOf(
  filename: string,
  sha256: string,
  directory: WheelDirectory,
  tree: string,
  unpacked: readonly UnpackedFile[],
): WheelManifest {
  const { distInfo, dataFolder, entries, totalSize } = directory;
  const text = (name: string): string => {
    const path = `${distInfo}/${name}`;
    return decode(readFileSync(join(tree, path)), filename, path);
  };
  try {
    const record = verifyRecord(text("RECORD"), unpacked, { filename, distInfo, tree });
    const metadata = checkedMetadata(parseMetadataFields(text("METADATA")), directory, filename);
    const wheelFile = checkedWheelFile(text("WHEEL"), filename);
    const hasPoints = unpacked.some(({ path }) => path === `${distInfo}/entry_points.txt`);
    const points = hasPoints ? parseEntryPoints(text("entry_points.txt")) : { console: [], gui: [] };
    const scripts = `${dataFolder ?? ""}/scripts/`;
    const files = entries.map(({ name: path, size, executable }): ManifestFile => {
      const pythonScript = dataFolder !== undefined && path.startsWith(scripts) && startsWithPython(join(tree, path));
      return { path, size, hash: record.hashes.get(path) ?? "", executable, pythonScript };
    });
    const build = directory.filename.build;
    return {
      sha256,
      filename,
      name: metadata.name,
      version: metadata.version,
      build: build === undefined ? undefined : build.join(""),
      tags: directory.filename.tags,
      rootIsPurelib: wheelFile.rootIsPurelib,
      distInfo,
      dataFolder,
      consoleScripts: points.console,
      guiScripts: points.gui,
      directories: directoriesOf(entries),
      files: files.sort((a, b) => (a.path < b.path ? -1 : 1)),
      totalSize,
      warnings: [...wheelFile.warnings, ...record.warnings],
    };
  } catch (error) {
    if (error instanceof InvalidText) throw invalidWheel(filename, error.message, undefined, error);
    throw error;
  }
}

function decode(bytes: Uint8Array, filename: string, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalidWheel(filename, "a file of the .dist-info folder is not UTF-8", path, error);
  }
}

/** pip refuses wheels whose metadata is of another project or version than the file name says, and so do we. */
function checkedMetadata(
  metadata: CoreMetadata,
  { filename: expected, distInfo }: WheelDirectory,
  filename: string,
): CoreMetadata {
  const path = `${distInfo}/METADATA`;
  const { name, version } = metadata;
  if (normalizeName(name) !== expected.key) {
    throw invalidWheel(filename, `its metadata is of the project ${JSON.stringify(name)}`, path);
  }
  if (tryParseVersion(version)?.key !== expected.version.key) {
    throw invalidWheel(filename, `its metadata is of the version ${JSON.stringify(version)}`, path);
  }
  return metadata;
}

/** PEP 427: another major version is refused, a greater minor one only told. */
function checkedWheelFile(
  text: string,
  filename: string,
): { readonly rootIsPurelib: boolean; readonly warnings: readonly string[] } {
  const { wheelVersion, rootIsPurelib } = parseWheelFile(text);
  const [major = 0, minor = 0] = wheelVersion;
  const written = wheelVersion.join(".");
  if (major > 1)
    throw invalidWheel(filename, `its Wheel-Version (${written}) is newer than this version of pipd can read`);
  const newer = major === 1 && minor > 0;
  return { rootIsPurelib, warnings: newer ? [`Installing from a newer Wheel-Version (${written})`] : [] };
}

/** Every folder that holds a file, parents first. */
function directoriesOf(entries: readonly WheelEntry[]): string[] {
  const folders = new Set<string>();
  for (const { name } of entries) {
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
      const folder = name.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return [...folders].sort();
}

function startsWithPython(path: string): boolean {
  const descriptor = openSync(path, "r");
  try {
    const start = Buffer.alloc("#!python".length);
    return readSync(descriptor, start, 0, start.length, 0) === start.length && start.toString("latin1") === "#!python";
  } finally {
    closeSync(descriptor);
  }
}
