import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { proofText } from "../../protocol/session.ts";
import { errnoOf, PipdError } from "../std/errors.ts";
import { writeFileAtomically } from "../std/files.ts";

/** The daemon's half of the mutual challenge (R9). The secret itself never crosses a connection. */
export interface Secret {
  /** A new nonce, 32 hexadecimal digits. */
  nonce(): string;
  prove(clientNonce: string, serverNonce: string): string;
  /** Whether `proof` is the client's; takes the same time for every wrong proof of the right length. */
  accepts(clientNonce: string, serverNonce: string, proof: string): boolean;
}

/** Bytes of a nonce, and of what is asked of the system at once: one nonce at a time takes as long as all that. */
const NONCE = 16;
const POOL = 4096;
let pool = Buffer.alloc(0);

function newNonce(): string {
  if (pool.length < NONCE) pool = randomBytes(POOL);
  const nonce = pool.toString("hex", 0, NONCE);
  pool = pool.subarray(NONCE);
  return nonce;
}

/** HMAC (RFC 2104) for many short texts: the library's own takes a tenth of a millisecond to set up for each. @param key at most 64 bytes */
function createHmacSha256(key: Uint8Array): (text: string) => Buffer {
  const padded = (pad: number): Buffer =>
    Buffer.concat([key, Buffer.alloc(64 - key.length)]).map((byte) => byte ^ pad) as Buffer;
  const [inner, outer] = [padded(0x36), padded(0x5c)];
  const digest = (pad: Buffer, message: Uint8Array): Buffer => hash("sha256", Buffer.concat([pad, message]), "buffer");
  return (text) => digest(outer, digest(inner, Buffer.from(text)));
}

/** A new secret, written to `path` (0600, replaced atomically) for clients of the same user. Throws `daemon-start-failed` when it cannot be written. */
export function createSecret(path: string): Secret {
  const key = randomBytes(32);
  try {
    writeFileAtomically(path, key.toString("hex"));
  } catch (error) {
    throw new PipdError("daemon-start-failed", `${path} cannot be written: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  }
  const hmac = createHmacSha256(key);
  return {
    nonce: newNonce,
    prove: (clientNonce, serverNonce) => hmac(proofText(clientNonce, serverNonce, "server")).toString("hex"),
    accepts: (clientNonce, serverNonce, proof) => {
      const given = Buffer.from(proof, "hex");
      const wanted = hmac(proofText(clientNonce, serverNonce, "client"));
      return given.length === wanted.length && timingSafeEqual(given, wanted);
    },
  };
}

/** For a pipe that the caller itself made and nobody else holds (`--stdio`): there is nothing to prove. */
export const INHERITED_PIPE: Secret = { nonce: newNonce, prove: () => "", accepts: () => true };
