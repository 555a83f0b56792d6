import { constants, createInflateRaw, inflateRawSync } from "node:zlib";

/** Inflates the contents of archives, one after the other. */
export interface Inflater {
  /**
   * The content of a raw deflate stream (RFC 1951) that should have `size` bytes; good until the next call. What is shorter is returned as it is.
   * @throws zlib's error for a stream that is damaged or cut short; ERR_BUFFER_TOO_LARGE for a longer content.
   */
  inflate(compressed: Uint8Array, size: number): Buffer;
}

/** What Node's own synchronous functions use and give no public name: one write with a buffer for the result. */
interface ZlibState {
  readonly destroyed: boolean;
  readonly _handle: {
    reset(): void;
    writeSync(
      flush: number,
      input: Uint8Array,
      inputStart: number,
      inputLength: number,
      output: Uint8Array,
      outputStart: number,
      outputLength: number,
    ): void;
  };
  /** After a write: bytes of the output, and of the input, that were not used. */
  readonly _writeState: Uint32Array;
}

/** Greater contents get a buffer of their own, bytes. */
const SHARED = 2 ** 20;

/**
 * One state of zlib and one buffer for all contents: `inflateRawSync` makes a stream object and takes new memory from the system for each, half of the
 * time that small files need. Only a content that is exactly as it should be is taken from there; for all others, and where a version of Node has no such
 * state, `inflateRawSync` has the word.
 */
export function createInflater(makeState: () => object = createInflateRaw): Inflater {
  let state: ZlibState | undefined;
  let isUsable = true;
  let buffer: Buffer | undefined;

  const begin = (): ZlibState | undefined => {
    const made = makeState();
    isUsable = isZlibState(made);
    return isUsable ? (made as ZlibState) : undefined;
  };
  const inflateShared = (compressed: Uint8Array, size: number): Buffer | undefined => {
    if (!isUsable || size >= SHARED) return undefined;
    state ??= begin();
    if (state === undefined) return undefined;
    buffer ??= Buffer.allocUnsafeSlow(SHARED);
    state._handle.reset();
    // With a byte to spare: a content that is longer takes it.
    state._handle.writeSync(constants.Z_FINISH, compressed, 0, compressed.length, buffer, 0, size + 1);
    const isExact = !state.destroyed && state._writeState[0] === 1;
    if (state.destroyed) state = undefined;
    return isExact ? buffer.subarray(0, size) : undefined;
  };

  return {
    inflate(compressed, size) {
      const shared = inflateShared(compressed, size);
      if (shared !== undefined) return shared;
      // The output has a byte to spare, too: with none left zlib would ask for another block.
      const options = { maxOutputLength: Math.max(size, 1), chunkSize: Math.max(64, size + 1) };
      return inflateRawSync(compressed, options);
    },
  };
}

function isZlibState(made: object): boolean {
  const { _handle, _writeState, on } = made as Partial<ZlibState> & Partial<NodeJS.EventEmitter>;
  if (typeof _handle?.writeSync !== "function" || typeof _handle.reset !== "function") return false;
  if (!(_writeState instanceof Uint32Array) || on === undefined) return false;
  // A damaged stream destroys the state, and tells so later as an event.
  on.call(made, "error", () => {});
  return true;
}
