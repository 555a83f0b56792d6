import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunOptions, startPipd } from "../harness/run-cli.ts";
import type { Sandbox } from "../harness/sandbox.ts";

/** Waits for something that comes by itself; fails after `limitMs`. */
export async function until(holds: () => boolean, limitMs = 20_000): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    assert.ok(waited < limitMs, "it never came to that");
    await sleep(20);
  }
}

/** The folders of the daemons below a runtime folder: one for each namespace and set of folders. */
export function daemonFolders(runtime: string): readonly string[] {
  return readdirSync(runtime)
    .filter((name) => /^[0-9a-f]{14}$/.test(name))
    .map((name) => join(runtime, name));
}

/** The one folder of the sandbox's daemon. */
export function daemonFolder({ runtime }: Sandbox): string {
  const folders = daemonFolders(runtime);
  assert.equal(folders.length, 1);
  return folders[0]!;
}

/** Pids of the daemons that ever served, in their order, by the log. */
export function listenings({ state }: Sandbox): readonly number[] {
  let log = "";
  try {
    log = readFileSync(join(state, "log/daemon.jsonl"), "utf8");
  } catch {
    // None has written a line yet.
  }
  return log
    .split("\n")
    .filter((line) => line.includes('"listening"'))
    .map((line) => (JSON.parse(line) as { readonly pid: number }).pid);
}

/** A command in progress for as long as a test wants. */
export interface OpenRun {
  readonly isRunning: () => boolean;
  /** Lets it come to its end, which has to be a good one. */
  finish(): Promise<void>;
}

/** Starts a command of the test installation that waits for an answer. */
export async function openRun(sandbox: Sandbox, options: RunOptions): Promise<OpenRun> {
  const running = startPipd(sandbox, ["ask"], { ...options, pty: true });
  await running.seen("Proceed (Y/n)? ");
  return {
    isRunning: () => running.child.exitCode === null && running.child.signalCode === null,
    finish: async () => {
      running.child.stdin!.write("y\n");
      const { stdout, code } = await running.finished;
      assert.equal(code, 0);
      assert.match(stdout, /answer: "y"/);
    },
  };
}
