import type { DaemonStatus } from "../../protocol/methods.ts";
import type { Program } from "../../protocol/program.ts";
import type { Namespace } from "../../protocol/session.ts";
import { PipdError } from "../std/errors.ts";
import type { Secret } from "./auth.ts";
import type { DoctorParts } from "./doctor-parts.ts";
import { createHandlers, type Queries } from "./handlers.ts";
import { createLifecycle, type End, type Lifecycle } from "./lifecycle.ts";
import type { Log } from "./log.ts";
import { readLastLines } from "./log-file.ts";
import type { LoopDelay } from "./loop-delay.ts";
import { createRest, type RestParts } from "./rest.ts";
import type { Peer } from "./rpc.ts";
import { createRuns, type Runs } from "./runs.ts";
import { createNotices, serveConnection, type Transport } from "./serve-connection.ts";
import { describeDaemon, type StatusParts } from "./status.ts";

/** What a daemon is made of; everything of the outside world is a parameter. */
export interface DaemonServerParts
  extends Omit<StatusParts, "eventLoop">,
    Pick<DoctorParts, "process" | "settingsFault"> {
  readonly loopDelay: LoopDelay;
  /** What is given back when no run is in progress; undefined for a program that ends with its run. */
  readonly rest: Omit<RestParts, "retire"> | undefined;
  readonly secret: Secret;
  readonly namespace: Namespace;
  readonly program: () => Promise<Program>;
  readonly queries: () => Promise<Queries>;
  readonly log: Log;
  readonly spillFolder: string;
  /** How long runs may go on when the daemon retires, unless it is told otherwise (R26). */
  readonly graceMs: number;
  /** Lines for the first person who comes. */
  readonly notices: readonly string[];
  readonly replaced: () => string | undefined;
  /** Closes the door, leaves word for the next daemon and gives the lock back. */
  readonly unreachable: (end: End) => void;
  /** The daemon has ended; the process should too. */
  readonly over: (stuck: boolean) => void;
}

export interface DaemonServer {
  /** Serves a new connection. */
  accept(transport: Transport): Peer;
  readonly lifecycle: Lifecycle;
  readonly runs: Runs;
  /** Makes the daemon unreachable at once and ends it when its runs have ended, or when the time for them is over. */
  retire(end: End): void;
  /** Answers a method that changes nothing, for those who come without a connection. */
  query(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  status(): Promise<DaemonStatus>;
}

/** Connections in their handshake at any time (R10). */
const MAX_PENDING = 16;
const HANDSHAKE_MS = 5000;
/** Between two warnings about too many of them: a flood must not wash the log away. */
const FLOOD_WARNING_MS = 10_000;
const LAST_WORDS_MS = 1000;

export function createDaemonServer(parts: DaemonServerParts): DaemonServer {
  const peers = new Set<Peer>();
  /** Those in their handshake, the oldest first. */
  const pending = new Set<Peer>();
  let warnedAt = Number.NEGATIVE_INFINITY;
  /** The oldest goes, not the newest: a handshake takes milliseconds, and whoever floods the socket must not keep those out who have one. */
  const makeRoom = (): void => {
    for (const oldest of pending) {
      if (pending.size <= MAX_PENDING) return;
      if (parts.elapsed() - warnedAt > FLOOD_WARNING_MS) {
        warnedAt = parts.elapsed();
        parts.log.warn({ pending: pending.size }, "too many connections without a handshake");
      }
      oldest.close();
    }
  };
  const runs: Runs = createRuns({
    program: parts.program,
    log: parts.log,
    elapsed: parts.elapsed,
    spillFolder: parts.spillFolder,
    changed: () => {
      lifecycle.changed();
      workChanged(runs.list().length);
    },
  });
  const rest =
    parts.rest === undefined
      ? undefined
      : createRest({ ...parts.rest, retire: (reason) => retire({ reason, successor: true }) });
  const workChanged = watchWork([parts.loopDelay, ...(rest === undefined ? [] : [rest])]);
  const lifecycle: Lifecycle = createLifecycle({
    idleExitMs: parts.idleExitMs,
    connections: () => peers.size,
    runs: () => runs.list().length,
    unreachable: (end) => {
      rest?.stop();
      parts.unreachable(end);
    },
    cancelRuns: (reason) =>
      runs.cancelAll(cutShort(`The pipd daemon is ending (${reason}) and has cancelled this command.`)),
    over: (reason, stuck) => {
      parts.log.info({ reason, stuck }, "over");
      // Those that did not end when they were cancelled are given up: their threads end with the process.
      runs.failAll(cutShort(`The pipd daemon ended (${reason}) before this command did.`));
      void lastWords(peers).then(() => {
        for (const peer of peers) peer.close();
        parts.over(stuck);
      });
    },
  });
  const retire = (end: End, graceMs = parts.graceMs): void => {
    parts.log.info({ ...end, graceMs }, "retiring");
    lifecycle.retire(end, graceMs);
  };
  const status = (): Promise<DaemonStatus> =>
    describeDaemon({ ...parts, eventLoop: parts.loopDelay.read }, runs, {
      connections: peers.size,
      retiring: lifecycle.retiring,
    });
  const handlers = createHandlers({
    runs,
    queries: parts.queries,
    pid: parts.self.pid,
    control: {
      status,
      retire,
      retiring: () => lifecycle.retiring,
      doctor: async (params, signal) => (await import("./doctor.ts")).examine(parts, params, signal),
      log: async (lines) => ({ path: parts.logPath, lines: await readLastLines(parts.logPath, lines) }),
    },
  });
  const connectionParts = {
    secret: parts.secret,
    handlers,
    log: parts.log,
    namespace: parts.namespace,
    self: parts.self,
    handshakeMs: HANDSHAKE_MS,
    retiring: () => lifecycle.retiring,
    replaced: parts.replaced,
    outdated: (reason: string) => retire({ reason, successor: true }),
    notices: createNotices(parts.notices),
  };
  return {
    lifecycle,
    runs,
    retire: (end) => retire(end),
    query: (method, params, signal) => handlers.query(method, params, signal),
    status,
    accept: (transport) => {
      const peer: Peer = serveConnection(transport, connectionParts, () => pending.delete(peer));
      pending.add(peer);
      peers.add(peer);
      makeRoom();
      lifecycle.changed();
      peer.closed.addEventListener("abort", () => {
        peers.delete(peer);
        lifecycle.changed();
      });
      return peer;
    },
  };
}

/** Tells when work begins where there was none, and when the last has ended; to be called with the number of runs. */
function watchWork(watchers: readonly { busy(): void; idle(): void }[]): (runs: number) => void {
  let isBusy = false;
  return (runs) => {
    if (runs > 0 === isBusy) return;
    isBusy = runs > 0;
    for (const watcher of watchers) {
      if (isBusy) watcher.busy();
      else watcher.idle();
    }
  };
}

/** What a command is told that the end of the daemon cuts short. */
function cutShort(text: string): PipdError {
  return new PipdError("server-cancelled", text, { hint: "Run the command again: another daemon will take it." });
}

/** Lets answers leave, also on a machine that is busy with other things; a client that does not read them is not waited for long. */
async function lastWords(peers: ReadonlySet<Peer>): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref());
  await Promise.race([Promise.all([...peers].map((peer) => peer.answered())), late]);
}
