import { type CoreMetadata, parseMetadataFields } from "../standards/metadata.ts";
import { readFileIfThere } from "../std/read-file.ts";
import type { StoredWheel } from "../store/wheel-store.ts";

/** The metadata of a wheel in the store, without its description. */
export function readWheelMetadata({ tree, manifest }: StoredWheel): CoreMetadata {
  return parseMetadataFields(new TextDecoder().decode(readFileIfThere(`${tree}/${manifest.distInfo}/METADATA`)));
}
