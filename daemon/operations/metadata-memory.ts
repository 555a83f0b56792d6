import type { PackageIndex } from "../index/package-index.ts";
import type { ProjectFile } from "../index/project-files.ts";
import { type CoreMetadata, parseMetadataFields } from "../standards/metadata.ts";
import type { Call } from "../std/call.ts";
import { createLruMap } from "../std/lru-map.ts";

/** Parsed metadata of wheels by their content: it never changes, and what is derived from the object stays with it. */
export interface MetadataMemory {
  /** The header fields of a wheel's metadata (no description), from memory or from the index. */
  fields(file: ProjectFile, index: PackageIndex, call: Call): Promise<CoreMetadata> | CoreMetadata;
  clear(): void;
  /** How often they came from memory. */
  readonly hits: number;
}

/** A few kilobytes each. */
const MOST = 4000;

export function createMetadataMemory(): MetadataMemory {
  const known = createLruMap<CoreMetadata>(MOST);
  const keep = (name: string, metadata: CoreMetadata): CoreMetadata => {
    known.set(name, metadata);
    return metadata;
  };
  let hits = 0;
  return {
    clear: () => known.clear(),
    get hits() {
      return hits;
    },
    fields: (file, index, call) => {
      const name = index.metadataName(file);
      const found = name === undefined ? undefined : known.get(name);
      if (found !== undefined) {
        hits++;
        return found;
      }
      const read = index.metadata(file, call).then(parseMetadataFields);
      return name === undefined ? read : read.then((metadata) => keep(name, metadata));
    },
  };
}
