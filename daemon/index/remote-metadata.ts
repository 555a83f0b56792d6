import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { redact } from "../std/redact.ts";
import { createDigests, mismatchOf } from "./digests.ts";
import { metadataOfArchive, metadataOfFile, TAIL_LENGTH } from "./dist-metadata.ts";
import type { HttpClient, HttpStream } from "./http-client.ts";
import { networkKey } from "./network-settings.ts";
import type { ProjectFile } from "./project-files.ts";
import { requestOf } from "./reception.ts";
import { statusError } from "./simple-index.ts";
import type { Transfers } from "./transfers.ts";

/** Reads the METADATA of wheels on servers. */
export interface RemoteMetadata {
  /**
   * By the cheapest way there is: the file beside the wheel (PEP 658, its hash verified), else the wheel's end by a Range request, else the whole
   * wheel, which is kept for the download that is likely to follow. Throws what HttpClient and Transfers throw, "hash-mismatch", "invalid-wheel".
   */
  read(file: ProjectFile, call: Call): Promise<string>;
}

export function createRemoteMetadata(http: HttpClient, transfers: Transfers): RemoteMetadata {
  /** Origins, and the ways to them, that answered a Range request with the whole file. */
  const withoutRanges = new Set<string>();

  async function fromSidecar(file: ProjectFile, call: Call): Promise<string | undefined> {
    const request = requestOf(file);
    const answer = await http.get({ ...request, url: `${file.url}.metadata` }, call.signal);
    if (answer.status !== 200) {
      if (answer.status === 404 || answer.status === 403 || answer.status === 410) {
        return undefined; // Announced and not there: the wheel itself will do.
      }
      throw statusError(answer);
    }
    if (typeof file.coreMetadata === "string") {
      const expected = { sha256: file.coreMetadata };
      const digests = createDigests(expected);
      digests.update(answer.body);
      const mismatch = mismatchOf(
        `${file.filename}.metadata from ${redact(file.url)}.metadata`,
        expected,
        digests.digest(),
      );
      if (mismatch !== undefined) {
        throw mismatch;
      }
    }
    return new TextDecoder().decode(answer.body);
  }

  async function fromTail(file: ProjectFile, call: Call): Promise<string | undefined> {
    const way = `${new URL(file.url).origin} ${networkKey(file.source.network)}`;
    if (withoutRanges.has(way)) {
      return undefined;
    }
    const tail = await range(file, `bytes=-${TAIL_LENGTH}`, call);
    if (tail === undefined) {
      withoutRanges.add(way);
      return undefined;
    }
    return metadataOfArchive(file.filename, tail, async (start, end) => {
      const piece = await range(file, `bytes=${start}-${end - 1}`, call);
      if (piece === undefined || piece.size !== tail.size) {
        throw new PipdError("request-failed", `${redact(file.url)} changed while it was read.`);
      }
      return piece.bytes;
    });
  }

  /** The bytes asked for and the size of the whole file; undefined if the server does not serve them alone. */
  async function range(
    file: ProjectFile,
    bytes: string,
    call: Call,
  ): Promise<{ readonly bytes: Buffer; readonly size: number } | undefined> {
    const stream = await http.open({ ...requestOf(file), headers: { range: bytes } }, call.signal);
    const size = /\/(\d+)$/.exec(stream.headers["content-range"] ?? "")?.[1];
    if (stream.status === 206 && size !== undefined) {
      return { bytes: await collect(stream), size: Number(size) };
    }
    stream.cancel();
    if (stream.status >= 400 && stream.status !== 416 && stream.status !== 501) {
      throw statusError(stream);
    }
    return undefined;
  }

  return {
    async read(file, call) {
      const beside = file.coreMetadata === false ? undefined : await fromSidecar(file, call);
      return (
        beside ??
        (await fromTail(file, call)) ??
        (await transfers.peek(file, call, (path) => metadataOfFile(path, file.filename)))
      );
    },
  };
}

async function collect(stream: HttpStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
