import type { ProjectFile } from "../index/project-files.ts";
import type { Installed } from "../python/installed.ts";
import type { Candidate } from "../resolver/candidate.ts";
import type { DecisionWatch } from "../resolver/ports.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import type { StoredWheel } from "../store/wheel-store.ts";
import type { Caches } from "./parts.ts";

/** Wheels that are fetched and unpacked while the resolution still goes on, as soon as it has decided for them. */
export interface FetchAhead {
  readonly watch: DecisionWatch;
  /** The wheel of a file that was begun ahead, or why it cannot be had; undefined for one that was not. */
  of(file: ProjectFile): Promise<StoredWheel> | undefined;
  /** The resolution has ended with these: others are given up, and no more are begun. */
  settle(files: readonly ProjectFile[]): void;
  /** Gives up all that is still under way; what has come of it is kept for a later command. */
  cancel(): void;
}

export interface FetchAheadContext {
  readonly caches: Caches;
  /** What will not be replaced by the same version of itself. */
  readonly installed: ReadonlyMap<NormalizedName, Installed>;
  /** Whether somebody has to say first which of the files may be had. */
  readonly isChecked: (key: NormalizedName) => boolean;
  readonly call: Call;
}

/** Wheels under way at once: the network is the resolution's before all. */
const MOST_AT_ONCE = 8;
/** Of all wheels that are begun before the resolution has ended; larger ones, and those whose size no index tells, have time until then. Bytes. */
const MOST_BYTES = 256e6;
const LARGEST = 64e6;
/** Of a wheel that is worth a start before the resolver has decided for it, bytes. */
const LARGE = 1e6;

const NOT_NEEDED = new Error("the wheel is not needed any more");

interface Begun {
  readonly wheel: Promise<StoredWheel>;
  readonly controller: AbortController;
}

/** Whatever comes last is waited for: it had better be a small wheel. */
export const bySizeDescending = (a: ProjectFile, b: ProjectFile): number => (b.size ?? 0) - (a.size ?? 0);

/**
 * A decision of the resolver is seldom taken back: the wheel it stands for is fetched at once. If it is taken back, so is the wheel. Large wheels, which
 * all would wait for in the end, are begun as soon as a decision for them is expected.
 */
export function createFetchAhead({ caches, installed, isChecked, call }: FetchAheadContext): FetchAhead {
  const begun = new Map<string, Begun>();
  const waiting = new Map<string, ProjectFile>();
  /** Begun before there was a decision. */
  const expected = new Map<NormalizedName, ProjectFile>();
  let underWay = 0;
  let bytes = 0;
  let isSettled = false;

  const begin = (file: ProjectFile): void => {
    underWay += 1;
    bytes += file.size ?? 0;
    const controller = new AbortController();
    const signal = AbortSignal.any([call.signal, controller.signal]);
    const wheel = caches.fetcher.fetchWheel(file, { ...call, signal });
    begun.set(file.url, { wheel, controller });
    const end = (): void => {
      underWay -= 1;
      beginNext();
    };
    // Whoever needs the wheel is told.
    wheel.then(end, end);
  };
  const hasRoom = (): boolean => !isSettled && underWay < MOST_AT_ONCE;
  const beginNext = (): void => {
    if (!hasRoom()) return;
    for (const file of [...waiting.values()].sort(bySizeDescending)) {
      if (!hasRoom()) return;
      waiting.delete(file.url);
      if (bytes + (file.size ?? 0) <= MOST_BYTES) begin(file);
    }
  };
  const wanted = ({ key, version, source }: Candidate): ProjectFile | undefined => {
    if (source.kind !== "file" || isChecked(key)) return undefined;
    const { file } = source;
    const present = installed.get(key);
    if (present?.parsedVersion?.key === version.key && present.editable === undefined) return undefined;
    if (pathOfFileUrl(file.url) !== undefined || file.size === undefined || file.size > LARGEST) return undefined;
    const { sha256 } = file.hashes;
    return sha256 === undefined || caches.store.find(sha256) !== undefined ? undefined : file;
  };

  const enqueue = (file: ProjectFile): void => {
    if (begun.has(file.url)) return;
    waiting.set(file.url, file);
    beginNext();
  };
  const giveUp = ({ url }: ProjectFile): void => {
    waiting.delete(url);
    begun.get(url)?.controller.abort(NOT_NEEDED);
    begun.delete(url);
  };
  /** What was only expected of a project is given up, unless it is this file. */
  const forgetExpected = (key: NormalizedName, file: ProjectFile | undefined): void => {
    const before = expected.get(key);
    if (before !== undefined && before.url !== file?.url) giveUp(before);
    expected.delete(key);
  };

  return {
    watch: {
      expected(candidate) {
        const { source } = candidate;
        // Most are small: the store is not asked for them.
        if (source.kind !== "file" || (source.file.size ?? 0) < LARGE) return;
        const file = wanted(candidate);
        if (file === undefined) return;
        forgetExpected(candidate.key, file);
        expected.set(candidate.key, file);
        enqueue(file);
      },
      decided(candidate) {
        const file = wanted(candidate);
        forgetExpected(candidate.key, file);
        if (file !== undefined) enqueue(file);
      },
      takenBack({ source }) {
        if (source.kind === "file") giveUp(source.file);
      },
    },
    of: ({ url }) => begun.get(url)?.wheel,
    settle(files) {
      isSettled = true;
      waiting.clear();
      const urls = new Set(files.map(({ url }) => url));
      for (const [url, { controller }] of begun) if (!urls.has(url)) controller.abort(NOT_NEEDED);
    },
    cancel() {
      isSettled = true;
      for (const { controller } of begun.values()) controller.abort(NOT_NEEDED);
    },
  };
}
