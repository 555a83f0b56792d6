import {
  isSdistFilename,
  isWheelFilename,
  parseSdistFilename,
  parseWheelFilename,
  type WheelFilename,
} from "../standards/filename.ts";
import { type NormalizedName, normalizeName } from "../standards/name.ts";
import { tryParseVersion, type Version } from "../standards/version.ts";
import type { PageRows } from "./page-rows.ts";
import type { FileSource, ProjectFile } from "./project-files.ts";

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
 * A page may list 3,000 files of which a handful matter, so only name and version are looked at here; the rest of a file is made when it is asked for.
 * The fields are therefore accessors: a spread of a file copies none of them.
 */
export function filesOfPage(
  key: NormalizedName,
  rows: PageRows,
  origin: string,
  source: FileSource,
): readonly ProjectFile[] {
  const page: Page = { key, rows, origin, source };
  const ours = new Map<string, boolean>();
  const files: ProjectFile[] = [];
  for (const [row, filename] of rows.names.entries()) {
    const version = isWheelFilename(filename) ? wheelVersion(filename, key, ours) : sdistVersion(filename, key);
    if (version !== undefined) {
      files.push(new PageFile(page, row, version));
    }
  }
  return files;
}

/** One file, or undefined if its name is neither a wheel's nor an sdist's. */
export function fileOfRows(rows: PageRows, origin: string, source: FileSource): ProjectFile | undefined {
  const filename = rows.names[0] ?? "";
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
  get filename(): string {
    return this.#page.rows.names[this.#row] ?? "";
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
    return this.#page.rows.urlOf(this.#row);
  }
  get hashes(): Readonly<Record<string, string>> {
    return this.#page.rows.hashesOf(this.#row);
  }
  // The optional fields are told apart from absent ones by their value alone.
  get requiresPython(): string {
    return this.#page.rows.requiresPythonOf(this.#row) as string;
  }
  get size(): number {
    return this.#page.rows.sizeOf(this.#row) as number;
  }
  get uploadTime(): string {
    return this.#page.rows.uploadTimeOf(this.#row) as string;
  }
  get yanked(): false | string {
    return this.#page.rows.yankedOf(this.#row);
  }
  get coreMetadata(): boolean | string {
    return this.#page.rows.coreMetadataOf(this.#row);
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

/** `ours` remembers which spellings of a name are the project's. */
function wheelVersion(filename: string, key: NormalizedName, ours: Map<string, boolean>): Version | undefined {
  const end = filename.indexOf("-");
  const name = filename.slice(0, Math.max(0, end));
  let own = ours.get(name);
  if (own === undefined) {
    own = name !== "" && normalizeName(name) === key;
    ours.set(name, own);
  }
  const next = filename.indexOf("-", end + 1);
  return own && next !== -1 ? tryParseVersion(filename.slice(end + 1, next)) : undefined;
}

function sdistVersion(filename: string, key: NormalizedName): Version | undefined {
  if (!isSdistFilename(filename)) {
    return undefined;
  }
  try {
    return parseSdistFilename(filename, key).version;
  } catch {
    return undefined;
  }
}
