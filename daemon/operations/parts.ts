import type { WheelFetcher } from "../artifacts/fetch.ts";
import type { PackageIndex } from "../index/package-index.ts";
import type { Compiler } from "../install/compile.ts";
import type { Trash } from "../install/trash.ts";
import type { Environment, EnvironmentRequest } from "../python/environment.ts";
import type { InstalledModel } from "../python/installed.ts";
import type { Interpreters } from "../python/interpreter.ts";
import type { Settings } from "../standards/settings.ts";
import type { Call } from "../std/call.ts";
import type { Chores } from "../std/chores.ts";
import type { WorkerPool } from "../std/worker-pool.ts";
import type { EnvironmentLocks } from "../store/environment-lock.ts";
import type { WheelStore } from "../store/wheel-store.ts";
import type { MetadataMemory } from "./metadata-memory.ts";
import type { ResolutionMemory } from "./resolution-memory.ts";

export type { Environment, EnvironmentRequest } from "../python/environment.ts";

/** What is kept under one cache folder. */
export interface Caches {
  /** Absolute. */
  readonly folder: string;
  readonly index: PackageIndex;
  readonly store: WheelStore;
  readonly fetcher: WheelFetcher;
  readonly memory: MetadataMemory;
  readonly resolutions: ResolutionMemory;
  /** A store for one command (`--no-cache-dir`), and how to remove it. */
  readonly temporaryStore: () => { readonly store: WheelStore; readonly remove: () => Promise<void> };
  /** Removes what killed processes left in the store. */
  recover(): Promise<void>;
  /** Removes what killed processes left, and the least recently used wheels over the limit of the settings. At most now and then. */
  readonly tidy: () => Promise<void>;
  /** How much the answers of indexes take: files of the database and rows in it. */
  answers(): { readonly location: string; readonly bytes: number; readonly pages: number; readonly texts: number };
  /** Forgets what it keeps in memory and can read again from its files. */
  forget(): void;
  /** Forgets all answers of indexes; gives how many there were. */
  forgetAnswers(): number;
}

/** Work on an environment that goes on after a command has been answered. */
export interface Background {
  readonly allowed: boolean;
  /** Starts work; without a daemon it is waited for before the program ends. */
  readonly later: (root: string, work: (signal: AbortSignal) => Promise<void>) => void;
  /** Whether any such work is in progress. */
  readonly isWorking: () => boolean;
  /** Cancels the work on an environment and waits for its end. The next change does this first. */
  readonly stop: (root: string) => Promise<void>;
}

/** Everything an operation works with, built once by main and never looked up anywhere else. */
export interface Parts {
  readonly version: string;
  /** The folder that the program lies in, for `--version`. */
  readonly programFolder: string;
  readonly settings: Settings;
  /** What is wrong with the settings file, in a sentence. */
  readonly settingsFault: string | undefined;
  /** The folder with probe.py, compile.py and the activation scripts. */
  readonly assetsFolder: string;
  readonly pid: number;
  readonly isRoot: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly interpreters: Interpreters;
  readonly findEnvironment: (request: EnvironmentRequest, call: Call) => Promise<Environment>;
  /** The interpreter a new environment is made from: as asked, else the first on PATH; active and near environments do not count. */
  readonly findBaseEnvironment: (request: EnvironmentRequest, call: Call) => Promise<Environment>;
  readonly installed: InstalledModel;
  readonly pool: WorkerPool;
  readonly compiler: Compiler;
  readonly locks: EnvironmentLocks;
  /** The caches under a folder (`--cache-dir`), or the user's own. Opened once. */
  readonly caches: (folder: string | undefined) => Caches;
  /** Compatibility tags of an environment's interpreter with their rank, best first. */
  readonly tagRanks: (environment: Environment) => ReadonlyMap<string, number>;
  /**
   * Whether work may go on after a command has been answered. False without a daemon: everything is then done before the end.
   * `later` takes such work; it is cancelled when the daemon ends.
   */
  readonly background: Background;
  /** Work for when no command runs. */
  readonly chores: Chores;
  /** For what large changes have moved away; only where work may go on. */
  readonly trash: Trash;
  /** Forgets what is known of interpreters and of what is installed; gives how many of them were kept in the user's own cache. */
  readonly forgetEnvironments: () => number;
}
