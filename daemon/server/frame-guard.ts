import { type Readable, Transform } from "node:stream";
import { BadFrame, contentLength } from "../../protocol/framing.ts";

/**
 * Passes on what `source` sends while it keeps to the framing and its limits (R15): the JSON-RPC library behind it has none.
 * At the first byte that does not, the returned stream is destroyed with a BadFrame and nothing more comes out of it.
 * @param limits in bytes; that of a body is asked for with each header.
 */
export function guardFrames(
  source: Readable,
  limits: { readonly maxHeader: number; readonly maxBody: () => number },
): Readable {
  let header = "";
  let bodyLeft = 0;
  const inspect = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= taken;
        at += taken;
        continue;
      }
      // The blank line may be cut by the chunk's end, so the search goes over what is held and what is new together.
      const held = header.length;
      header += chunk.toString("latin1", at, at + limits.maxHeader + 4 - held);
      const end = header.indexOf("\r\n\r\n");
      if (/[^\r\n\x20-\x7e]/.test(end < 0 ? header : header.slice(0, end)))
        throw new BadFrame("a header with bytes that are not text");
      if (end < 0 || end > limits.maxHeader) {
        if (header.length >= limits.maxHeader) throw new BadFrame(`a header over ${limits.maxHeader} bytes`);
        return;
      }
      bodyLeft = contentLength(header.slice(0, end), limits.maxBody());
      at += end + 4 - held;
      header = "";
    }
  };
  const guarded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        inspect(chunk);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  source.on("error", (error) => guarded.destroy(error));
  source.on("close", () => guarded.destroy());
  return source.pipe(guarded);
}
