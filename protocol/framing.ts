/** The base framing of the Language Server Protocol: `Content-Length: N\r\n\r\n` and N bytes of UTF-8 JSON. Used by the command client; the daemon uses vscode-jsonrpc, and a test keeps the two alike byte for byte. */

export const MAX_HEADER = 4096;
export const MAX_BODY = 16 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** One message as the bytes of its frame. */
export function encodeFrame(message: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(message));
  const header = encoder.encode(`Content-Length: ${body.length}\r\n\r\n`);
  const frame = new Uint8Array(header.length + body.length);
  frame.set(header);
  frame.set(body, header.length);
  return frame;
}

/** Thrown for bytes that are not a frame, or for a frame over the limits. The connection cannot be used any more. */
export class BadFrame extends Error {
  override readonly name = "BadFrame";
}

/** The length that a header block (without its blank line) announces. Throws BadFrame. */
export function contentLength(header: string, maxBody: number): number {
  let length: number | undefined;
  for (const line of header.split("\r\n")) {
    const match = /^([A-Za-z-]+): *(.*)$/.exec(line);
    if (match === null) throw new BadFrame(`not a header line: ${JSON.stringify(line.slice(0, 60))}`);
    if (match[1]!.toLowerCase() !== "content-length") continue;
    if (length !== undefined || !/^\d{1,10}$/.test(match[2]!))
      throw new BadFrame(`bad Content-Length: ${JSON.stringify(line.slice(0, 60))}`);
    length = Number(match[2]);
  }
  if (length === undefined) throw new BadFrame("a header without Content-Length");
  if (length > maxBody) throw new BadFrame(`a frame of ${length} bytes is over the limit of ${maxBody}`);
  return length;
}

/** Cuts a stream of bytes into frames. `bytes` takes what arrived and calls `frame` with each complete body. Throws BadFrame. */
export interface FrameScanner {
  bytes(chunk: Uint8Array): void;
}

/** @param maxHeader bytes of a header block, @param maxBody bytes of a body, asked for with each header. */
export function createFrameScanner(
  frame: (body: Uint8Array) => void,
  {
    maxHeader = MAX_HEADER,
    maxBody = () => MAX_BODY,
  }: { readonly maxHeader?: number; readonly maxBody?: () => number } = {},
): FrameScanner {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  /** Bytes of the body being read, or undefined inside a header. */
  let wanted: number | undefined;
  const gather = (): Uint8Array => {
    if (held.length === 1) return held[0]!;
    const all = new Uint8Array(heldBytes);
    let offset = 0;
    for (const part of held) {
      all.set(part, offset);
      offset += part.length;
    }
    return all;
  };
  const keep = (rest: Uint8Array): void => {
    held = rest.length === 0 ? [] : [rest];
    heldBytes = rest.length;
  };
  return {
    bytes: (chunk) => {
      held.push(chunk);
      heldBytes += chunk.length;
      for (;;) {
        if (wanted === undefined) {
          const all = gather();
          const end = findBlankLine(all, maxHeader);
          if (end < 0) return keep(all);
          wanted = contentLength(decoder.decode(all.subarray(0, end)), maxBody());
          keep(all.subarray(end + 4));
        }
        if (heldBytes < wanted) return;
        const all = gather();
        const body = all.subarray(0, wanted);
        keep(all.subarray(wanted));
        wanted = undefined;
        frame(body);
        if (heldBytes === 0) return;
      }
    },
  };
}

/** The index of the first `\r\n\r\n`, or -1 when it has not arrived yet. Throws BadFrame for a header over `limit` bytes or with a NUL. */
function findBlankLine(bytes: Uint8Array, limit: number): number {
  const last = Math.min(bytes.length, limit);
  for (let index = 0; index < last; index++) {
    const byte = bytes[index]!;
    if (byte === 13 && bytes[index + 1] === 10 && bytes[index + 2] === 13 && bytes[index + 3] === 10) return index;
    if ((byte < 32 && byte !== 13 && byte !== 10) || byte > 126)
      throw new BadFrame("a header with bytes that are not text");
  }
  if (bytes.length >= limit) throw new BadFrame(`a header over ${limit} bytes`);
  return -1;
}

/** The message in a frame's body. Throws SyntaxError when it is not JSON. */
export function decodeBody(body: Uint8Array): unknown {
  return JSON.parse(decoder.decode(body));
}
