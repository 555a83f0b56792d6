import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { createWheelFetcher, type WheelFetcher, type WheelFetcherPorts } from "../../daemon/artifacts/fetch.ts";
import type { ProjectFile } from "../../daemon/index/project-files.ts";
import { normalizeName } from "../../daemon/standards/name.ts";
import { parseVersion } from "../../daemon/standards/version.ts";
import { type Call, SILENT_REPORTER } from "../../daemon/std/call.ts";
import { createWorkerPool, type WorkerPool } from "../../daemon/std/worker-pool.ts";
import { createWheelStore, type WheelStore } from "../../daemon/store/wheel-store.ts";

/** A fetcher over a real store and real worker threads, for the tests of one file. */
export interface Workshop {
  /** A temporary folder, gone after the tests. */
  readonly folder: string;
  readonly store: WheelStore;
  readonly pool: WorkerPool;
  readonly fetcher: WheelFetcher;
  /** A new, empty folder below `folder`. */
  readonly newFolder: () => string;
  readonly newStore: () => WheelStore;
}

export function openWorkshop(ports: Partial<WheelFetcherPorts> = {}): Workshop {
  const folder = mkdtempSync(join(tmpdir(), "pipd-test-"));
  const pool = createWorkerPool({ size: 2, file: new URL("../../daemon/worker.ts", import.meta.url), idleMs: 60_000 });
  let count = 0;
  const newFolder = (): string => {
    const made = join(folder, String(++count));
    mkdirSync(made);
    return made;
  };
  const newStore = (): WheelStore => createWheelStore({ folder: newFolder(), clock: Date.now });
  const store = newStore();
  const download = (): Promise<never> => Promise.reject(new Error("nothing is downloaded in this test"));
  after(async () => {
    await pool.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, store, pool, newFolder, newStore, fetcher: createWheelFetcher({ store, pool, download, ...ports }) };
}

export const callWith = (fields: Partial<Call> = {}): Call => ({
  cwd: "/",
  env: {},
  umask: 0o022,
  signal: new AbortController().signal,
  reporter: SILENT_REPORTER,
  ...fields,
});

/** The entry of an index page for a file of the project `demo`, at an address that only the test's download port knows. */
export const indexFile = (filename: string, sha256: string): ProjectFile => ({
  filename,
  url: `https://index.test/${filename}`,
  hashes: { sha256 },
  yanked: false,
  coreMetadata: false,
  key: normalizeName("demo"),
  version: parseVersion("1.0"),
  sdist: false,
  origin: "https://index.test/simple/",
  source: {
    location: "https://index.test/simple/",
    network: {} as ProjectFile["source"]["network"],
    cacheDisabled: false,
  },
});

/** Everything that lies in a store, as relative paths; records of local files aside. Nothing when it was never used. */
export function contentsOf(store: WheelStore): string[] {
  if (!existsSync(store.folder)) return [];
  const paths = readdirSync(store.folder, { recursive: true, encoding: "utf8" });
  return paths.filter((path) => !path.startsWith(".local")).sort();
}
