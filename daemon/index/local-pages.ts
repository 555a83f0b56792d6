import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { isSdistFilename, isWheelFilename } from "../standards/filename.ts";
import type { IndexFile } from "../standards/index-page.ts";
import { InvalidText } from "../standards/invalid-text.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { fileUrlOfPath } from "../std/file-url.ts";
import { createLruMap } from "../std/lru-map.ts";
import { parseHtmlPage } from "./html-page.ts";
import { type PageRows, rowsOf } from "./page-rows.ts";

/** Pages and folders on this machine's disks. What was read is remembered until the file or folder changes. */
export interface LocalPages {
  /** The files an HTML page links to; undefined if there is no such file. Throws PipdError "invalid-page" and "unreadable-file". */
  page(path: string): Promise<PageRows | undefined>;
  /** Wheels and sdists in a folder, and what the HTML pages in it link to (`--find-links`); undefined if there is no such folder. */
  folder(path: string): Promise<PageRows | undefined>;
  /** Forgets what is in memory. */
  clear(): void;
}

/** A change within this time after the last one may not show in the time stamp, in milliseconds. */
const STAMP_PRECISION = 50;
const MOST_ROWS = 100_000;

interface Kept {
  readonly stamp: string;
  /** Read so soon after the last change that a further one might not show. */
  readonly racy: boolean;
  readonly rows: PageRows;
  /** Stamps of the pages in a folder, by path. */
  readonly pages: ReadonlyMap<string, string>;
}

/** `clock` gives milliseconds since the epoch. */
export function createLocalPages(clock: () => number): LocalPages {
  const memory = createLruMap<Kept>(MOST_ROWS, (kept) => kept.rows.count + 10);

  function remembered(path: string, stats: Stats): PageRows | undefined {
    const kept = memory.get(path);
    const current =
      kept !== undefined &&
      !kept.racy &&
      kept.stamp === stampOf(stats) &&
      [...kept.pages].every(([page, stamp]) => stampOf(statIfThere(page)) === stamp);
    return current ? kept.rows : undefined;
  }

  function remember(
    path: string,
    stats: Stats,
    files: readonly IndexFile[],
    pages: ReadonlyMap<string, string>,
  ): PageRows {
    const rows = rowsOf(files);
    memory.set(path, { stamp: stampOf(stats), racy: clock() - stats.mtimeMs < STAMP_PRECISION, rows, pages });
    return rows;
  }

  return {
    async page(path) {
      const stats = statIfThere(path);
      if (stats === undefined || !stats.isFile()) {
        return undefined;
      }
      return remembered(path, stats) ?? remember(path, stats, await readPage(path), new Map());
    },
    async folder(path) {
      const stats = statIfThere(path);
      if (stats === undefined || !stats.isDirectory()) {
        return undefined;
      }
      const known = remembered(path, stats);
      if (known !== undefined) {
        return known;
      }
      const names = namesIn(path);
      const pages = names.filter((name) => /\.html?$/i.test(name)).map((name) => join(path, name));
      const linked = await Promise.all(pages.map(readPage));
      const files = names
        .filter((name) => isWheelFilename(name) || isSdistFilename(name))
        .map((name) => fileAt(path, name));
      return remember(
        path,
        stats,
        [...files, ...linked.flat()],
        new Map(pages.map((page) => [page, stampOf(statIfThere(page))])),
      );
    },
    clear: () => memory.clear(),
  };
}

function fileAt(folder: string, filename: string): IndexFile {
  return { filename, url: fileUrlOfPath(join(folder, filename)), hashes: {}, yanked: false, coreMetadata: false };
}

function namesIn(folder: string): readonly string[] {
  const isFile = (entry: Dirent) =>
    entry.isFile() || (entry.isSymbolicLink() && statIfThere(join(folder, entry.name))?.isFile() === true);
  return read(folder, () => readdirSync(folder, { withFileTypes: true }))
    .filter(isFile)
    .map((entry) => entry.name)
    .sort((a, b) => (a < b ? -1 : 1));
}

async function readPage(path: string): Promise<readonly IndexFile[]> {
  const text = read(path, () => readFileSync(path, "utf8"));
  try {
    return await parseHtmlPage(text, fileUrlOfPath(path));
  } catch (error) {
    if (error instanceof InvalidText) {
      throw new PipdError("invalid-page", `${path} cannot be read: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function read<T>(path: string, reading: () => T): T {
  try {
    return reading();
  } catch (cause) {
    throw new PipdError("unreadable-file", `Could not read ${path}: ${errnoOf(cause) ?? String(cause)}`, { cause });
  }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function stampOf(stats: Stats | undefined): string {
  return stats === undefined ? "" : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`;
}
