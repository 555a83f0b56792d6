import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { errnoOf, PipdError } from "../std/errors.ts";
import { TRY_AGAIN } from "./failures.ts";

/** What is asked for: every coding that {@link decode} reads. */
export const ACCEPT_ENCODING = "gzip, deflate, br";

/** A body grows by no more than this; a compressed bomb does. */
const MOST_GROWTH = 100;
/** Growth alone says nothing of bodies shorter than that. Bytes. */
const HARMLESS = 4 * 1024 * 1024;

/**
 * A body without the codings its Content-Encoding names. `longest` is in bytes. Throws PipdError "request-failed" if it is not what that says, or is
 * longer than that.
 */
export function decode(raw: Uint8Array, encoding: string | undefined, url: string, longest: number): Uint8Array {
  // Bodies mostly grow tenfold: in few large pieces that costs a tenth of the time it takes in zlib's 16 kB ones.
  const limit = {
    maxOutputLength: Math.min(longest, Math.max(HARMLESS, raw.byteLength * MOST_GROWTH)),
    chunkSize: Math.min(Math.max(16_384, raw.byteLength * 10), 4_194_304),
  };
  let body = raw;
  const codings = (encoding ?? "").split(",").map((coding) => coding.trim().toLowerCase());
  for (const coding of codings.reverse()) {
    try {
      if (coding === "gzip" || coding === "x-gzip") {
        body = gunzipSync(body, limit);
      } else if (coding === "br") {
        body = brotliDecompressSync(body, limit);
      } else if (coding === "deflate") {
        body = inflated(body, limit);
      }
    } catch (cause) {
      const isBomb = errnoOf(cause) === "ERR_BUFFER_TOO_LARGE";
      const fault = isBomb ? "becomes far too long when it is decompressed" : "cannot be decompressed";
      throw new PipdError("request-failed", `The answer of ${url} ${fault} (${coding}).`, { hint: TRY_AGAIN, cause });
    }
  }
  return body;
}

/** Some servers send it without the zlib wrapper. */
function inflated(body: Uint8Array, limit: { readonly maxOutputLength: number }): Uint8Array {
  try {
    return inflateSync(body, limit);
  } catch {
    return inflateRawSync(body, limit);
  }
}
