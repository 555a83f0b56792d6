/** Peers that send what nobody should: broken frames, parameters of any shape, and connections without end. */
import assert from "node:assert/strict";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrame } from "../../protocol/framing.ts";
import { METHODS, type MethodName } from "../../protocol/methods.ts";
import { dialRaw, initializeParams, type RawConnection, shakeHandsRaw } from "../server/raw-connection.ts";
import { daemonStatus, startDaemon } from "./daemon-runner.ts";
import { runPipd } from "./run-cli.ts";
import { createSandbox } from "./sandbox.ts";

/** Where a daemon listens, and what a client of it needs. */
interface Target {
  readonly socket: string;
  readonly token: string;
  readonly namespace: { readonly host: string; readonly mnt: string };
}

type Random = () => number;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

/** `count` connections that say nothing, or the beginning of something; `served` is called while they are there. */
export async function floodWithStrangers(socket: string, count: number, served: () => Promise<void>): Promise<void> {
  const strangers: RawConnection[] = [];
  for (let index = 0; index < count; index++) {
    const stranger = await dialRaw(socket);
    if (index % 3 === 1) stranger.send("Content-Length: 100\r\n\r\n{");
    if (index % 3 === 2) stranger.send(`Content-Le${"n".repeat(index)}`);
    strangers.push(stranger);
    if (index % Math.ceil(count / 4) === 0) await served();
  }
  await served();
  for (const { socket } of strangers) socket.destroy();
}

/** Frames that a client sends, for spoiling. */
function goodFrames({ namespace }: Target): readonly Uint8Array[] {
  const session = { cwd: "/", env: {}, umask: 18, locale: "C", pid: 1, interactive: false };
  const tty = { in: false, out: false, err: false, cols: 80, rows: 24, colors: 1 };
  return [
    { jsonrpc: "2.0", id: 1, method: "initialize", params: initializeParams(namespace) },
    { jsonrpc: "2.0", method: "initialized", params: { proof: "00" } },
    { jsonrpc: "2.0", id: 2, method: "ping", params: {} },
    { jsonrpc: "2.0", id: 3, method: "run/start", params: { runId: 1, argv: ["--version"], ...session, tty } },
    { jsonrpc: "2.0", method: "$/cancelRequest", params: { id: 3 } },
    { jsonrpc: "2.0", id: 4, result: null },
    { jsonrpc: "2.0", id: 5, error: { code: 1, message: "no" } },
  ].map(encodeFrame);
}

/** A frame with one fault. */
export function spoil(bytes: Buffer, random: Random): Buffer {
  const at = below(random, bytes.length + 1);
  switch (below(random, 7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([below(random, 256)]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + below(random, 20)))]);
    case 3: {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] = below(random, 256);
      return copy;
    }
    case 4:
      return Buffer.concat([bytes, bytes.subarray(at)]);
    case 5:
      return Buffer.from(bytes.toString("latin1").replace(/\d+/, String(below(random, 2 ** 31))), "latin1");
    default:
      return Buffer.from(Array.from({ length: below(random, 300) }, () => below(random, 256)));
  }
}

/** Sends spoilt frames on one connection after the other, half of them after a good handshake, until the time is over. Gives how many. */
async function fuzzFrames(target: Target, random: Random, milliseconds: number): Promise<number> {
  const frames = goodFrames(target).map((frame) => Buffer.from(frame));
  let connections = 0;
  for (const until = Date.now() + milliseconds; Date.now() < until; connections++) {
    const connection = await dialRaw(target.socket);
    if (random() < 0.5) await shakeHandsRaw(connection, target.namespace, target.token);
    for (let count = 1 + below(random, 6); count > 0 && !connection.socket.destroyed; count--) {
      const good = pick(random, frames);
      const bytes = random() < 0.2 ? good : spoil(good, random);
      // In pieces, as a network may cut them.
      const cut = below(random, bytes.length + 1);
      connection.send(bytes.subarray(0, cut));
      if (random() < 0.3) await sleep(0);
      connection.send(bytes.subarray(cut));
    }
    if (random() < 0.5) connection.socket.end();
    else connection.socket.destroy();
  }
  return connections;
}

const WORDS = ["", "--", "-", "list", "show", "freeze", "check", "help", "--version", "--format", "json", "-v", "-qqq"];
const MORE_WORDS = [
  "--path",
  "/",
  "é💡",
  "\ud800",
  "a\0b",
  "\n",
  "../..",
  "[x",
  "==",
  ";",
  "--no-index",
  "cache",
  "dir",
];

/** Any JSON there is: small, wide, deep. */
function anything(random: Random, depth = 3): unknown {
  switch (below(random, depth > 0 ? 11 : 8)) {
    case 0:
      return null;
    case 1:
      return random() < 0.5;
    case 2:
      return below(random, 1000);
    case 3:
      return pick(random, [-1, 0.5, 1e300, 2 ** 53, -(2 ** 63), 511, 512]);
    case 4:
      return pick(random, [...WORDS, ...MORE_WORDS]);
    case 5:
      // Long enough for work that grows with the square of it to be noticed, short enough to be repeated in output that nobody acknowledges.
      return pick(random, ["x", "-", "a:", "[", " ", "https://", "token="]).repeat(
        below(random, random() < 0.05 ? 20_000 : 500),
      );
    case 6:
      return pick(random, ["/", "/tmp", "/nowhere", "/proc/self", "/dev/null", "relative", "/a\0b"]);
    case 7:
      return pick(random, ["__proto__", "constructor", "toString", "AAAA", "6Ok=", "=", "0"]);
    case 8:
      return Array.from({ length: below(random, 6) }, () => anything(random, depth - 1));
    case 9:
      return Array.from({ length: below(random, 6) }, () => pick(random, [...WORDS, ...MORE_WORDS]));
    default:
      return Object.fromEntries(
        Array.from({ length: below(random, 5) }, () => [pick(random, KEYS), anything(random, depth - 1)]),
      );
  }
}

const KEYS = [
  "runId",
  "argv",
  "cwd",
  "env",
  "umask",
  "tty",
  "cols",
  "id",
  "seq",
  "name",
  "__proto__",
  "",
  "PATH",
  "python",
];

/** What a method takes when all is well; words that change an environment are not among them. */
function fitting(method: MethodName, random: Random): Record<string, unknown> {
  const argv = Array.from({ length: below(random, 5) }, () => pick(random, [...WORDS, ...MORE_WORDS]));
  if (random() < 0.1)
    argv.push(pick(random, ["x", "-", "--", "a:", "[", "https://", "token="]).repeat(below(random, 20_000)));
  const world = {
    cwd: pick(random, ["/", "/tmp", "/nowhere", "/dev/null"]),
    env: pick(random, [{}, { PATH: "/usr/bin:/bin" }, { PATH: "", HOME: "/nowhere" }, { COLUMNS: "x", LC_ALL: "?" }]),
  };
  const tty = { in: random() < 0.5, out: random() < 0.5, err: false, cols: below(random, 300), rows: 0, colors: 24 };
  const run = { runId: below(random, 3), argv, ...world, umask: 18, locale: "C", tty, pid: 1, interactive: true };
  const shapes: Partial<Record<MethodName, Record<string, unknown>>> = {
    "run/start": run,
    "run/ack": { runId: below(random, 3), seq: below(random, 1000) },
    "run/resize": { runId: below(random, 3), cols: below(random, 500), rows: below(random, 500) },
    "run/signal": { runId: below(random, 3), name: pick(random, ["SIGINT", "SIGTERM", "SIGKILL", "x"]) },
    "$/cancelRequest": { id: below(random, 100) },
    "daemon/log": { lines: below(random, 50) },
    "environment/resolve": world,
    "packages/installed": { ...world, etag: "x" },
  };
  return shapes[method] ?? {};
}

/** Parameters that fit but for some places; those that would end the daemon never fit. */
function parameters(method: MethodName, random: Random): unknown {
  if (method === "daemon/stop") return { force: pick(random, [1, "yes", [], {}, null]) };
  if (method === "daemon/retire") return { reason: pick(random, [1, [], {}, null]), graceMs: anything(random) };
  if (random() < 0.2) return anything(random);
  const params = fitting(method, random);
  for (let changes = below(random, 3); changes > 0; changes--) {
    const key =
      random() < 0.8 && Object.keys(params).length > 0 ? pick(random, Object.keys(params)) : pick(random, KEYS);
    if (random() < 0.2) delete params[key];
    else params[key] = anything(random);
  }
  return params;
}

const shortened = (text: string): string => text.replaceAll(/(.{1,8}?)\1{20,}/gs, "($1)*").slice(0, 2000);

const CLIENT_METHODS = (Object.keys(METHODS) as MethodName[]).filter((method) => METHODS[method].from !== "server");

/**
 * Sends requests and notifications of every method, with parameters that fit and that do not, each on a connection with a good handshake. Each request
 * is answered or its connection ends. Gives how many messages.
 */
async function fuzzParameters(target: Target, random: Random, milliseconds: number): Promise<number> {
  let messages = 0;
  for (const until = Date.now() + milliseconds; Date.now() < until; ) {
    const connection = await dialRaw(target.socket);
    await shakeHandsRaw(connection, target.namespace, target.token);
    const answers: Promise<unknown>[] = [];
    const unanswered = new Set<string>();
    for (let count = 1 + below(random, 12); count > 0 && !connection.socket.destroyed; count--, messages++) {
      const method = pick(random, CLIENT_METHODS);
      const params = parameters(method, random);
      if (METHODS[method].kind === "notification") connection.notify(method, params);
      else {
        const question = JSON.stringify([method, params]);
        unanswered.add(question);
        answers.push(connection.request(method, params).then(() => unanswered.delete(question)));
      }
      if (random() < 0.1) connection.notify(pick(random, ["no/such", "$/no", "run/output"]), anything(random));
    }
    const late = sleep(30_000, "late", { ref: false });
    if ((await Promise.race([Promise.all(answers), late])) === "late")
      // Shown at once: what follows an assertion may hide it.
      console.log(`not answered: ${[...unanswered].map(shortened).join("\n")}`);
    assert.equal(unanswered.size, 0, "requests were not answered");
    connection.socket.destroy();
  }
  return messages;
}

/** One kind of fuzzing against a daemon of its own, which must be the same one afterwards, have served a quiet client all the while, and have met no fault. */
export async function fuzzDaemon(
  kind: "frames" | "parameters",
  program: string | undefined,
  random: Random,
  milliseconds: number,
): Promise<void> {
  await using sandbox = createSandbox();
  const options = program === undefined ? {} : { program };
  const pid = await startDaemon(sandbox, options);
  const { socket } = (await daemonStatus(sandbox, options))!;
  const namespace = { host: hostname(), mnt: readlinkSync("/proc/self/ns/mnt") };
  const target = { socket, token: join(dirname(socket), "token"), namespace };
  const quiet = await dialRaw(socket);
  await shakeHandsRaw(quiet, namespace, target.token);
  const fuzz = kind === "frames" ? fuzzFrames : fuzzParameters;
  // Several at once, for what they may do to each other.
  const counts = Promise.all([1, 2, 3].map(() => fuzz(target, random, milliseconds)));
  for (let over = false; !over; ) {
    over = await Promise.race([counts.then(() => true), sleep(500, false)]);
    assert.deepEqual((await quiet.request("ping", {})).result, { pid });
  }
  console.log(`${(await counts).reduce((sum, count) => sum + count, 0)} of ${kind}`);
  assert.equal((await runPipd(sandbox, ["--version"], options)).code, 0);
  assert.equal((await daemonStatus(sandbox, options))!.pid, pid);
  assert.doesNotMatch(readFileSync(join(sandbox.state, "log/daemon.jsonl"), "utf8"), /uncaught/);
  quiet.socket.destroy();
}
