/** A client that stops reading while its command writes, as after Ctrl-Z, and what that costs the daemon. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { startDaemon } from "./daemon-runner.ts";
import { runPipd, startPipd, TEST_PIPD } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";

const program = TEST_PIPD;
const LINE = `${"0123456789".repeat(10)}\n`;

/** Bytes of memory that a process has, now or at most since `forgetPeak`. */
function memoryOf(pid: number, which: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${which}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"));
  return Number(line![1]) * 1024;
}

function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/**
 * A client is stopped for `stoppedMs` while its command writes `bytes`; meanwhile others are served, and afterwards everything arrives.
 * Gives the most memory that the daemon took beyond what it had before, in bytes.
 */
export async function stopClient(sandbox: Sandbox, bytes: number, stoppedMs: number): Promise<number> {
  const pid = await startDaemon(sandbox, { program });
  // What a first run loads and what the collector leaves is not the stopped client's.
  await runPipd(sandbox, ["big", String(bytes)], { program });
  await sleep(200);
  forgetPeak(pid);
  const before = memoryOf(pid, "VmRSS");
  const running = startPipd(sandbox, ["big", String(bytes)], { program, timeout: stoppedMs + 120_000 });
  await running.seen("0123456789");
  running.child.kill("SIGSTOP");
  const until = Date.now() + stoppedMs;
  while (Date.now() < until) {
    assert.equal((await runPipd(sandbox, ["exit", "5"], { program })).code, 5);
    await sleep(Math.min(1000, stoppedMs / 4));
  }
  running.child.kill("SIGCONT");
  const { stdout, code } = await running.finished;
  const growth = memoryOf(pid, "VmHWM") - before;
  assert.equal(code, 0);
  assert.equal(stdout.length, Math.ceil(bytes / LINE.length) * LINE.length);
  assert.ok(stdout.startsWith(LINE) && stdout.endsWith(LINE));
  return growth;
}
