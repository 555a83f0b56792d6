import type { CacheStatus, EnvironmentStatus, HostStatus, IndexStatus, ProgramStatus } from "../../protocol/status.ts";
import type { HostHealth } from "../index/hosts.ts";
import type { LockHolder } from "../store/environment-lock.ts";
import type { Caches, Environment, Parts } from "./parts.ts";

/** What the program has in hand. */
export interface Observation {
  /** Of this moment; nothing in it is waited for but the first count of the store, and that for a moment only. */
  status(): Promise<ProgramStatus>;
  /** For whom the command with this signal waits, or undefined when it does not. */
  waitingFor(signal: AbortSignal): LockHolder | undefined;
}

export interface ObservationParts {
  readonly parts: Pick<Parts, "caches" | "locks" | "now">;
  readonly hosts: () => readonly HostHealth[];
  readonly environments: EnvironmentRegister;
  /** Resolves after so many milliseconds, and keeps no process alive. */
  readonly pause: (ms: number) => Promise<void>;
}

/** The environments that were asked for. */
export interface EnvironmentRegister {
  /** Passes the environment on, and remembers it. */
  seen(environment: Environment): Environment;
  /** Used last first. */
  list(): readonly EnvironmentStatus[];
}

const MOST_ENVIRONMENTS = 100;
/** The store is counted again when somebody asks after this many milliseconds. */
const COUNT_EVERY = 5 * 60_000;
/** Whoever asks first waits so long for the count. */
const PATIENCE_MS = 20;

/** `now` gives milliseconds since 1970. */
export function createEnvironmentRegister(now: () => number): EnvironmentRegister {
  const known = new Map<string, EnvironmentStatus>();
  return {
    seen: (environment) => {
      const { root, facts } = environment;
      known.delete(root);
      known.set(root, {
        root,
        python: facts.version,
        implementation: facts.implementationName,
        lastUsedAt: now(),
      });
      for (const oldest of known.keys()) {
        if (known.size <= MOST_ENVIRONMENTS) break;
        known.delete(oldest);
      }
      return environment;
    },
    list: () => [...known.values()].toReversed(),
  };
}

export function createObservation({ parts, hosts, environments, pause }: ObservationParts): Observation {
  let counted: { readonly entries: number; readonly bytes: number; readonly countedAt: number } | undefined;
  let counting: Promise<void> | undefined;
  const count = async ({ store }: Caches): Promise<void> => {
    const { wheels, bytes } = await store.count();
    counted = { entries: wheels, bytes, countedAt: parts.now() };
  };
  const cacheStatus = async (): Promise<CacheStatus> => {
    const caches = parts.caches(undefined);
    const { location, bytes, pages: entries, texts } = caches.answers();
    const { pages, metadata } = caches.index.counts();
    const spares = caches.store.spares.count();
    if (counting === undefined && (counted === undefined || parts.now() - counted.countedAt > COUNT_EVERY)) {
      counting = count(caches)
        .catch(() => {}) // A store that cannot be read has no size.
        .finally(() => {
          counting = undefined;
        });
    }
    if (counted === undefined) await Promise.race([counting, pause(PATIENCE_MS)]);
    return {
      location,
      bytes,
      pages: { entries, ...pages },
      metadata: { entries: texts, hits: metadata.hits + caches.memory.hits, misses: metadata.misses },
      resolutions: caches.resolutions.counts,
      wheels: { location: caches.store.folder, ...caches.fetcher.counts, ...counted },
      spareTrees: { entries: spares.trees, bytes: spares.bytes },
    };
  };
  return {
    waitingFor: (signal) => parts.locks.waitingFor(signal),
    status: async () => ({
      environments: environments.list(),
      caches: await cacheStatus(),
      indexes: indexStatus(parts.caches(undefined)),
      hosts: hostStatus(hosts()),
    }),
  };
}

function indexStatus({ index }: Caches): readonly IndexStatus[] {
  return index
    .counts()
    .indexes.map(({ url, lastUsedAt }) => ({
      url,
      host: URL.canParse(url) && /^https?:/i.test(url) ? new URL(url).origin : "",
      lastUsedAt,
    }))
    .toReversed();
}

/** One row for each host, however many ways there are to it: it is down when it is in any of them. */
function hostStatus(health: readonly HostHealth[]): readonly HostStatus[] {
  const origins = [...new Set(health.map(({ origin }) => origin))].sort();
  return origins.map((origin) =>
    merged(
      origin,
      health.filter((ways) => ways.origin === origin),
    ),
  );
}

function merged(origin: string, ways: readonly HostHealth[]): HostStatus {
  const sum = (value: (way: HostHealth) => number): number => ways.reduce((total, way) => total + value(way), 0);
  const latest = <T>(values: readonly (T | undefined)[], time: (value: T) => number): T | undefined =>
    values.filter((value) => value !== undefined).toSorted((a, b) => time(b) - time(a))[0];
  const down = ways.find((way) => way.downSince !== undefined);
  const lastAnswer = latest(
    ways.map((way) =>
      way.lastAnswerAt === undefined ? undefined : { at: way.lastAnswerAt, latency: way.lastLatency },
    ),
    ({ at }) => at,
  );
  const lastError = latest(
    ways.map((way) => way.lastError),
    ({ at }) => at,
  );
  const answers = sum((way) => way.answers);
  return {
    origin,
    state: down === undefined ? "ok" : "down",
    requests: sum((way) => way.requests),
    failures: sum((way) => way.failures),
    ...(lastAnswer === undefined
      ? {}
      : {
          latencyMs: { last: lastAnswer.latency, mean: Math.round(sum((way) => way.totalLatency) / answers) },
          lastAnswerAt: lastAnswer.at,
        }),
    ...(lastError === undefined ? {} : { lastError }),
    ...(down?.downSince === undefined ? {} : { downSince: down.downSince }),
    ...(down?.askedAgainAt === undefined ? {} : { askedAgainAt: down.askedAgainAt }),
  };
}
