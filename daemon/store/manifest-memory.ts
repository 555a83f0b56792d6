import type { StoredWheel } from "./wheel-folder.ts";

/** A stored wheel in memory, with what tells whether it still is the one on disk. */
export interface RememberedWheel {
  readonly wheel: StoredWheel;
  readonly stamp: string;
  /** When its use was last written to disk, in milliseconds. */
  touched: number;
}

/** The wheels used last, bounded by the number of files in their manifests together. */
export interface ManifestMemory {
  /** Makes it the youngest when it is there. */
  get(sha256: string): RememberedWheel | undefined;
  /** Drops the oldest ones beyond the bound, but never the one just set. */
  set(entry: RememberedWheel): void;
  delete(sha256: string): void;
  clear(): void;
}

export function createManifestMemory(maxFiles: number): ManifestMemory {
  const entries = new Map<string, RememberedWheel>();
  let files = 0;
  const take = (sha256: string): RememberedWheel | undefined => {
    const entry = entries.get(sha256);
    files -= entry?.wheel.manifest.files.length ?? 0;
    entries.delete(sha256);
    return entry;
  };
  const put = (entry: RememberedWheel): void => {
    files += entry.wheel.manifest.files.length;
    entries.set(entry.wheel.sha256, entry);
  };
  return {
    get(sha256) {
      const entry = take(sha256);
      if (entry !== undefined) put(entry);
      return entry;
    },
    set(entry) {
      take(entry.wheel.sha256);
      put(entry);
      for (const sha256 of entries.keys()) {
        if (files <= maxFiles || sha256 === entry.wheel.sha256) break;
        take(sha256);
      }
    },
    delete: (sha256) => void take(sha256),
    clear() {
      entries.clear();
      files = 0;
    },
  };
}
