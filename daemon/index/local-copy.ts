import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { errnoOf, PipdError } from "../std/errors.ts";
import { osHint } from "../std/os-hint.ts";
import { createDigests, mismatchOf } from "./digests.ts";
import type { ProjectFile } from "./project-files.ts";
import type { Downloaded } from "./reception.ts";

/**
 * Copies a file of this machine, at `path`, to `destination`, and verifies it on the way. Throws PipdError "hash-mismatch", "unreadable-file",
 * "download-not-saved".
 */
export async function copyLocal(
  file: ProjectFile,
  path: string,
  destination: string,
  signal: AbortSignal,
): Promise<Downloaded> {
  const temporary = `${destination}.${randomBytes(4).toString("hex")}.part`;
  const digests = createDigests(file.hashes);
  let size = 0;
  try {
    const source = await open(path, "r");
    const target = await open(temporary, "wx");
    await pipeline(
      source.createReadStream(),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          digests.update(chunk);
          size += chunk.length;
          yield chunk;
        }
      },
      target.createWriteStream(),
      { signal },
    );
    const got = digests.digest();
    const mismatch = mismatchOf(`${file.filename} from ${file.url}`, file.hashes, got);
    if (mismatch !== undefined) {
      throw mismatch;
    }
    await rename(temporary, destination);
    return { sha256: got.sha256 ?? "", size };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof PipdError || signal.aborted ? error : copyFailure(path, destination, error);
  }
}

function copyFailure(path: string, destination: string, cause: unknown): PipdError {
  const code = errnoOf(cause) ?? String(cause);
  return (cause as NodeJS.ErrnoException).path === path
    ? new PipdError("unreadable-file", `Could not read ${path}: ${code}`, { cause })
    : writeFailure(destination, cause);
}

/** The PipdError "download-not-saved". */
export function writeFailure(destination: string, cause: unknown): PipdError {
  const hint = osHint(errnoOf(cause));
  return new PipdError("download-not-saved", `Could not write ${destination}: ${errnoOf(cause) ?? String(cause)}`, {
    ...(hint === undefined ? {} : { hint }),
    cause,
  });
}
