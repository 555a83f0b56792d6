/** A folder of installed distributions as text, with what was read of each: a daemon that starts anew compares stamps instead of reading files. */
import { join } from "node:path";
import type { CoreMetadata } from "../standards/metadata.ts";
import type { Stamp } from "./folder-stamp.ts";
import { nameAndVersion, stampPathOf } from "./info-folder.ts";
import {
  createInstalled,
  type FoundInfo,
  type Installed,
  type InstalledKind,
  type KnownParts,
  loadedOf,
} from "./installed-distribution.ts";

/** An info folder and the stamps of what its {@link Installed} was read from. */
export interface Entry {
  readonly name: string;
  readonly stampPath: string;
  readonly stamp: Stamp;
  /** Of the info folder itself. */
  readonly infoFolder: string;
  readonly infoStamp: Stamp;
  readonly installed: Installed | undefined;
}

/** Raised with the shape of what is kept: older texts are then passed over. */
const FORMAT = 1;

interface KeptEntry extends KnownParts {
  readonly name: string;
  readonly kind: InstalledKind;
  readonly stamp: Stamp;
  readonly infoStamp: Stamp;
}

interface KeptFolder {
  readonly format: number;
  readonly installedIn: string;
  readonly entries: readonly KeptEntry[];
}

/** The text of a folder's entries; undefined when one has no name, which is told from files each time. */
export function encodeFolder(entries: readonly Entry[]): string | undefined {
  const kept: KeptEntry[] = [];
  let installedIn = "";
  for (const { name, stamp, infoStamp, installed } of entries) {
    const loaded = installed && loadedOf(installed);
    if (loaded === undefined) return undefined;
    const { metadata, details } = loaded.parts();
    installedIn = loaded.found.installedIn;
    kept.push({
      name,
      kind: loaded.found.kind,
      stamp,
      infoStamp,
      metadata: metadata && withoutHeaders(metadata),
      // A URL may hold credentials, which are copied nowhere.
      details: details?.value.directUrl === undefined ? details : undefined,
    });
  }
  return JSON.stringify({ format: FORMAT, installedIn, entries: kept } satisfies KeptFolder);
}

/** Most of the text would be headers that only `show` needs; where they come from a text, looking at them reads the file. */
function withoutHeaders(metadata: CoreMetadata): KnownParts["metadata"] {
  const { metadataVersion, name, version, requiresPython, requiresDist, providesExtra } = metadata;
  const python = requiresPython === undefined ? {} : { requiresPython };
  return { metadataVersion, name, version, ...python, requiresDist, providesExtra };
}

/** The entries in a text of {@link encodeFolder}; undefined when it is of another time. Nothing in it has been compared with the disk. */
export function decodeFolder(
  text: string,
  place: Pick<FoundInfo, "location" | "generation" | "loaded">,
): readonly Entry[] | undefined {
  try {
    const { format, installedIn, entries } = JSON.parse(text) as KeptFolder;
    return format === FORMAT ? entries.map((entry) => entryOf(entry, { ...place, installedIn })) : undefined;
  } catch {
    return undefined;
  }
}

function entryOf(
  { name, kind, stamp, infoStamp, ...known }: KeptEntry,
  place: Pick<FoundInfo, "location" | "installedIn" | "generation" | "loaded">,
): Entry {
  const infoFolder = join(place.location, name);
  const installed = createInstalled({ ...place, kind, infoFolder, eggLink: undefined, ...nameAndVersion(name) }, known);
  return { name, stampPath: stampPathOf(infoFolder, kind), stamp, infoFolder, infoStamp, installed };
}
