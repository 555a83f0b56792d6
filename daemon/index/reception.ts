import type { FileHandle } from "node:fs/promises";
import { PipdError } from "../std/errors.ts";
import { redact } from "../std/redact.ts";
import { createDigests, type Digests, mismatchOf } from "./digests.ts";
import { TRY_AGAIN } from "./failures.ts";
import type { HttpClient, HttpRequest, HttpStream } from "./http-client.ts";
import type { PartialFile } from "./partial-files.ts";
import type { ProjectFile } from "./project-files.ts";
import { statusError } from "./simple-index.ts";

/** What a finished transfer was. */
export interface Downloaded {
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** A file on its way into a partial file. */
export interface Reception {
  readonly file: ProjectFile;
  readonly part: PartialFile;
  readonly handle: FileHandle;
  digests: Digests;
  length: number;
  validator: string | undefined;
  /** Bytes were there before this transfer: if the hash is wrong, they may be to blame. */
  resumed: boolean;
  report(done: number, total: number | undefined): void;
  /** So many bytes are in the file. */
  arrived(length: number): void;
}

/** The request for a file as its index was asked. */
export function requestOf({ url, source }: ProjectFile): HttpRequest {
  return { url, location: source.location, network: source.network };
}

/** Feeds the bytes that are already there to the hashes; they are dropped if nothing could tell whether they still belong to the file. */
export async function takeOver(reception: Reception): Promise<void> {
  const { part, handle, file } = reception;
  if (part.length === 0) {
    return;
  }
  if (part.validator === undefined && Object.keys(file.hashes).length === 0) {
    await handle.truncate(0);
    return;
  }
  for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) {
    reception.digests.update(chunk as Uint8Array);
    reception.length += (chunk as Uint8Array).length;
  }
  reception.resumed = true;
}

/** A server that breaks off after fewer bytes than that has made no progress: else a file could take for ever. */
const PROGRESS = 256 * 1024;

/** Receives until the body is complete, resuming it as often in a row without progress as the settings allow. */
export async function receiveAll(reception: Reception, http: HttpClient, signal: AbortSignal): Promise<void> {
  const { network } = reception.file.source;
  for (let failures = 0; ; ) {
    const before = reception.length;
    try {
      await receive(reception, http, signal);
      return;
    } catch (error) {
      failures = reception.length >= before + PROGRESS ? 1 : failures + 1;
      if (signal.aborted || !(error instanceof BrokenBody) || failures > network.resumeRetries) {
        throw error instanceof BrokenBody ? givenUp(error, reception) : error;
      }
      await http.backOff(failures, undefined, signal);
    }
  }
}

function givenUp({ cause }: BrokenBody, { file, length }: Reception): unknown {
  if (!(cause instanceof PipdError) || length === 0 || file.source.cacheDisabled) return cause;
  const hint = `${cause.hint ?? TRY_AGAIN} The ${length} bytes that have arrived are kept: the next command goes on from there.`;
  return new PipdError(cause.code, cause.message, { hint, cause });
}

/** The body broke off; what came before is kept. */
class BrokenBody extends Error {}

async function receive(reception: Reception, http: HttpClient, signal: AbortSignal): Promise<void> {
  const { file, length, validator } = reception;
  const strong = validator?.startsWith("W/") === true ? undefined : validator;
  const headers =
    length === 0 ? {} : { range: `bytes=${length}-`, ...(strong === undefined ? {} : { "if-range": strong }) };
  const stream = await http.open({ ...requestOf(file), headers }, signal);
  const total = await prepare(reception, stream);
  if (total === "complete") {
    stream.cancel();
    return;
  }
  if (total === "restart") {
    stream.cancel();
    await restart(reception);
    return receive(reception, http, signal);
  }
  reception.validator = stream.headers["etag"] ?? stream.headers["last-modified"];
  try {
    await writeBody(reception, stream, total);
  } catch (error) {
    if (error instanceof PipdError && (error.code === "request-failed" || error.code === "index-unreachable")) {
      throw new BrokenBody(error.message, { cause: error });
    }
    throw error;
  }
  if (total !== undefined && reception.length < total) {
    const text = `${redact(file.url)} ended after ${reception.length} of ${total} bytes.`;
    throw new BrokenBody(text, { cause: new PipdError("request-failed", text, { hint: TRY_AGAIN }) });
  }
}

/** What the head of the answer means for what is here: the length of the whole file (undefined: not told), or what to do instead. */
async function prepare(reception: Reception, stream: HttpStream): Promise<number | undefined | "complete" | "restart"> {
  const { length } = reception;
  if (stream.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(stream.headers["content-range"] ?? "");
    const fits = Number(range?.[1] ?? 0) === length;
    return !fits ? "restart" : range?.[2] === undefined || range[2] === "*" ? undefined : Number(range[2]);
  }
  if (stream.status === 416 && length > 0) {
    return stream.headers["content-range"] === `bytes */${length}` ? "complete" : "restart";
  }
  if (stream.status !== 200) {
    stream.cancel();
    throw statusError(stream);
  }
  if (length > 0) {
    await restart(reception);
  }
  const told = stream.headers["content-length"];
  return told === undefined || stream.headers["content-encoding"] !== undefined ? undefined : Number(told);
}

async function restart(reception: Reception): Promise<void> {
  await reception.handle.truncate(0);
  reception.digests = createDigests(reception.file.hashes);
  reception.length = 0;
  reception.resumed = false;
  reception.validator = undefined;
}

/** Compares the hashes and throws PipdError "hash-mismatch" if they differ. If bytes of an earlier attempt are part of a wrong file, all is fetched once more. */
export async function verified(reception: Reception, http: HttpClient, signal: AbortSignal): Promise<Downloaded> {
  const { file } = reception;
  const got = reception.digests.digest();
  const mismatch = mismatchOf(`${file.filename} from ${redact(file.url)}`, file.hashes, got);
  if (mismatch === undefined) {
    return { sha256: got.sha256 ?? "", size: reception.length };
  }
  if (!reception.resumed) {
    throw withLengths(mismatch, file, reception.length);
  }
  await restart(reception);
  await receiveAll(reception, http, signal);
  return verified(reception, http, signal);
}

/** A file that was cut short has not been tampered with: its length tells. */
function withLengths(mismatch: PipdError, { size }: ProjectFile, length: number): PipdError {
  if (size === undefined || size === length) return mismatch;
  const hint = `What came has ${length} bytes, the index says ${size}: the server or a proxy may be out of order. Try again later.`;
  return new PipdError(mismatch.code, mismatch.message, { hint });
}

/** Small writes cost more than what they write: chunks are written together, and what has come is written whatever ends the body. */
async function writeBody(reception: Reception, { body }: HttpStream, total: number | undefined): Promise<void> {
  const longest = (reception.file.size ?? MOST_UNTOLD) + SLACK;
  let chunks: Uint8Array[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (size === 0) return;
    const [written, length] = [chunks, size];
    chunks = [];
    size = 0;
    await writeAll(reception.handle, written);
    for (const chunk of written) reception.digests.update(chunk);
    reception.length += length;
    reception.arrived(reception.length);
  };
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (total === undefined && reception.length + size > longest) throw tooLong(reception.file);
      if (size >= WRITE_AT_ONCE) await flush();
      reception.report(reception.length + size, total);
    }
  } finally {
    await flush();
  }
}

/** Bytes. */
const WRITE_AT_ONCE = 256 * 1024;

/** A body may have no length, and the file no size on its page: it ends here at the latest. Bytes. */
const MOST_UNTOLD = 4 * 2 ** 30;
/** A body that is longer than the file by less is read to its end: then its hash tells what it is. Bytes. */
const SLACK = 2 ** 20;

function tooLong({ url, size }: ProjectFile): PipdError {
  const told = size === undefined ? "" : ` than the ${size} bytes that its index says`;
  return new PipdError("wrong-length", `${redact(url)} does not end: it is longer${told}.`, {
    hint: "The server may be out of order; try again later.",
  });
}

/** They are not put together first: to the collector the copies are as large as the file. */
async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  for (let rest = chunks; rest.length > 0; ) {
    const { bytesWritten } = await handle.writev(rest);
    rest = after(rest, bytesWritten);
  }
}

/** What is left of pieces without their first `count` bytes. */
function after(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skipped = 0;
  let first = 0;
  while (first < pieces.length && skipped + pieces[first]!.length <= count) skipped += pieces[first++]!.length;
  const rest = pieces.slice(first);
  if (rest[0] !== undefined) rest[0] = rest[0].subarray(count - skipped);
  return rest;
}
