import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Program } from "../protocol/program.ts";
import type { PipdFolders } from "../protocol/session.ts";
import { createWheelFetcher } from "./artifacts/fetch.ts";
import { createProgram } from "./cli/program.ts";
import { createHttpClient } from "./index/http-client.ts";
import { createPackageIndex } from "./index/package-index.ts";
import { type PageAnswer, type ReadPage, readPage } from "./index/page-rows.ts";
import type { PageTask } from "./index/simple-index.ts";
import { createCompiler } from "./install/compile.ts";
import { createTrash } from "./install/trash.ts";
import { createBackground } from "./operations/background.ts";
import { createMetadataMemory } from "./operations/metadata-memory.ts";
import { createEnvironmentRegister, createObservation, type Observation } from "./operations/observation.ts";
import type { Caches, Parts } from "./operations/parts.ts";
import { createQueries } from "./operations/queries.ts";
import { createResolutionMemory } from "./operations/resolution-memory.ts";
import { findBaseEnvironment, findEnvironment } from "./python/environment.ts";
import { createInstalledModel } from "./python/installed.ts";
import { createInterpreters, type InterpreterFacts } from "./python/interpreter.ts";
import type { Queries } from "./server/handlers.ts";
import type { Log } from "./server/log.ts";
import type { Settings } from "./standards/settings.ts";
import { compatibleTags, tagRanks } from "./standards/tag.ts";
import { createChores } from "./std/chores.ts";
import { createWorkerPool, type WorkerPool } from "./std/worker-pool.ts";
import { createEnvironmentLocks } from "./store/environment-lock.ts";
import { createEnvironmentModels, ENVIRONMENT_DATABASE, type EnvironmentModels } from "./store/environment-models.ts";
import { createHttpCache, INDEX_DATABASE } from "./store/http-cache.ts";
import { createTemporaryWheelStore, createWheelStore } from "./store/wheel-store.ts";

/** What main knows of the world when it builds the program. */
export interface WiringParts {
  readonly version: string;
  /** The folder of this installation: the parent of `.build`. */
  readonly programFolder: string;
  /** The folder with the bundles, `worker.js` and `assets/`. */
  readonly buildFolder: string;
  readonly folders: PipdFolders;
  readonly settings: Settings;
  readonly log: Log;
  /** ms since 1970. */
  readonly now: () => number;
  /** Whether work may go on after a command has been answered: there is a daemon. */
  readonly isDaemon: boolean;
  /** What is wrong with the settings file, for every command to say. */
  readonly settingsFault?: string;
}

/** The program, and what can be done to it from outside. */
export interface Wired {
  readonly program: Program;
  readonly queries: Queries;
  readonly observation: Observation;
  /** Whether work goes on that belongs to no run any more. */
  readonly isWorking: () => boolean;
  /** Complete garbage collections in the threads that have nothing to do. */
  readonly collectInThreads: () => Promise<void>;
  /** Ends the threads that have nothing to do. */
  readonly endThreads: () => Promise<void>;
  /** Forgets everything in memory that can be read again. */
  readonly dropCaches: () => void;
  /** Writes what was kept back from the disk so that nobody waited for it. */
  readonly flush: () => void;
}

/**
 * Threads without work end after this many milliseconds. A new one compiles its code anew, and V8 optimizes it anew: a fifth of the processor time of
 * a large installation.
 */
const WORKER_IDLE_MS = 120_000;

/** Cache folders of which something is kept in memory. */
const MOST_REMEMBERED = 2;

/** Between two slices of work that nobody waits for, and after the last command. */
const CHORE_TIMES = { pauseMs: 5, quietMs: 300 };

/** Builds every object of the program once, and passes each down to those that need it. Loaded after the socket listens. */
export async function wire(world: WiringParts): Promise<Wired> {
  const { version, programFolder, buildFolder, folders, settings, log, now } = world;
  const assetsFolder = join(buildFolder, "assets");
  const cores = availableParallelism();
  const pool = createWorkerPool({
    size: settings.workers === 0 ? Math.max(2, cores) : settings.workers,
    file: pathToFileURL(join(buildFolder, "worker.js")),
    idleMs: WORKER_IDLE_MS,
  });
  const http = createHttpClient({
    clock: now,
    random: Math.random,
    userAgent: `pipd/${version}`,
    concurrency: settings.concurrency,
  });
  const opened = new Map<string, OpenedCaches>();
  const caches = (folder: string = folders.cache): OpenedCaches => {
    const known =
      opened.get(folder) ??
      openCaches(folder, { http, pool, now, storeLimit: settings.storeLimit, spareTrees: settings.spareTrees });
    // Only what was used last stays in memory: somebody may take another cache folder each time.
    opened.delete(folder);
    opened.set(folder, known);
    [...opened.values()].at(-MOST_REMEMBERED - 1)?.forget();
    return known;
  };
  const own = caches();
  const recovered = own.recover();
  if (!world.isDaemon) await recovered;
  const models = createEnvironmentModels(join(folders.cache, ENVIRONMENT_DATABASE), now);
  const interpreters = createInterpreters({ assetsFolder, factsStore: named("facts", models), clock: now });
  const environments = createEnvironmentRegister(now);
  const ranks = new WeakMap<InterpreterFacts, ReadonlyMap<string, number>>();
  const background = createBackground(world.isDaemon, (error) =>
    log.warn({ error: String(error) }, "background work failed"),
  );
  const chores = createChores({ ...CHORE_TIMES, elapsed: () => performance.now() });
  const trash = createTrash({ chores, register: join(folders.state, "trash") });
  if (world.isDaemon) trash.resume();
  const parts: Parts = {
    version,
    programFolder,
    settings,
    settingsFault: world.settingsFault,
    assetsFolder,
    pid: process.pid,
    isRoot: process.geteuid?.() === 0,
    now,
    interpreters,
    findEnvironment: async (request, call) => environments.seen(await findEnvironment(request, interpreters, call)),
    findBaseEnvironment: (request, call) => findBaseEnvironment(request, interpreters, call),
    installed: createInstalledModel(now, named("folder", models)),
    pool,
    compiler: createCompiler({ assetsFolder }),
    locks: createEnvironmentLocks({
      locksFolder: join(folders.runtime, "locks"),
      now,
    }),
    caches,
    tagRanks: ({ facts }) => {
      const known = ranks.get(facts) ?? tagRanks(compatibleTags(facts.tagFacts));
      ranks.set(facts, known);
      return known;
    },
    background,
    chores,
    trash,
    forgetEnvironments: () => {
      parts.installed.clear();
      interpreters.clear();
      return models.clear();
    },
  };
  const observation = createObservation({
    parts,
    hosts: () => http.health(),
    environments,
    pause: (ms) => sleep(ms, undefined, { ref: false }),
  });
  const program = createProgram(parts);
  return {
    program: { run: (input) => chores.during(() => program.run(input)) },
    queries: createQueries(parts),
    observation,
    isWorking: () => background.isWorking() || chores.isWorking(),
    collectInThreads: () => pool.runInIdle({ kind: "collect-garbage" }),
    endThreads: () => pool.endIdle(),
    dropCaches: () => {
      parts.installed.clear();
      for (const each of opened.values()) each.forget();
    },
    flush: () => {
      for (const each of opened.values()) each.flush();
    },
  };
}

/** The models of one kind. */
function named(kind: string, models: EnvironmentModels): Pick<EnvironmentModels, "get" | "set"> {
  return { get: (key) => models.get(`${kind} ${key}`), set: (key, text) => models.set(`${kind} ${key}`, text) };
}

interface CacheParts {
  readonly http: ReturnType<typeof createHttpClient>;
  readonly pool: ReturnType<typeof createWorkerPool>;
  readonly now: () => number;
  /** Bytes. */
  readonly storeLimit: number;
  readonly spareTrees: boolean;
}

/** Milliseconds between two looks at the size of a store: it reads every manifest. */
const TIDY_EVERY = 10 * 60_000;

/** From this many bytes on, as they were sent, reading a page takes longer than handing it to a thread. */
const LARGE_PAGE = 8_000;

/** Reading large pages would block the event loop; small ones are read where they are. */
function readInThread({ headers, body, url, key }: PageAnswer, pool: WorkerPool): Promise<ReadPage> {
  const isCoded = headers["content-encoding"] !== undefined;
  if (body.byteLength < (isCoded ? LARGE_PAGE : LARGE_PAGE * 10)) return readPage({ headers, body, url, key });
  // Others may be reading the same answer: the thread gets a copy of its own.
  const own = Uint8Array.from(body);
  const task: PageTask = { kind: "page", isUrgent: true, page: { headers, body: own, url, key } };
  return pool.run<ReadPage>(task, [own.buffer]);
}

interface OpenedCaches extends Caches {
  readonly flush: () => void;
}

/** Everything that lies under one cache folder. Nothing is opened before it is used. */
function openCaches(folder: string, { http, pool, now, storeLimit, spareTrees }: CacheParts): OpenedCaches {
  let tidied = 0;
  const cache = createHttpCache(join(folder, INDEX_DATABASE), now);
  const index = createPackageIndex({
    http,
    cache,
    clock: now,
    partialFolder: join(folder, "partial"),
    readPage: (page) => readInThread(page, pool),
  });
  const store = createWheelStore({ folder, clock: now });
  const memory = createMetadataMemory();
  const resolutions = createResolutionMemory();
  const forgetIndex = (): void => {
    for (const each of [index, memory, resolutions]) each.clear();
  };
  return {
    folder,
    index,
    store,
    memory,
    resolutions,
    fetcher: createWheelFetcher({
      store,
      pool,
      download: (file, destination, call, arrived) => index.download(file, destination, call, arrived),
    }),
    temporaryStore: () => {
      const temporary = createTemporaryWheelStore(folder, now);
      return { store: temporary.store, remove: async () => temporary[Symbol.asyncDispose]() };
    },
    recover: () => {
      if (!spareTrees) void store.spares.drop();
      return store.recover().catch(() => {});
    },
    tidy: async () => {
      if (now() - tidied < TIDY_EVERY) return;
      tidied = now();
      await store.sweep();
      await store.shrink(storeLimit);
    },
    forget: () => {
      forgetIndex();
      store.forget();
    },
    flush: () => cache.flush(),
    answers: () => ({ location: cache.location, ...cache.size() }),
    forgetAnswers: () => {
      forgetIndex();
      return cache.clear();
    },
  };
}
