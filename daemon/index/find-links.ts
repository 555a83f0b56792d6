import { statSync } from "node:fs";
import { resolve } from "node:path";
import { isSdistFilename, isWheelFilename } from "../standards/filename.ts";
import { fileOfAnchor, type IndexFile } from "../standards/index-page.ts";
import { fileUrlOfPath, pathOfFileUrl } from "../std/file-url.ts";
import { redact } from "../std/redact.ts";
import type { LocalPages } from "./local-pages.ts";
import { type PageRows, rowsOf } from "./page-rows.ts";

/** What a `--find-links` value names. */
export type FindLinks =
  | { readonly kind: "folder" | "page"; readonly path: string }
  | { readonly kind: "remote"; readonly url: string }
  /** A single wheel or sdist. */
  | { readonly kind: "file"; readonly url: string; readonly rows: PageRows }
  | { readonly kind: "nothing"; readonly warning: string };

/** pip's rule: a path that exists (relative to `cwd`, `~` is `home`), else a URL; what ends in the name of a distribution is that file itself. */
export function findLinksOf(value: string, cwd: string, home: string | undefined): FindLinks {
  const path =
    pathOfFileUrl(value) ?? (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? undefined : resolve(cwd, withHome(value, home)));
  if (path === undefined) {
    return /^https?:/i.test(value) ? remote(value) : { kind: "nothing", warning: ignored(value) };
  }
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    return { kind: "nothing", warning: ignored(value) };
  }
  if (stats.isDirectory()) {
    return { kind: "folder", path };
  }
  return isDistribution(path) ? fileAt(fileUrlOfPath(path)) : { kind: "page", path };
}

/** The rows of a folder or a page on this machine; undefined if it is gone by now. */
export function readFindLinks(
  found: FindLinks & { readonly kind: "folder" | "page" },
  pages: LocalPages,
): Promise<PageRows | undefined> {
  return found.kind === "folder" ? pages.folder(found.path) : pages.page(found.path);
}

/** The file that a link points to, with the hash in its fragment. */
export function fileOfLink(url: string): IndexFile | undefined {
  return fileOfAnchor({ href: url }, "", url);
}

function remote(url: string): FindLinks {
  return isDistribution(new URL(url).pathname) ? fileAt(url) : { kind: "remote", url };
}

function fileAt(url: string): FindLinks {
  const file = fileOfLink(url);
  return { kind: "file", url, rows: rowsOf(file === undefined ? [] : [file]) };
}

function isDistribution(path: string): boolean {
  return isWheelFilename(path) || isSdistFilename(path);
}

function withHome(path: string, home: string | undefined): string {
  return home !== undefined && /^~(?=\/|$)/.test(path) ? `${home}${path.slice(1)}` : path;
}

function ignored(value: string): string {
  return `Location '${redact(value)}' is ignored: it is either a non-existing path or lacks a specific scheme.`;
}
