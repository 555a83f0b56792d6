import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { redact } from "../std/redact.ts";
import { createDigests, mismatchOf } from "./digests.ts";
import { LONGEST_METADATA, metadataOfArchive, metadataOfFile, TAIL_LENGTH } from "./dist-metadata.ts";
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
    const answer = await http.get({ ...request, url: `${file.url}.metadata`, longest: LONGEST_METADATA }, call.signal);
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
    const text = new TextDecoder().decode(answer.body);
    return typeof file.coreMetadata === "string" || isMetadata(text) ? text : undefined;
  }

  /** Undefined if the server does not serve the wheel's end, or what it serves makes no sense: then the whole wheel decides. */
  async function fromTail(file: ProjectFile, call: Call): Promise<string | undefined> {
    const way = `${new URL(file.url).origin} ${networkKey(file.source.network)}`;
    if (withoutRanges.has(way)) {
      return undefined;
    }
    const tail = await range(file, `bytes=-${TAIL_LENGTH}`, TAIL_LENGTH, call);
    if (tail === "refused") {
      withoutRanges.add(way);
    }
    if (tail === "refused" || tail === "wrong") {
      return undefined;
    }
    try {
      return await metadataOfArchive(file.filename, tail, async (start, end) => {
        const piece = await range(file, `bytes=${start}-${end - 1}`, end - start, call);
        if (typeof piece === "string" || piece.size !== tail.size) {
          throw new PipdError("invalid-wheel", `${redact(file.url)} changed while it was read.`);
        }
        return piece.bytes;
      });
    } catch (error) {
      if (error instanceof PipdError && error.code === "invalid-wheel") {
        return undefined;
      }
      throw error;
    }
  }

  /** The `length` bytes asked for (fewer in a shorter file); asked for again when the body breaks off. */
  async function range(
    file: ProjectFile,
    bytes: string,
    length: number,
    call: Call,
  ): Promise<Piece | "refused" | "wrong"> {
    for (let failures = 1; ; failures++) {
      const request = { ...requestOf(file), headers: { range: bytes }, longest: length };
      const stream = await http.open(request, call.signal);
      const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(stream.headers["content-range"] ?? "") ?? [];
      if (stream.status !== 206 || size === undefined) {
        stream.cancel();
        if (stream.status >= 400 && stream.status !== 416 && stream.status !== 501) {
          throw statusError(stream);
        }
        return "refused";
      }
      try {
        const piece = await collect(stream);
        return piece.length === Number(last) - Number(first) + 1 ? { bytes: piece, size: Number(size) } : "wrong";
      } catch (error) {
        const isMended = error instanceof PipdError && error.code === "request-failed";
        if (call.signal.aborted || !isMended || failures > file.source.network.retries) throw error;
        await http.backOff(failures, undefined, call.signal);
      }
    }
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

/** Bytes of a file, and the size of all of it. */
interface Piece {
  readonly bytes: Buffer;
  readonly size: number;
}

/** A page of something else, sent with status 200, is no metadata; nor is what breaks off in the first lines. */
function isMetadata(text: string): boolean {
  const [head = ""] = text.split(/\r?\n\r?\n/, 1);
  return ["Metadata-Version", "Name", "Version"].every((name) => new RegExp(`^${name}:`, "im").test(head));
}

async function collect(stream: HttpStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
