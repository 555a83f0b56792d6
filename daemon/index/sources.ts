import { join } from "node:path";
import type { NormalizedName } from "../standards/name.ts";
import { quotePath } from "../standards/url.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { createLruMap } from "../std/lru-map.ts";
import { redact } from "../std/redact.ts";
import { findLinksOf, readFindLinks } from "./find-links.ts";
import type { IndexSources } from "./index-sources.ts";
import type { LocalPages } from "./local-pages.ts";
import { filesOfPage, NO_FILES } from "./page-files.ts";
import { type PageRows, rowsOf } from "./page-rows.ts";
import type { FileSource, FoundFiles, ProjectFile, UnusableSource } from "./project-files.ts";
import { isSecureOrigin } from "./proxies.ts";
import { MOST_PAGE_BYTES, type SimplePages } from "./simple-index.ts";
import type { OncePerCall } from "./source-warnings.ts";

/** What one source says about a project. */
export interface SourceAnswer {
  readonly found: boolean;
  /** The same object as long as nothing has changed. */
  readonly files: FoundFiles;
  readonly unreachable?: UnusableSource;
}

/** Asks single sources. */
export interface Sources {
  /** A project's page on an index. */
  index(location: string, key: NormalizedName, sources: IndexSources, call: Call): Promise<SourceAnswer>;
  /** A project's files in a find-links location. */
  findLinks(location: string, key: NormalizedName, sources: IndexSources, call: Call): Promise<SourceAnswer>;
  /** A file was not what its page says, or is not there: the page is asked for again however fresh it is. */
  distrust(file: ProjectFile): void;
  /** Changes with what an index on the network would answer now; undefined if it would have to be asked. */
  indexStamp(location: string, key: NormalizedName, sources: IndexSources): string | undefined;
  /** Forgets what is in memory. */
  clear(): void;
}

/** A source that fails in one of these ways does not keep the others from answering. */
const SOURCE_FAILURES: ReadonlySet<string> = new Set([
  "index-unreachable",
  "request-failed",
  "certificate-invalid",
  "http-status",
  "too-many-redirects",
  "bad-redirect",
  "invalid-page",
  "unreadable-file",
]);

const NOTHING: SourceAnswer = { found: false, files: NO_FILES };

export function createSources(pages: SimplePages, local: LocalPages, once: OncePerCall): Sources {
  const memory = createLruMap<{ readonly rows: PageRows; readonly files: FoundFiles }>(
    MOST_PAGE_BYTES,
    ({ rows }) => rows.bytes + 1,
  );
  const links = createLruMap<PageRows>(64);
  const fileSources = new WeakMap<IndexSources, Map<string, FileSource>>();

  /** One object per caller's sources and location, so that files need not be made again. */
  function sourceOf(location: string, sources: IndexSources): FileSource {
    const known = fileSources.get(sources) ?? new Map<string, FileSource>();
    fileSources.set(sources, known);
    const source = known.get(location) ?? { location, network: sources.network, cacheDisabled: sources.cacheDisabled };
    known.set(location, source);
    return source;
  }

  function filesOf(location: string, key: NormalizedName, rows: PageRows, sources: IndexSources): FoundFiles {
    const name = JSON.stringify([key, location, sources.network, sources.cacheDisabled]);
    const known = memory.get(name);
    if (known?.rows === rows) {
      return known.files;
    }
    const files = filesOfPage(key, rows, redact(location), sourceOf(location, sources));
    memory.set(name, { rows, files });
    return files;
  }

  async function guarded(location: string, call: Call, asking: () => Promise<SourceAnswer>): Promise<SourceAnswer> {
    try {
      return await asking();
    } catch (error) {
      if (call.signal.aborted || !(error instanceof PipdError) || !SOURCE_FAILURES.has(error.code)) {
        throw error;
      }
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      return { ...NOTHING, unreachable: { url: redact(location), reason: error.message, ...hint } };
    }
  }

  async function remotePage(
    url: string,
    location: string,
    project: NormalizedName,
    sources: IndexSources,
    call: Call,
  ): Promise<PageRows | undefined> {
    const { network, cacheDisabled, refresh } = sources;
    if (!isSecureOrigin(new URL(url), network.trustedHosts)) {
      once.message(call, "warning", location, untrusted(new URL(url)));
      return undefined;
    }
    const again = refresh === "all" || refresh.has(project);
    const key = url === location ? undefined : project;
    return pages.get({ url, location, network, cacheDisabled, refresh: again, key }, call.signal);
  }

  const answer = (
    location: string,
    key: NormalizedName,
    rows: PageRows | undefined,
    sources: IndexSources,
  ): SourceAnswer => (rows === undefined ? NOTHING : { found: true, files: filesOf(location, key, rows, sources) });

  /** A find-links page lists many projects: it knows only those it has files of. */
  const listed = (
    location: string,
    key: NormalizedName,
    rows: PageRows | undefined,
    sources: IndexSources,
  ): SourceAnswer => {
    const files = rows === undefined ? NOTHING.files : filesOf(location, key, rows, sources);
    return { found: files.byVersion.size > 0, files };
  };

  return {
    index(location, key, sources, call) {
      return guarded(location, call, async () => {
        const folder = pathOfFileUrl(location);
        if (folder !== undefined) {
          return answer(location, key, await local.page(join(folder, key, "index.html")), sources);
        }
        if (!/^https?:\/\//i.test(location) || !URL.canParse(location)) {
          throw new PipdError("index-unreachable", `${redact(location)} is neither an http(s) nor a file URL.`);
        }
        return answer(location, key, await remotePage(pageUrl(location, key), location, key, sources, call), sources);
      });
    },
    indexStamp(location, key, { network, cacheDisabled, refresh }) {
      if (!/^https?:\/\//i.test(location) || !URL.canParse(location)) return undefined;
      const again = refresh === "all" || refresh.has(key);
      return pages.stamp({ url: pageUrl(location, key), location, network, cacheDisabled, refresh: again });
    },
    distrust({ key, source: { location, network } }) {
      if (!/^https?:/i.test(location)) return;
      for (const url of [pageUrl(location, key), location]) pages.distrust({ url, location, network });
    },
    findLinks(location, key, sources, call) {
      return guarded(location, call, async () => {
        const found = findLinksOf(location, call.cwd, call.env["HOME"]);
        switch (found.kind) {
          case "nothing":
            once.message(call, "warning", location, found.warning);
            return NOTHING;
          case "remote":
            return listed(location, key, await remotePage(found.url, found.url, key, sources, call), sources);
          case "file": {
            // By where it is, not by how it was written: a relative path means another file to a caller in another folder.
            const rows = links.get(found.url) ?? found.rows;
            links.set(found.url, rows);
            return listed(found.url, key, rows, sources);
          }
          case "folder":
          case "page": {
            const rows = (await readFindLinks(found, local)) ?? rowsOf([]);
            return listed(found.path, key, rows, sources);
          }
        }
      });
    },
    clear() {
      for (const each of [pages, local, memory, links]) each.clear();
    },
  };
}

/** The address of a project's page. */
function pageUrl(location: string, key: NormalizedName): string {
  const page = new URL(location);
  page.pathname = `${page.pathname.replace(/\/+$/, "")}/${quotePath(key)}/`;
  return page.href;
}

function untrusted({ host, hostname, origin }: URL): string {
  return (
    `The repository located at ${host} is not a trusted or secure host and is being ignored. If this repository is available via HTTPS we ` +
    `recommend you use HTTPS instead, otherwise you may silence this warning and allow it anyway with '--trusted-host ${hostname || origin}'.`
  );
}
