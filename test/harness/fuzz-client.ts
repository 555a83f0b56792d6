/** A daemon that sends the client what nobody should. */
import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/framing.ts";
import { spoil } from "./fuzz.ts";
import { runPipd } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";
import type { ScriptedDaemon } from "./scripted-daemon.ts";

/** What a daemon says in the course of a command, for spoiling. */
const GOOD: readonly Buffer[] = [
  { method: "run/accepted", params: { runId: 1 } },
  { method: "run/changing", params: { runId: 1, root: "/nowhere" } },
  { method: "run/output", params: { runId: 1, fd: 1, seq: 1, data: 'text "\u001b[1m" \\ ü 💡\n' } },
  { method: "run/output", params: { runId: 1, fd: 2, seq: 2, data: "\ud800 \u0000 end" } },
  { method: "run/status", params: { runId: 1, text: "one\ntwo" } },
  { method: "$/progress", params: { token: 1, value: { kind: "report", message: "x", data: { done: 1.5e3 } } } },
  { id: 7, method: "run/prompt", params: { runId: 1, kind: "confirm", message: "Proceed? " } },
  { id: "eight", method: "run/readStdin", params: { runId: 1, max: 5 } },
  { id: 9, method: "no/such", params: [1, [2, [true, false, null]]] },
  { id: 2, result: { exitCode: 3, signal: "", elapsedMs: 0.25 } },
  { id: 2, error: { code: 1100, message: "no", data: { code: "x", hint: "y", exitCode: 4 } } },
].map((message) => Buffer.from(encodeFrame({ jsonrpc: "2.0", ...message })));

/**
 * Runs the client `rounds` times against a daemon, the scripted one of this sandbox, that spoils what it says. Every run must end by itself, never by a signal,
 * and never with `fault`.
 */
export async function fuzzClient(
  sandbox: Sandbox,
  daemon: ScriptedDaemon,
  random: () => number,
  rounds: number,
  { program, through = [], fault = -1 }: { program: string; through?: readonly string[]; fault?: number },
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const frames = Array.from({ length: 1 + Math.floor(random() * 8) }, () => {
      const good = GOOD[Math.floor(random() * GOOD.length)]!;
      return random() < 0.5 ? good : spoil(good, random);
    });
    // Half of the commands have begun: then no other client tries.
    const bytes = Buffer.concat([...(random() < 0.8 ? [GOOD[0]!] : []), ...frames]);
    const cut = Math.floor(random() * (bytes.length + 1));
    daemon.say = ({ message, socket }) => {
      if (message.method !== "run/start") return;
      socket.write(bytes.subarray(0, cut));
      setImmediate(() => socket.end(bytes.subarray(cut)));
    };
    const end = await runPipd(sandbox, ["exit", "0"], { program, through, stdin: "some input\n", timeout: 30_000 });
    const told = `round ${round}: ${JSON.stringify(bytes.toString("latin1"))}: ${JSON.stringify(end)}`;
    assert.equal(end.signal, null, told);
    assert.notEqual(end.code, fault, told);
    assert.doesNotMatch(end.stderr, /Sanitizer|runtime error:|==\d+==/, told);
  }
}
