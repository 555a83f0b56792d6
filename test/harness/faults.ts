import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";

/** What goes wrong at a path. `times` requests are hit, all if absent. */
export interface Fault {
  readonly status?: number;
  readonly retryAfter?: number | string;
  /** Added to the headers of the answer, or instead of them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly redirect?: string;
  /** The connection is cut after that many bytes of the body. */
  readonly resetAfter?: number;
  /** Nothing more is sent after that many bytes, for this many milliseconds; then the rest. */
  readonly stall?: { readonly after: number; readonly milliseconds: number };
  /** Not even a head is sent for this many milliseconds. */
  readonly silence?: number;
  /** Sent instead of the true body, under the true headers' length unless `contentLength` is given. */
  readonly body?: Uint8Array | string;
  readonly contentLength?: number;
  /** Only so many bytes of the true body are sent, as if they were all of it. */
  readonly cut?: number;
  /** A byte each `milliseconds`. */
  readonly drip?: { readonly milliseconds: number };
  /** The length is not told, and zeros follow the body for ever. */
  readonly endless?: boolean;
  /** The HTTP/2 connection (GOAWAY) or stream (RST_STREAM) ends instead of an answer. */
  readonly http2?: "goaway" | "reset";
  readonly times?: number;
  /** Which requests of the path are hit: reads of the last bytes of a file, or all others. */
  readonly only?: "tail" | "rest";
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array;
  readonly fault: Fault | undefined;
}

/** Does the fault hit a request with this Range header? */
export function isHit(fault: Fault, range: string | undefined): boolean {
  return fault.only === undefined || (fault.only === "tail") === (range?.startsWith("bytes=-") === true);
}

/** The answer with what the fault puts in the place of body and headers. */
export function spoilt(answer: Answer): Answer {
  const { fault, headers, body, status } = answer;
  if (fault === undefined || status === 304) return answer;
  const other = fault.body === undefined ? body : Buffer.from(fault.body);
  return { ...answer, headers: { ...headers, ...fault.headers }, body: other.subarray(0, fault.cut) };
}

/** Sends the answer in the way of its fault; `bandwidth` in bytes per second. */
export async function send(
  response: ServerResponse | Http2ServerResponse,
  { status, headers, body, fault }: Answer,
  bandwidth: number | undefined,
): Promise<void> {
  const http1 = response as ServerResponse;
  const { stream } = response as Http2ServerResponse;
  if (fault?.silence !== undefined) await sleep(fault.silence, undefined, { ref: false });
  if (fault?.http2 !== undefined) {
    if (fault.http2 === "goaway") stream.session?.goaway(1);
    stream.close(8);
    return;
  }
  if (status === 304) {
    http1.writeHead(status, headers);
    http1.end();
    return;
  }
  const length = fault?.endless === true ? {} : { "content-length": fault?.contentLength ?? body.length };
  http1.writeHead(status, { ...headers, ...length });
  if (fault?.resetAfter !== undefined) {
    http1.write(body.subarray(0, fault.resetAfter));
    await sleep(20);
    stream?.destroy?.();
    http1.socket?.destroy();
  } else if (fault?.stall !== undefined) {
    http1.write(body.subarray(0, fault.stall.after));
    await sleep(fault.stall.milliseconds, undefined, { ref: false });
    http1.end(body.subarray(fault.stall.after));
  } else if (fault?.contentLength !== undefined && fault.contentLength > body.length) {
    http1.write(body);
    await sleep(20);
    http1.destroy();
  } else if (fault?.drip !== undefined) {
    await inPieces(http1, body, 1, fault.drip.milliseconds);
  } else if (fault?.endless === true) {
    http1.write(body);
    const zeros = Buffer.alloc(65_536);
    // An answer over HTTP/2 does not say that it is over, its stream does.
    const isOver = (): boolean => http1.destroyed || http1.closed || stream?.destroyed;
    // No more than is taken: with ten megabytes in its queues, Node's server refuses the next requests of the connection.
    while (!isOver()) if ((stream ?? http1).writableNeedDrain || !http1.write(zeros)) await sleep(1);
  } else if (bandwidth !== undefined) {
    await inPieces(http1, body, Math.max(1, Math.round(bandwidth / 50)), 20);
  } else http1.end(body);
}

async function inPieces(response: ServerResponse, body: Uint8Array, step: number, pause: number): Promise<void> {
  let offset = 0;
  for (; offset + step < body.length && !response.destroyed; offset += step) {
    response.write(body.subarray(offset, offset + step));
    await sleep(pause, undefined, { ref: false });
  }
  response.end(body.subarray(offset));
}
