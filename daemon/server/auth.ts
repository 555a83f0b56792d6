import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
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

const newNonce = (): string => randomBytes(16).toString("hex");

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
  // The library takes several times as long with the bytes of a key, which it makes into this for every text.
  const secretKey = createSecretKey(key);
  const hmac = (text: string): Buffer => createHmac("sha256", secretKey).update(text).digest();
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
