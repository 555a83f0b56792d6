/** A daemon that knows the secret and says what a test wants it to say, in place of the real one. */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createFrameScanner, decodeBody, encodeFrame } from "../../protocol/framing.ts";
import { proofText } from "../../protocol/session.ts";
import { hmacSha256Hex } from "../../protocol/sha256.ts";
import { daemonFolder } from "../server/daemon-files.ts";
import { startDaemon, stopDaemon } from "./daemon-runner.ts";
import { TEST_PIPD } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";

/** One message of the client, and the way to answer. */
export interface Heard {
  readonly message: {
    readonly id?: number;
    readonly method?: string;
    readonly params?: Record<string, unknown>;
    readonly result?: unknown;
    readonly error?: { readonly code: number };
  };
  readonly socket: Socket;
  /** Sends a message as it should be. */
  readonly send: (message: object) => void;
}

/** A daemon that does what a test says. */
export interface ScriptedDaemon {
  /** Gets every message after a good handshake, `run/start` first; set anew whenever a test wants something else said. Says nothing at first. */
  say: (heard: Heard) => void;
  readonly close: () => void;
}

/** Puts a scripted daemon where the sandbox's own would listen. */
export async function scriptDaemon(sandbox: Sandbox): Promise<ScriptedDaemon> {
  await startDaemon(sandbox, { program: TEST_PIPD });
  const folder = daemonFolder(sandbox);
  const token = readFileSync(join(folder, "token"), "latin1");
  await stopDaemon(sandbox, { program: TEST_PIPD });
  writeFileSync(join(folder, "token"), token, { mode: 0o600 });
  const open = new Set<Socket>();
  const daemon: ScriptedDaemon = {
    say: () => {},
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {}).on("close", () => open.delete(socket));
    const send = (message: object): void => void socket.write(encodeFrame({ jsonrpc: "2.0", ...message }));
    const nonce = "5a".repeat(16);
    const scanner = createFrameScanner((body) => {
      const message = decodeBody(body) as Heard["message"];
      if (message.method === "initialize") {
        const proof = hmacSha256Hex(token, proofText(String(message.params?.["nonce"]), nonce, "server"));
        send({
          id: message.id,
          result: {
            protocol: 1,
            server: { version: "0", buildId: "0", pid: 4242, startedAt: 0 },
            nonce,
            proof,
            capabilities: { methods: [], maxFrame: 1 },
            notices: [],
          },
        });
      } else if (message.method !== "initialized") daemon.say({ message, socket, send });
    });
    socket.on("data", (chunk) => scanner.bytes(chunk));
  });
  await new Promise<void>((resolve) => server.listen(join(folder, "sock"), resolve));
  return daemon;
}
