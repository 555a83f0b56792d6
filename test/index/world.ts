import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createHttpClient, type HttpClient, type HttpClientOptions } from "../../daemon/index/http-client.ts";
import type { IndexSources } from "../../daemon/index/index-sources.ts";
import { type NetworkOptions, networkSettingsOf } from "../../daemon/index/network-settings.ts";
import { createPackageIndex, type PackageIndex } from "../../daemon/index/package-index.ts";
import { readPage } from "../../daemon/index/page-rows.ts";
import { type NormalizedName, normalizeName } from "../../daemon/standards/name.ts";
import { DEFAULT_SETTINGS } from "../../daemon/standards/settings.ts";
import type { Call, MessageLevel, ProgressEvent } from "../../daemon/std/call.ts";
import { createHttpCache, type HttpCache } from "../../daemon/store/http-cache.ts";
import { type IndexServer, type IndexServerOptions, startIndexServer } from "../harness/index-server.ts";
import { noise } from "../harness/noise.ts";
import { makeWheel, metadataText, type WheelSpec, wheelFilename } from "../harness/wheel-maker.ts";

/** A daemon's view of indexes in a folder of its own, on a clock that the test turns. */
export interface World {
  readonly folder: string;
  readonly http: HttpClient;
  readonly cache: HttpCache;
  readonly index: PackageIndex;
  /** Milliseconds to be added to the clock. */
  readonly turn: (milliseconds: number) => void;
  /** The next daemon on the same folder. */
  restart(): World;
}

export interface RecordedCall extends Call {
  readonly messages: readonly (readonly [MessageLevel, string])[];
  readonly progress: readonly ProgressEvent[];
}

/** Everything is closed and removed when the test ends. */
export function createWorld(
  t: TestContext,
  options: Partial<HttpClientOptions> = {},
  folder = temporaryFolder(),
): World {
  let now = Date.now();
  const clock = () => now;
  const { concurrency } = DEFAULT_SETTINGS;
  const http = createHttpClient({
    clock,
    concurrency,
    random: () => 0.5,
    userAgent: "pipd/test",
    backOff: 2,
    ...options,
  });
  const cache = createHttpCache(join(folder, "cache", "index.db"), clock);
  const index = createPackageIndex({ http, cache, partialFolder: join(folder, "cache", "partial"), clock, readPage });
  t.after(async () => {
    await http.close();
    cache.close();
  });
  return {
    folder,
    http,
    cache,
    index,
    turn: (milliseconds) => {
      now += milliseconds;
    },
    restart: () => {
      cache.flush();
      return createWorld(t, options, folder);
    },
  };
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Gone when all tests of the file are over: what they have opened may write there until then. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pipd-index-"));
  folders.push(folder);
  return folder;
}

export async function serve(t: TestContext, options: IndexServerOptions = {}): Promise<IndexServer> {
  const server = await startIndexServer(options);
  t.after(() => server.close());
  return server;
}

export function callOf(overrides: Partial<Call> = {}): RecordedCall {
  const messages: (readonly [MessageLevel, string])[] = [];
  const progress: ProgressEvent[] = [];
  return {
    cwd: "/",
    env: {},
    umask: 0o022,
    signal: new AbortController().signal,
    reporter: {
      message: (level, text) => messages.push([level, text]),
      progress: (event) => progress.push(event),
    },
    messages,
    progress,
    ...overrides,
  };
}

/** Sources with one index, or with what is given. `env` and `network` are the caller's. */
export function sourcesOf(
  indexUrl: string | readonly string[],
  given: Partial<IndexSources> & {
    readonly env?: Readonly<Record<string, string>>;
    readonly options?: NetworkOptions;
  } = {},
): IndexSources {
  const { env = {}, options = {}, ...sources } = given;
  return {
    indexUrls: typeof indexUrl === "string" ? [indexUrl] : indexUrl,
    findLinks: [],
    noIndex: false,
    network: networkSettingsOf(env, { retries: 3, ...options }),
    cacheDisabled: false,
    refresh: new Set(),
    ...sources,
  };
}

export const DEMO: NormalizedName = normalizeName("demo");

export interface MadeWheel {
  readonly filename: string;
  readonly bytes: Buffer;
  readonly metadata: string;
}

/** A wheel of project `demo`; `bulk` bytes of incompressible content make it large. */
export async function demoWheel(spec: Partial<WheelSpec> = {}, bulk = 0): Promise<MadeWheel> {
  const full: WheelSpec = {
    name: "demo",
    ...(bulk === 0 ? {} : { files: { "demo/bulk.bin": noise(bulk, 0) } }),
    ...spec,
  };
  return { filename: wheelFilename(full), bytes: await makeWheel(full), metadata: metadataText(full) };
}
