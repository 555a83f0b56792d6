import { isWheelFilename, parseSdistFilename, parseWheelFilename, type WheelFilename } from "../standards/filename.ts";
import type { IndexFile } from "../standards/index-page.ts";
import type { NormalizedName } from "../standards/name.ts";
import { tryParseVersion, type Version } from "../standards/version.ts";
import type { PageRows, RowVersions } from "./page-rows.ts";
import type { FileSource, FoundFiles, ProjectFile, VersionFiles } from "./project-files.ts";
import { createVersionTexts } from "./version-names.ts";

/** Nothing of a project. */
export const NO_FILES: FoundFiles = { all: [], byVersion: new Map(), bytes: 0 };

/** A page's files of one project share these. */
interface Page {
  readonly key: NormalizedName;
  readonly rows: PageRows;
  readonly origin: string;
  readonly source: FileSource;
}

/**
 * The files of project `key` among the rows, in their order. Those of other projects, and names without a usable version, are left out.
 *
 * A page may list 10,000 files of which a handful matter, so only names and versions are looked at here, and only the versions where the page says which
 * rows belong together; the rest of a file is made when it is asked for. The fields are therefore accessors: a spread of a file copies none of them.
 */
export function filesOfPage(key: NormalizedName, rows: PageRows, origin: string, source: FileSource): FoundFiles {
  const page: Page = { key, rows, origin, source };
  const spans = rows.versions?.key === key ? spansOf(rows.versions) : spansByName(key, rows);
  return new PageFiles(page, spans);
}

/** Rows, one after the other, of one version. */
interface Span {
  readonly version: Version;
  readonly start: number;
  readonly end: number;
}

function spansOf({ texts, runs }: RowVersions): readonly Span[] {
  const versions = texts.map(tryParseVersion);
  const spans: Span[] = [];
  let start = 0;
  for (let at = 0; at < runs.length; at += 2) {
    const end = start + (runs[at + 1] as number);
    const version = versions[runs[at] as number];
    if (version !== undefined) spans.push({ version, start, end });
    start = end;
  }
  return spans;
}

function spansByName(key: NormalizedName, rows: PageRows): readonly Span[] {
  const textOf = createVersionTexts(key);
  const spans: Span[] = [];
  for (let row = 0; row < rows.count; row++) {
    const text = textOf(rows.nameOf(row));
    const version = text === undefined ? undefined : tryParseVersion(text);
    if (version !== undefined) spans.push({ version, start: row, end: row + 1 });
  }
  return spans;
}

class PageFiles implements FoundFiles {
  readonly byVersion: ReadonlyMap<string, VersionFiles>;
  readonly bytes: number;
  readonly #page: Page;
  readonly #spans: readonly Span[];
  #all: readonly ProjectFile[] | undefined;

  constructor(page: Page, spans: readonly Span[]) {
    const byVersion = new Map<string, PageVersion>();
    for (const span of spans) {
      const known = byVersion.get(span.version.key);
      if (known === undefined) byVersion.set(span.version.key, new PageVersion(page, span));
      else known.take(span);
    }
    this.byVersion = byVersion;
    this.bytes = page.rows.bytes;
    this.#page = page;
    this.#spans = spans;
  }

  get all(): readonly ProjectFile[] {
    this.#all ??= this.#spans.flatMap((span) => filesOfSpan(this.#page, span));
    return this.#all;
  }
}

class PageVersion implements VersionFiles {
  readonly version: Version;
  readonly #page: Page;
  readonly #spans: Span[];
  #files: readonly ProjectFile[] | undefined;

  constructor(page: Page, first: Span) {
    this.version = first.version;
    this.#page = page;
    this.#spans = [first];
  }

  take(span: Span): void {
    this.#spans.push(span);
  }

  get files(): readonly ProjectFile[] {
    this.#files ??= this.#spans.flatMap((span) => filesOfSpan(this.#page, span));
    return this.#files;
  }
}

/** What several pages say of one project, in their order; a file that several of them list is there once. */
export function mergeFiles(pages: readonly FoundFiles[]): FoundFiles {
  const [only, ...others] = pages.filter(({ byVersion }) => byVersion.size > 0);
  if (only === undefined) return NO_FILES;
  return others.length === 0 ? only : new MergedFiles([only, ...others]);
}

class MergedFiles implements FoundFiles {
  readonly byVersion: ReadonlyMap<string, VersionFiles>;
  readonly bytes: number;
  readonly #pages: readonly FoundFiles[];
  #all: readonly ProjectFile[] | undefined;

  constructor(pages: readonly FoundFiles[]) {
    const byVersion = new Map<string, VersionFiles>();
    for (const page of pages) {
      for (const [key, files] of page.byVersion) {
        const known = byVersion.get(key);
        byVersion.set(key, known === undefined ? files : new MergedVersion(known, files));
      }
    }
    this.byVersion = byVersion;
    this.bytes = pages.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#pages = pages;
  }

  get all(): readonly ProjectFile[] {
    this.#all ??= withoutRepeated(this.#pages.flatMap(({ all }) => all));
    return this.#all;
  }
}

class MergedVersion implements VersionFiles {
  readonly version: Version;
  readonly #parts: readonly VersionFiles[];
  #files: readonly ProjectFile[] | undefined;

  constructor(first: VersionFiles, later: VersionFiles) {
    this.version = first.version;
    this.#parts = [first, later];
  }

  get files(): readonly ProjectFile[] {
    this.#files ??= withoutRepeated(this.#parts.flatMap(({ files }) => files));
    return this.#files;
  }
}

/** The same file counts once, as in pip: with the same address. */
function withoutRepeated(files: readonly ProjectFile[]): readonly ProjectFile[] {
  const urls = new Set<string>();
  return files.filter(({ url }) => !urls.has(url) && urls.add(url));
}

function filesOfSpan(page: Page, { version, start, end }: Span): ProjectFile[] {
  return Array.from({ length: end - start }, (_, at) => new PageFile(page, start + at, version));
}

/** One file, or undefined if its name is neither a wheel's nor an sdist's. */
export function fileOfRows(rows: PageRows, origin: string, source: FileSource): ProjectFile | undefined {
  const filename = rows.count === 0 ? "" : rows.nameOf(0);
  try {
    const { key, version } = isWheelFilename(filename) ? parseWheelFilename(filename) : parseSdistFilename(filename);
    return new PageFile({ key, rows, origin, source }, 0, version);
  } catch {
    return undefined;
  }
}

/** A class for its prototype's accessors: an object with own getters takes ten times as long to make. */
class PageFile implements ProjectFile {
  readonly version: Version;
  readonly #page: Page;
  readonly #row: number;
  #file: IndexFile | undefined;
  #wheel: WheelFilename | undefined;
  #parsed = false;

  constructor(page: Page, row: number, version: Version) {
    this.version = version;
    this.#page = page;
    this.#row = row;
  }

  get key(): NormalizedName {
    return this.#page.key;
  }
  get #entry(): IndexFile {
    this.#file ??= this.#page.rows.fileOf(this.#row);
    return this.#file;
  }
  get filename(): string {
    return this.#entry.filename;
  }
  get wheel(): WheelFilename | undefined {
    if (!this.#parsed) {
      this.#parsed = true;
      this.#wheel = parseWheel(this.filename);
    }
    return this.#wheel;
  }
  get sdist(): boolean {
    return !isWheelFilename(this.filename);
  }
  get url(): string {
    return this.#entry.url;
  }
  get hashes(): Readonly<Record<string, string>> {
    return this.#entry.hashes;
  }
  // The optional fields are told apart from absent ones by their value alone.
  get requiresPython(): string {
    return this.#entry.requiresPython as string;
  }
  get size(): number {
    return this.#entry.size as number;
  }
  get uploadTime(): string {
    return this.#entry.uploadTime as string;
  }
  get yanked(): false | string {
    return this.#entry.yanked;
  }
  get coreMetadata(): boolean | string {
    return this.#entry.coreMetadata;
  }
  get origin(): string {
    return this.#page.origin;
  }
  get source(): FileSource {
    return this.#page.source;
  }
}

function parseWheel(filename: string): WheelFilename | undefined {
  try {
    return isWheelFilename(filename) ? parseWheelFilename(filename) : undefined;
  } catch {
    return undefined;
  }
}
