import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, inflateRaw } from "node:zlib";
import { PipdError } from "../std/errors.ts";

/** What is asked for: every coding that {@link decode} reads. */
export const ACCEPT_ENCODING = "gzip, deflate, br";

/** No page is longer; a compressed bomb is. Bytes. */
const LONGEST_BODY = 1024 * 1024 * 1024;

/** A body without the codings its Content-Encoding names. Throws PipdError "request-failed" if it is not what that says. */
export async function decode(raw: Uint8Array, encoding: string | undefined, url: string): Promise<Uint8Array> {
  // Bodies mostly grow tenfold: in few large pieces that costs a tenth of the time it takes in zlib's 16 kB ones.
  const limit = {
    maxOutputLength: LONGEST_BODY,
    chunkSize: Math.min(Math.max(16_384, raw.byteLength * 10), 4_194_304),
  };
  let body = raw;
  const codings = (encoding ?? "").split(",").map((coding) => coding.trim().toLowerCase());
  for (const coding of codings.reverse()) {
    try {
      if (coding === "gzip" || coding === "x-gzip") {
        body = await promisify(gunzip)(body, limit);
      } else if (coding === "br") {
        body = await promisify(brotliDecompress)(body, limit);
      } else if (coding === "deflate") {
        // Some servers send it without the zlib wrapper.
        const source = body;
        body = await promisify(inflate)(source, limit).catch(() => promisify(inflateRaw)(source, limit));
      }
    } catch (cause) {
      throw new PipdError("request-failed", `The answer of ${url} cannot be decompressed (${coding}).`, { cause });
    }
  }
  return body;
}
