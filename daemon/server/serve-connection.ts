import type { Readable, Writable } from "node:stream";
import { MAX_BODY } from "../../protocol/framing.ts";
import { type InitializeParams, type InitializeResult, METHODS, type MethodName } from "../../protocol/methods.ts";
import { compareBuilds, describeChange, type Namespace, PROTOCOL, parseBuildId } from "../../protocol/session.ts";
import { PipdError } from "../std/errors.ts";
import type { Secret } from "./auth.ts";
import type { Handlers } from "./handlers.ts";
import type { Log } from "./log.ts";
import { checkedParams } from "./params.ts";
import { openPeer, type Peer } from "./rpc.ts";
import { RpcFailure } from "./rpc-error.ts";

/** What every connection of a daemon is served with. */
export interface ConnectionParts {
  readonly secret: Secret;
  readonly handlers: Handlers;
  readonly log: Log;
  readonly namespace: Namespace;
  readonly self: {
    readonly version: string;
    readonly buildId: string;
    readonly pid: number;
    readonly startedAt: number;
  };
  /** Time a connection has for its handshake. */
  readonly handshakeMs: number;
  /** Whether the daemon takes new work. */
  readonly retiring: () => boolean;
  /** Why this daemon is not the one of its installation any more, when it is not (R34). */
  readonly replaced: () => string | undefined;
  /** The installation has changed: the daemon should make place for the new one. */
  readonly outdated: (reason: string) => void;
  readonly notices: Notices;
}

/** Lines that one person is to see once, whichever client comes first. */
export interface Notices {
  /** All lines there are; there are none afterwards. */
  take(): readonly string[];
  /** Lines whose taker went away before it could show them. */
  giveBack(lines: readonly string[]): void;
}

export function createNotices(lines: readonly string[]): Notices {
  let left = lines;
  return {
    take: () => {
      const taken = left;
      left = [];
      return taken;
    },
    giveBack: (lines) => {
      left = [...lines, ...left];
    },
  };
}

/** One end of a byte stream in both directions: a socket, or standard input and output. */
export interface Transport {
  readonly input: Readable;
  readonly output: Writable;
  end(): void;
}

/** A stranger's first message is held in memory until it is complete, so it has to be short (R10, R15). What comes after `initialized` may arrive with it. */
const MAX_HANDSHAKE_BODY = 64 * 1024;

type Stage =
  | { readonly name: "new" }
  | {
      readonly name: "challenged";
      readonly clientNonce: string;
      readonly serverNonce: string;
      readonly notices: readonly string[];
    }
  | { readonly name: "open" };

/** Serves one connection until it ends. `settled` is called once: when the handshake is complete, or the connection ends without one. */
export function serveConnection(transport: Transport, parts: ConnectionParts, settled: () => void): Peer {
  let stage: Stage = { name: "new" };
  let peer: Peer;
  const deadline = setTimeout(() => refuse("no handshake in time"), parts.handshakeMs);
  const settle = (): void => {
    clearTimeout(deadline);
    settled();
  };
  const refuse = (reason: string): void => {
    parts.log.warn({ reason }, "connection refused");
    peer.close();
  };
  const request = async (method: MethodName, params: unknown, signal: AbortSignal): Promise<unknown> => {
    if (method === "initialize") {
      if (stage.name !== "new") throw new PipdError("invalid-request", "initialize was sent twice");
      const checked = checkedParams("initialize", params);
      const result = initialize(checked, parts);
      const { nonce, notices } = result;
      peer.wantsProgress = checked.capabilities?.progress === true;
      stage = { name: "challenged", clientNonce: checked.nonce, serverNonce: nonce, notices };
      return result;
    }
    if (stage.name !== "open") throw new PipdError("not-initialized", `${method} before the handshake was complete`);
    return parts.handlers.request(peer, method, params, signal);
  };
  const notification = (method: MethodName, params: unknown): void => {
    if (stage.name === "open") return parts.handlers.notification(peer, method, params);
    if (method !== "initialized" || stage.name !== "challenged") return;
    try {
      const { proof } = checkedParams("initialized", params);
      if (!parts.secret.accepts(stage.clientNonce, stage.serverNonce, proof)) return refuse("wrong proof");
    } catch {
      return refuse("wrong proof");
    }
    stage = { name: "open" };
    settle();
  };
  const broken = (reason: Error): void => parts.log.warn({ reason: reason.message }, "broken connection");
  const maxBody = (): number => (stage.name === "new" ? MAX_HANDSHAKE_BODY : MAX_BODY);
  peer = openPeer(transport.input, transport.output, () => transport.end(), { request, notification, broken }, maxBody);
  peer.closed.addEventListener("abort", () => {
    if (stage.name === "challenged") parts.notices.giveBack(stage.notices);
    if (stage.name !== "open") settle();
  });
  return peer;
}

/** Answers `initialize`, or throws why this client and this daemon cannot work together (R32-R34, R36). */
function initialize(params: InitializeParams, parts: ConnectionParts): InitializeResult {
  if (parts.retiring()) throw new RpcFailure("retiring", "the daemon is ending", { retryAfterMs: 20 });
  if (params.namespace.host !== parts.namespace.host || params.namespace.mnt !== parts.namespace.mnt) {
    throw new PipdError("foreign-namespace", "the client runs in another container or on another machine");
  }
  checkBuild(params, parts);
  const serverNonce = parts.secret.nonce();
  return {
    protocol: Math.min(params.protocol.max, PROTOCOL.max),
    server: parts.self,
    nonce: serverNonce,
    proof: parts.secret.prove(params.nonce, serverNonce),
    capabilities: { methods: Object.keys(METHODS), maxFrame: MAX_BODY },
    notices: params.client.name === COMMAND_CLIENT ? parts.notices.take() : [],
  };
}

/** The name of the client that shows what it is told to a person. */
const COMMAND_CLIENT = "pipd";
/** The name under which a client stops, retires or inspects a daemon of any build. */
const LIFECYCLE_CLIENT = "pipd-lifecycle";

function checkBuild(params: InitializeParams, parts: ConnectionParts): void {
  if (params.client.name === LIFECYCLE_CLIENT) return;
  const own = parseBuildId(parts.self.buildId);
  const reason = parts.replaced();
  if (reason !== undefined) {
    parts.outdated(reason);
    throw new RpcFailure("version-mismatch", reason, { ...PROTOCOL, action: "retire", reason });
  }
  const client = parseBuildId(params.client.buildId);
  if (params.client.name === COMMAND_CLIENT && compareBuilds(client, own) > 0) {
    const reason = describeChange(own, client);
    throw new RpcFailure("version-mismatch", reason, { ...PROTOCOL, action: "retire", reason });
  }
  if (params.protocol.min > PROTOCOL.max || params.protocol.max < PROTOCOL.min) {
    const reason = `the daemon speaks protocol ${PROTOCOL.min}-${PROTOCOL.max}, the client ${params.protocol.min}-${params.protocol.max}`;
    throw new RpcFailure("version-mismatch", reason, {
      ...PROTOCOL,
      action: params.protocol.min > PROTOCOL.max ? "retire" : "in-process",
      reason,
    });
  }
}
