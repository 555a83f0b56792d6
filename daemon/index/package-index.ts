import type { NormalizedName } from "../standards/name.ts";
import type { Call, Reporter } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { createHitCounter, type HitCounter } from "../std/hit-counter.ts";
import { createLruMap } from "../std/lru-map.ts";
import { nextTurn } from "../std/next-turn.ts";
import { readFileIfThere } from "../std/read-file.ts";
import { redact } from "../std/redact.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import type { HttpCache } from "../store/http-cache.ts";
import { metadataOfFile } from "./dist-metadata.ts";
import { fileOfLink } from "./find-links.ts";
import type { HttpClient } from "./http-client.ts";
import type { IndexSources } from "./index-sources.ts";
import { createLocalPages } from "./local-pages.ts";
import { fileOfRows, mergeFiles, NO_FILES } from "./page-files.ts";
import { rowsOf } from "./page-rows.ts";
import type { ProjectFile, ProjectFiles } from "./project-files.ts";
import { type Downloaded, requestOf } from "./reception.ts";
import { createRemoteMetadata } from "./remote-metadata.ts";
import {
  createSimplePages,
  digest,
  MOST_PAGE_BYTES,
  type PageCounts,
  type ReadPageOf,
  statusError,
} from "./simple-index.ts";
import { createOncePerCall } from "./source-warnings.ts";
import { createSources, type SourceAnswer } from "./sources.ts";
import { type Arrived, createTransfers } from "./transfers.ts";

/** The daemon's view of all package indexes. */
export interface PackageIndex {
  /**
   * All files of a project in the caller's sources. Asked again by the same call, the answer is the same; asked by another one, it is the same object
   * unless something has changed. A source that gives no answer is named in `unreachable`, and in one warning per command; while nobody else has the
   * project, that warning waits for `tellSkipped`, for the command is likely to fail with the same words.
   */
  project(key: NormalizedName, sources: IndexSources, call: Call): Promise<ProjectFiles>;
  /** Says the warnings that wait: the command goes on without the sources they name. */
  tellSkipped(call: Call): void;
  /**
   * Changes whenever `project` would answer otherwise, and is undefined when somebody would have to be asked over the network for that. For
   * answers that were made from several projects: as long as no stamp has changed they hold.
   */
  stamp(key: NormalizedName, sources: IndexSources, call: Call): Promise<string | undefined> | string | undefined;
  /**
   * The text of a wheel's METADATA, by the cheapest way there is. Throws PipdError "no-metadata" for what is no wheel, "hash-mismatch",
   * "invalid-wheel", "unreadable-file", and what HttpClient throws.
   */
  metadata(file: ProjectFile, call: Call): Promise<string>;
  /**
   * What `metadata` may be remembered by: the wheel's hash and who vouches for it. A hash alone is what some index claims, and what another index
   * says of it must not be believed. Undefined where there is no hash.
   */
  metadataName(file: ProjectFile): string | undefined;
  /**
   * Puts the file at `destination` (absolute; its folder exists), verified against the hashes of the index. Throws PipdError "hash-mismatch", "wrong-length",
   * "unreadable-file", "download-not-saved", "http-status", and what HttpClient throws.
   */
  download(file: ProjectFile, destination: string, call: Call, arrived?: Arrived): Promise<Downloaded>;
  /** The file that a URL names (`https:`, `http:`, `file:`; a wheel or an sdist; a hash in its fragment counts). Throws PipdError "invalid-filename". */
  fileOfUrl(url: string, sources: IndexSources): ProjectFile;
  /** The text at a URL, such as a requirements file. Throws PipdError "http-status", "unreadable-file", and what HttpClient throws. */
  text(url: string, sources: IndexSources, call: Call): Promise<string>;
  /** What was asked for so far, and what of it was there. */
  counts(): IndexCounts;
  /** Forgets what is in memory; what is on disk is HttpCache's to forget. */
  clear(): void;
}

export interface IndexCounts {
  readonly pages: PageCounts;
  readonly metadata: HitCounter["counts"];
  /** The indexes that were asked, without credentials, and when last (milliseconds since the epoch). */
  readonly indexes: readonly { readonly url: string; readonly lastUsedAt: number }[];
}

export interface PackageIndexParts {
  readonly http: HttpClient;
  readonly cache: HttpCache;
  /** Absolute: files that were begun and not finished. */
  readonly partialFolder: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Reads a page: `readPage`, here or in a thread. */
  readonly readPage: ReadPageOf;
}

/** Texts of METADATA in memory, in characters over all. */
const MOST_METADATA = 4_000_000;
/** Of a project that no source has, for one. */
const BYTES_OF_PROJECT = 1_000;
/** Indexes whose use is remembered. */
const MOST_INDEXES = 50;
/** What a file fails with when its page may be wrong. */
const DISTRUSTED: ReadonlySet<string> = new Set(["hash-mismatch", "wrong-length", "http-status"]);

interface Merged {
  readonly answers: readonly SourceAnswer[];
  readonly project: ProjectFiles;
}

export function createPackageIndex({ http, cache, partialFolder, clock, readPage }: PackageIndexParts): PackageIndex {
  const once = createOncePerCall();
  const pages = createSimplePages(http, cache, clock, readPage);
  const sourcesAsked = createSources(pages, createLocalPages(clock), once);
  const transfers = createTransfers(http, partialFolder, clock);
  const remote = createRemoteMetadata(http, transfers);
  const byCall = new WeakMap<Call, Map<string, Promise<ProjectFiles>>>();
  const merged = createLruMap<Merged>(MOST_PAGE_BYTES, ({ answers }) =>
    answers.reduce((sum, { files }) => sum + files.bytes, BYTES_OF_PROJECT),
  );
  const metadataTexts = createLruMap<string>(MOST_METADATA, (text) => text.length + 100);
  const metadataFlights = createSingleFlight<string, string>();
  const metadataCounter = createHitCounter();
  const used = new Map<string, number>();

  function remember(location: string): void {
    const url = redact(location);
    used.delete(url);
    used.set(url, clock());
    for (const oldest of used.keys()) {
      if (used.size <= MOST_INDEXES) break;
      used.delete(oldest);
    }
  }

  async function gather(name: string, key: NormalizedName, sources: IndexSources, call: Call): Promise<ProjectFiles> {
    const indexes = sources.noIndex ? [] : sources.indexUrls;
    for (const location of indexes) remember(location);
    const answers = await Promise.all([
      ...sources.findLinks.map((location) => sourcesAsked.findLinks(location, key, sources, call)),
      ...indexes.map((location) => sourcesAsked.index(location, key, sources, call)),
    ]);
    tellWarnings(call);
    tellUnreachable(answers, call);
    const known = merged.get(name);
    if (known !== undefined && sameAnswers(known.answers, answers)) {
      return known.project;
    }
    const project = merge(key, answers);
    merged.set(name, { answers, project });
    return project;
  }

  const waiting = new WeakMap<Reporter, SourceAnswer[]>();

  function tellUnreachable(answers: readonly SourceAnswer[], call: Call): void {
    const isElsewhere = answers.some(({ found }) => found);
    for (const answer of answers) {
      const { unreachable } = answer;
      if (unreachable === undefined) continue;
      if (isElsewhere) {
        once.message(call, "warning", unreachable.url, `Skipping ${unreachable.url}: ${unreachable.reason}`);
      } else waiting.set(call.reporter, [...(waiting.get(call.reporter) ?? []), answer]);
    }
  }

  function tellWarnings(call: Call): void {
    for (const text of cache.takeWarnings()) {
      call.reporter.message("warning", text);
    }
  }

  /** What METADATA is remembered by: the wheel's hash and the index that vouches for it; undefined without a hash. */
  function metadataKey({ hashes, source, url }: ProjectFile): string | undefined {
    const { sha256 } = hashes;
    return sha256 === undefined
      ? undefined
      : `${sha256} ${digest(`${http.identity({ ...source, url })} ${new URL(url).origin}`)}`;
  }

  /** A page's files are other objects for other credentials and settings. */
  const metadataNames = new WeakMap<ProjectFile, string>();

  async function remoteMetadata(file: ProjectFile, call: Call): Promise<string> {
    const key = metadataKey(file);
    const kept = key !== undefined && !file.source.cacheDisabled;
    const known = key === undefined ? undefined : (metadataTexts.get(key) ?? (kept ? cache.findText(key) : undefined));
    if (known !== undefined && key !== undefined) {
      metadataCounter.hit();
      metadataTexts.set(key, known);
      return known;
    }
    metadataCounter.miss();
    const flight = key ?? `${http.identity(requestOf(file))} ${file.url}`;
    const text = await metadataFlights.run(flight, call.signal, (signal) => remote.read(file, { ...call, signal }));
    if (key !== undefined) {
      metadataTexts.set(key, text);
      if (kept) {
        cache.storeText(key, text);
      }
    }
    tellWarnings(call);
    return text;
  }

  /** Does work with a file; if that turns out to be wrong or absent, its page is not believed any longer. */
  async function checking<T>(file: ProjectFile, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof PipdError && DISTRUSTED.has(error.code)) sourcesAsked.distrust(file);
      throw error;
    }
  }

  const answerNames = new WeakMap<SourceAnswer["files"], string>();
  let answersNamed = 0;

  /** Local sources are looked at, which costs a stat; their answer is the same array as long as nothing has changed. */
  async function localStamp(answers: readonly Promise<SourceAnswer>[]): Promise<string | undefined> {
    const stamps: string[] = [];
    for (const { files, unreachable } of await Promise.all(answers)) {
      if (unreachable !== undefined) return undefined;
      const name = answerNames.get(files) ?? String(++answersNamed);
      answerNames.set(files, name);
      stamps.push(name);
    }
    return stamps.join(" ");
  }

  return {
    stamp(key, sources, call) {
      const isRemote = (location: string): boolean => /^https?:/i.test(location);
      const indexes = sources.noIndex ? [] : sources.indexUrls;
      if (sources.findLinks.some(isRemote)) return undefined;
      const remote: string[] = [];
      for (const location of indexes.filter(isRemote)) {
        const stamp = sourcesAsked.indexStamp(location, key, sources);
        if (stamp === undefined) return undefined;
        remote.push(stamp);
      }
      const local = [
        ...sources.findLinks.map((location) => sourcesAsked.findLinks(location, key, sources, call)),
        ...indexes
          .filter((location) => !isRemote(location))
          .map((location) => sourcesAsked.index(location, key, sources, call)),
      ];
      if (local.length === 0) return remote.join(" ");
      return localStamp(local).then((stamp) => (stamp === undefined ? undefined : `${remote.join(" ")} ${stamp}`));
    },
    tellSkipped(call) {
      const answers = waiting.get(call.reporter) ?? [];
      waiting.delete(call.reporter);
      tellUnreachable([...answers, { found: true, files: NO_FILES }], call);
    },
    project(key, sources, call) {
      const asked = byCall.get(call) ?? new Map<string, Promise<ProjectFiles>>();
      byCall.set(call, asked);
      const name = `${key} ${sourcesName(sources)}`;
      const known = asked.get(name);
      if (known !== undefined) {
        return known;
      }
      const answer = gather(name, key, sources, call);
      asked.set(name, answer);
      answer.catch(() => asked.delete(name));
      return answer;
    },
    async metadata(file, call) {
      if (file.wheel === undefined) {
        throw new PipdError(
          "no-metadata",
          `${file.filename} is not a wheel: its metadata cannot be read without building it.`,
        );
      }
      const path = pathOfFileUrl(file.url);
      if (path === undefined) return checking(file, remoteMetadata(file, call));
      await nextTurn();
      return metadataOfFile(path, file.filename);
    },
    metadataName(file) {
      const known = metadataNames.get(file);
      if (known !== undefined) return known;
      const { sha256 } = file.hashes;
      const name = file.url.startsWith("file:") && sha256 !== undefined ? `${sha256} ${file.url}` : metadataKey(file);
      if (name !== undefined) metadataNames.set(file, name);
      return name;
    },
    download: (file, destination, call, arrived) =>
      checking(file, transfers.download(file, destination, call, arrived)),
    fileOfUrl(url, sources) {
      const { network, cacheDisabled } = sources;
      const linked = fileOfLink(url);
      const file =
        linked === undefined
          ? undefined
          : fileOfRows(rowsOf([linked]), redact(url), { location: url, network, cacheDisabled });
      if (file === undefined) {
        throw new PipdError("invalid-filename", `${redact(url)} does not name a wheel or a source distribution.`);
      }
      return file;
    },
    text: (url, sources, call) => textAt(url, sources, call, http),
    counts: () => ({
      pages: pages.counts,
      metadata: metadataCounter.counts,
      indexes: [...used].map(([url, lastUsedAt]) => ({ url, lastUsedAt })),
    }),
    clear() {
      for (const each of [sourcesAsked, merged, metadataTexts]) each.clear();
    },
  };
}

async function textAt(url: string, sources: IndexSources, call: Call, http: HttpClient): Promise<string> {
  const path = pathOfFileUrl(url);
  if (path !== undefined) {
    const bytes = readFileIfThere(path);
    if (bytes === undefined) {
      throw new PipdError("unreadable-file", `Could not read ${path}: it does not exist.`);
    }
    return new TextDecoder().decode(bytes);
  }
  const answer = await http.get({ url, network: sources.network }, call.signal);
  if (answer.status !== 200) {
    throw statusError(answer);
  }
  return new TextDecoder().decode(answer.body);
}

const names = new WeakMap<IndexSources, string>();

function sourcesName(sources: IndexSources): string {
  const known = names.get(sources);
  if (known !== undefined) {
    return known;
  }
  const { refresh, ...rest } = sources;
  const name = JSON.stringify([rest, refresh === "all" ? refresh : [...refresh]]);
  names.set(sources, name);
  return name;
}

function sameAnswers(left: readonly SourceAnswer[], right: readonly SourceAnswer[]): boolean {
  return left.length === right.length && left.every((answer, at) => sameAnswer(answer, right[at]));
}

function sameAnswer(left: SourceAnswer, right: SourceAnswer | undefined): boolean {
  return (
    right !== undefined &&
    left.found === right.found &&
    left.files === right.files &&
    left.unreachable?.reason === right.unreachable?.reason
  );
}

function merge(key: NormalizedName, answers: readonly SourceAnswer[]): ProjectFiles {
  const found = mergeFiles(answers.map(({ files }) => files));
  return {
    key,
    found: answers.some((answer) => answer.found),
    get files() {
      return found.all;
    },
    byVersion: found.byVersion,
    unreachable: answers.flatMap(({ unreachable }) => unreachable ?? []),
  };
}
