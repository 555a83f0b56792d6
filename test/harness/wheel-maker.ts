import { hash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { makeRawZip, type RawEntry } from "./raw-zip.ts";

/** Content of a file: text, bytes, or bytes with a Unix mode (the default mode is 0644). */
export type WheelFileContent = string | Uint8Array | { readonly content: string | Uint8Array; readonly mode: number };
export type WheelFiles = Readonly<Record<string, WheelFileContent>>;

/** One row of RECORD, as it will be written. */
export interface RecordLine {
  readonly path: string;
  readonly hash: string;
  readonly size: string;
}

/** What a made wheel is. Only `name` is needed; the rest defaults to a correct pure wheel `<name>/__init__.py` of version 1.0. */
export interface WheelSpec {
  readonly name: string;
  readonly version?: string;
  /** Files of the root. Default: one module `<name>/__init__.py` that sets `__version__`. */
  readonly files?: WheelFiles;
  readonly requires?: readonly string[];
  readonly requiresPython?: string;
  readonly extras?: readonly string[];
  readonly summary?: string;
  /** Further header lines of METADATA, e.g. `License: MIT`. */
  readonly headers?: readonly string[];
  readonly description?: string;
  /** Replaces METADATA whole; null leaves the file out. */
  readonly metadata?: string | null;
  /** Replaces WHEEL whole; null leaves the file out. */
  readonly wheelFile?: string | null;
  readonly wheelVersion?: string;
  readonly rootIsPurelib?: boolean;
  /** Group to name to object reference: `{console_scripts: {tool: "tool.cli:main"}}`. */
  readonly entryPoints?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Replaces entry_points.txt whole. */
  readonly entryPointsText?: string;
  /** Files of `<name>-<version>.data`, by scheme: `{scripts: {"tool": "#!python\n"}}`. */
  readonly data?: Readonly<Record<string, WheelFiles>>;
  /** Compressed tag sets of the file name. Default `py3-none-any`. */
  readonly tag?: string;
  readonly build?: string;
  /** Further files of the dist-info folder. */
  readonly distInfoFiles?: WheelFiles;
  /** The folder's name, when it shall differ from `<name>-<version>.dist-info`. */
  readonly distInfo?: string;
  /** Changes the rows of RECORD (wrong hash, missing row, double row); null leaves the file out. */
  readonly record?: ((rows: readonly RecordLine[]) => readonly RecordLine[]) | null;
  /** Write folder entries too, as some build backends do. */
  readonly folderEntries?: boolean;
  /** Changes the archive's entries after RECORD was made: for hostile archives, which are then written by hand. */
  readonly alter?: (entries: readonly RawEntry[]) => readonly RawEntry[];
}

const versionOf = (spec: WheelSpec): string => spec.version ?? "1.0";
const escaped = (name: string): string => name.replaceAll(/[-_.]+/g, "_");
const stem = (spec: WheelSpec): string => `${escaped(spec.name)}-${versionOf(spec)}`;

/** The file name that a wheel of this spec has. */
export function wheelFilename(spec: WheelSpec): string {
  return `${[stem(spec), ...(spec.build === undefined ? [] : [spec.build]), spec.tag ?? "py3-none-any"].join("-")}.whl`;
}

/** METADATA of a wheel of this spec. */
export function metadataText(spec: WheelSpec): string {
  const headers = [
    "Metadata-Version: 2.1",
    `Name: ${spec.name}`,
    `Version: ${versionOf(spec)}`,
    ...(spec.summary === undefined ? [] : [`Summary: ${spec.summary}`]),
    ...(spec.headers ?? []),
    ...(spec.requiresPython === undefined ? [] : [`Requires-Python: ${spec.requiresPython}`]),
    ...(spec.extras ?? []).map((extra) => `Provides-Extra: ${extra}`),
    ...(spec.requires ?? []).map((requirement) => `Requires-Dist: ${requirement}`),
  ];
  return `${headers.join("\n")}\n${spec.description === undefined ? "" : `\n${spec.description}`}`;
}

function wheelText(spec: WheelSpec): string {
  const [pythons = "", abis = "", platforms = ""] = (spec.tag ?? "py3-none-any").split("-");
  const tags = pythons
    .split(".")
    .flatMap((python) => abis.split(".").flatMap((abi) => platforms.split(".").map((p) => `${python}-${abi}-${p}`)));
  const lines = [
    `Wheel-Version: ${spec.wheelVersion ?? "1.0"}`,
    "Generator: wheel-maker",
    `Root-Is-Purelib: ${spec.rootIsPurelib ?? true}`,
    ...tags.map((tag) => `Tag: ${tag}`),
    ...(spec.build === undefined ? [] : [`Build: ${spec.build}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function entryPointsText(spec: WheelSpec): string | undefined {
  if (spec.entryPointsText !== undefined) return spec.entryPointsText;
  if (spec.entryPoints === undefined) return undefined;
  return Object.entries(spec.entryPoints)
    .map(([group, points]) => [`[${group}]`, ...Object.entries(points).map(([name, to]) => `${name} = ${to}`), ""])
    .flat()
    .join("\n");
}

const prefixed = (prefix: string, files: WheelFiles): [string, WheelFileContent][] =>
  Object.entries(files).map(([path, content]) => [`${prefix}/${path}`, content]);

function entriesOf(spec: WheelSpec): RawEntry[] {
  const distInfo = spec.distInfo ?? `${stem(spec)}.dist-info`;
  const files = spec.files ?? { [`${escaped(spec.name)}/__init__.py`]: `__version__ = "${versionOf(spec)}"\n` };
  const points = entryPointsText(spec);
  const all: [string, WheelFileContent | null | undefined][] = [
    ...Object.entries(files),
    ...Object.entries(spec.data ?? {}).flatMap(([scheme, tree]) => prefixed(`${stem(spec)}.data/${scheme}`, tree)),
    ...prefixed(distInfo, spec.distInfoFiles ?? {}),
    [`${distInfo}/METADATA`, spec.metadata === undefined ? metadataText(spec) : spec.metadata],
    [`${distInfo}/WHEEL`, spec.wheelFile === undefined ? wheelText(spec) : spec.wheelFile],
    [`${distInfo}/entry_points.txt`, points],
  ];
  const entries = all
    .filter((pair): pair is [string, WheelFileContent] => pair[1] !== undefined && pair[1] !== null)
    .map(([name, given]): RawEntry & { readonly name: string } => {
      const { content, mode } =
        typeof given === "string" || given instanceof Uint8Array ? { content: given, mode: 0o644 } : given;
      return { name, content: typeof content === "string" ? Buffer.from(content) : content, mode: 0o100000 | mode };
    });
  if (spec.record !== null) {
    const rows = entries.map(({ name, content }): RecordLine => {
      const sha256 = hash("sha256", content, "base64url");
      return { path: name, hash: `sha256=${sha256}`, size: String(content.length) };
    });
    rows.push({ path: `${distInfo}/RECORD`, hash: "", size: "" });
    const lines = (spec.record?.(rows) ?? rows).map((row) => [csv(row.path), row.hash, row.size].join(","));
    entries.push({ name: `${distInfo}/RECORD`, content: Buffer.from(`${lines.join("\n")}\n`), mode: 0o100644 });
  }
  return entries;
}

const csv = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The bytes of a wheel. The same spec gives the same bytes. */
export function makeWheel(spec: WheelSpec): Promise<Buffer> {
  const entries = entriesOf(spec);
  if (spec.alter !== undefined) return Promise.resolve(makeRawZip(spec.alter(entries)));
  const zip = new ZipFile();
  const mtime = new Date(1980, 0, 2);
  if (spec.folderEntries === true) {
    const parents = entries.flatMap(({ name }) => {
      const parts = String(name).split("/").slice(0, -1);
      return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
    });
    for (const parent of new Set(parents)) zip.addEmptyDirectory(parent, { mtime });
  }
  for (const { name, content, mode } of entries) {
    zip.addBuffer(Buffer.from(content), String(name), { mtime, ...(mode === undefined ? {} : { mode }) });
  }
  zip.end();
  return buffer(zip.outputStream);
}

/** Writes the wheel into a folder under its right file name (or the one given) and gives the path. */
export async function writeWheel(folder: string, spec: WheelSpec, filename = wheelFilename(spec)): Promise<string> {
  const path = join(folder, filename);
  writeFileSync(path, await makeWheel(spec));
  return path;
}
