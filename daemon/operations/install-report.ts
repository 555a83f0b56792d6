import type { ProjectFile } from "../index/project-files.ts";
import type { Environment } from "../python/environment.ts";
import { directUrlJson } from "../standards/direct-url.ts";
import { parseMetadata } from "../standards/metadata.ts";
import { metadataJson } from "../standards/metadata-json.ts";
import { type Json, pythonJson } from "../standards/python-json.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { sha256OfFile } from "../std/hash-file.ts";
import { writeTextFile } from "../std/write-text.ts";
import type { Chosen } from "./choose-installations.ts";
import { type DirectWheels, fileOf, type ResolutionContext } from "./resolve-requirements.ts";

/** The pip whose report this is in form and content. */
const PIP_VERSION = "26.3";

/**
 * The installation report (pip's `--report`, schema version "1"): what is going to be installed, in the order of the resolution.
 * Text with two spaces per level and no line end.
 */
export async function installReport(
  { facts }: Environment,
  chosen: readonly Chosen[],
  directs: DirectWheels,
  context: ResolutionContext,
): Promise<string> {
  const items = await Promise.all(
    chosen
      .toSorted((a, b) => a.resolved.ordinal - b.resolved.ordinal)
      .map((one) => reportItem(one, fileOf(one.resolved.candidate, directs), context)),
  );
  const report: Json = { version: "1", pip_version: PIP_VERSION, install: items, environment: facts.markers };
  return pythonJson(report, { indent: 2, ascii: false });
}

async function reportItem({ resolved }: Chosen, file: ProjectFile, { index, call }: ResolutionContext): Promise<Json> {
  const metadata = parseMetadata(await index.metadata(file, call));
  const hashes = hashesOf(file);
  const isRequestedWithExtras = resolved.isUserRequested && resolved.extras.length > 0;
  return {
    download_info: directUrlJson({
      url: file.url.replace(/#.*$/, ""),
      archiveInfo: hashes === undefined ? {} : { hashes },
    }) as Json,
    is_direct: resolved.candidate.source.kind === "direct",
    is_yanked: file.yanked !== false,
    requested: resolved.isUserRequested,
    metadata: metadataJson(metadata),
    ...(isRequestedWithExtras ? { requested_extras: resolved.extras.toSorted() } : {}),
  };
}

/** What the index says; for a local file without a hash, that of its content. */
function hashesOf(file: ProjectFile): Readonly<Record<string, string>> | undefined {
  const known = Object.entries(file.hashes)[0];
  if (known !== undefined) return { [known[0]]: known[1] };
  const path = pathOfFileUrl(file.url);
  return path === undefined ? undefined : { sha256: sha256OfFile(path) };
}

/** @throws PipdError `unwritable-file` naming the file */
export function writeReport(path: string, text: string, { umask }: Call): void {
  try {
    writeTextFile(path, text, umask);
  } catch (error) {
    throw new PipdError(
      "unwritable-file",
      `Could not write the report to ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
