import type { NetworkSettings } from "./network-settings.ts";

/** Where one caller looks for files. */
export interface IndexSources {
  /** `--index-url` first, then `--extra-index-url`: URLs (`https:`, `http:`, `file:`) or paths of folders in PEP 503 layout. */
  readonly indexUrls: readonly string[];
  /** Paths and URLs of folders, pages and files. Relative paths are relative to the caller's folder. */
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
  readonly network: NetworkSettings;
  /** `--no-cache-dir`: nothing is read from the cache nor kept in it. */
  readonly cacheDisabled: boolean;
  /** Pages that are asked for again however fresh: all, or those of these projects (`--refresh-package`; normalised names). */
  readonly refresh: "all" | ReadonlySet<string>;
}
