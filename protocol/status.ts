/** What the daemon says of itself and of what it has in hand. Times are ms since 1970, durations ms; no text has credentials in it. */

/** A command in progress. */
export interface RunStatus {
  /** Of the client. */
  readonly pid: number;
  readonly command: string;
  readonly cwd: string;
  readonly startedAt: number;
  readonly elapsedMs: number;
  /** `waiting`: another command is changing the same environment. */
  readonly state: "running" | "waiting";
  /** Who changes it, and since when; pid 0 when that is not known. */
  readonly waitingFor?: { readonly pid: number; readonly command: string; readonly since: number };
}

/** An environment that a command or a query was about. */
export interface EnvironmentStatus {
  readonly root: string;
  readonly python: string;
  readonly implementation: string;
  readonly lastUsedAt: number;
}

/** How often something was there when it was asked for. */
export interface HitCounts {
  readonly hits: number;
  readonly misses: number;
}

/** The user's own caches; the counts begin with the daemon. */
export interface CacheStatus {
  /** The database of index answers, and what its files take. */
  readonly location: string;
  readonly bytes: number;
  /** Index pages. `hits` were fresh, `revalidated` confirmed by the index (304), `misses` fetched. */
  readonly pages: HitCounts & { readonly entries: number; readonly revalidated: number };
  /** Metadata of wheels, and facts about interpreters: texts that never change. Counted are those of wheels. */
  readonly metadata: HitCounts & { readonly entries: number };
  /** Whole resolutions in memory. */
  readonly resolutions: HitCounts;
  /** Unpacked wheels. Entries and bytes are of the last time they were counted, and absent before the first. */
  readonly wheels: HitCounts & {
    readonly location: string;
    readonly entries?: number;
    readonly bytes?: number;
    readonly countedAt?: number;
  };
  /** Linked trees of wheels that lie ready for the next environment, and what their folders take. */
  readonly spareTrees: { readonly entries: number; readonly bytes: number };
}

/** An index that commands have used. */
export interface IndexStatus {
  readonly url: string;
  /** The `origin` in `hosts` that serves it. */
  readonly host: string;
  readonly lastUsedAt: number;
}

/** A host that was asked for pages or files. */
export interface HostStatus {
  /** Scheme, name and port. */
  readonly origin: string;
  /** `down`: not asked again before `askedAgainAt`. */
  readonly state: "ok" | "down";
  readonly requests: number;
  /** Requests without an answer, and answers with status 500 or more. */
  readonly failures: number;
  /** From a request to the head of its answer; absent before the first answer. */
  readonly latencyMs?: { readonly last: number; readonly mean: number };
  readonly lastAnswerAt?: number;
  readonly lastError?: { readonly text: string; readonly at: number };
  readonly downSince?: number;
  readonly askedAgainAt?: number;
}

/** What the program has in hand, once it is loaded. */
export interface ProgramStatus {
  /** Used last first, at most 100. */
  readonly environments: readonly EnvironmentStatus[];
  readonly caches: CacheStatus;
  readonly indexes: readonly IndexStatus[];
  readonly hosts: readonly HostStatus[];
}

/** The daemon that ran before this one, as far as it left word. */
export interface PreviousDaemon {
  readonly pid: number;
  readonly startedAt: number;
  readonly buildId: string;
  /** Absent when it ended without a word: killed, or the machine went down. */
  readonly endedAt?: number;
  readonly endReason?: string;
}
