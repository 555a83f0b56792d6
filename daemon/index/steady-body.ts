/** How long and how slow a body may be. */
export interface BodyLimits {
  /** Over this many milliseconds of waiting at least {@link SLOWEST} bytes a second must come. */
  readonly patience: number;
  /** Bytes. */
  readonly longest: number;
  /** Milliseconds. */
  readonly clock: () => number;
}

/** A server that sends less, in bytes per second, counts as one that has stopped sending. */
const SLOWEST = 200;

/** The code of the error for a body that comes too slowly: another attempt may help. */
export const TOO_SLOW = "PIPD_TOO_SLOW";
/** The code of the error for a body longer than anybody needs it. */
export const TOO_LONG = "PIPD_TOO_LONG";

/**
 * The chunks of a body as they come. Throws an error with code {@link TOO_SLOW} or {@link TOO_LONG}: the time-out of a connection begins anew
 * with each byte, so that a drip could hold a command for ever. Only waiting counts, not what the reader does in between.
 */
export async function* steadyBody(
  body: AsyncIterable<Uint8Array>,
  { patience, longest, clock }: BodyLimits,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  let lately = 0;
  let waited = 0;
  let since = clock();
  for await (const chunk of body) {
    length += chunk.length;
    lately += chunk.length;
    waited += clock() - since;
    if (length > longest) throw failure(TOO_LONG);
    if (waited >= patience) {
      if (lately * 1000 < SLOWEST * waited) throw failure(TOO_SLOW);
      lately = 0;
      waited = 0;
    }
    yield chunk;
    since = clock();
  }
}

/** The whole body. */
export async function wholeBody(body: AsyncIterable<Uint8Array>, limits: BodyLimits): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of steadyBody(body, limits)) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
