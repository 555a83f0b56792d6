import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import type { InitializeResult } from "../protocol/methods.ts";
import { type Namespace, PROTOCOL, proofText } from "../protocol/session.ts";
import { hmacSha256Hex } from "../protocol/sha256.ts";
import type { Rpc } from "./rpc.ts";

/** Whoever answers does not know the secret: it is not our daemon. */
export class WrongProof extends Error {
  override readonly name = "WrongProof";
}

/** Who asks. `pipd` wants this build or a newer one, `pipd-lifecycle` is answered by a daemon of any build, others by any that speaks the protocol. */
export interface ClientIdentity {
  readonly name: "pipd" | "pipd-lifecycle" | "pipd-api";
  readonly version: string;
  readonly buildId: string;
  /** Asks for `$/progress`. */
  readonly progress?: boolean;
}

function newNonce(): string {
  const bytes = Buffer.alloc(16);
  const descriptor = openSync("/dev/urandom", "r");
  readSync(descriptor, bytes);
  closeSync(descriptor);
  return bytes.toString("hex");
}

/** Takes the same time wherever two texts of one length differ. */
function isSame(wanted: string, given: string): boolean {
  let difference = wanted.length ^ given.length;
  for (let index = 0; index < wanted.length; index++) difference |= wanted.charCodeAt(index) ^ given.charCodeAt(index);
  return difference === 0;
}

/** Without the file there is nothing to check the other side by, which is as bad as a wrong answer. */
function readSecret(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw new WrongProof(`the daemon's secret cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Proves each side to the other (R9); after it the connection takes every method. Without `tokenPath` the other side is our own child and nothing is proved.
 * Throws RemoteError, ConnectionLost or WrongProof.
 */
export async function shakeHands(
  rpc: Rpc,
  client: ClientIdentity,
  namespace: Namespace,
  tokenPath: string | undefined,
): Promise<InitializeResult> {
  const nonce = newNonce();
  const { progress, ...named } = client;
  const result = await rpc.request("initialize", {
    protocol: PROTOCOL,
    client: { ...named, pid: process.pid },
    nonce,
    namespace,
    ...(progress === true ? { capabilities: { progress } } : {}),
  }).answer;
  if (tokenPath === undefined) {
    rpc.notify("initialized", { proof: "" });
    return result;
  }
  // Read after the answer: who answers may have been started by this very connection (R69), and has its secret by now. One that has been replaced
  // since fails the proof.
  const secret = readSecret(tokenPath);
  if (!isSame(hmacSha256Hex(secret, proofText(nonce, result.nonce, "server")), result.proof))
    throw new WrongProof("whoever answers there does not know the daemon's secret");
  rpc.notify("initialized", { proof: hmacSha256Hex(secret, proofText(nonce, result.nonce, "client")) });
  return result;
}
