import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonStatus } from "../../protocol/methods.ts";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { type IndexServer, startIndexServer } from "../harness/index-server.ts";
import { type ProcessUse, processUse } from "../harness/process-use.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { servedWheels } from "../harness/twins.ts";

/** A daemon that has done some work, and what it did it with. */
export interface Worked {
  readonly sandbox: Sandbox;
  readonly server: IndexServer;
  readonly pid: number;
  /** How late the event loop was while the wheels were installed. */
  readonly eventLoop: DaemonStatus["eventLoop"];
  /** The environment that it has worked on. */
  readonly root: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a daemon that installs `wheels` wheels from a loopback server and answers a few queries. */
export async function createWorked(wheels: number): Promise<Worked> {
  const sandbox = createSandbox();
  const names = Array.from({ length: wheels }, (_, index) => `demo${index}`);
  const server = await startIndexServer({ files: await servedWheels(names.map((name) => ({ name }))) });
  const dispose = async (): Promise<void> => {
    await server.close();
    await sandbox.close();
  };
  const root = join(sandbox.home, "env");
  const run = async (...words: readonly string[]): Promise<void> => {
    const { code, stderr } = await runPipd(sandbox, words);
    if (code === 0) return;
    await dispose();
    throw new Error(`${words.join(" ")}: ${stderr}`);
  };
  await run("venv", root);
  // What is loaded for the first request counts for the start, not for the wheels.
  await run("--python", root, "install", "-i", server.url, "demo0");
  await run("--python", root, "install", "-i", server.url, ...names);
  const { pid, eventLoop } = (await daemonStatus(sandbox))!;
  await run("--python", root, "list");
  await run("--python", root, "check");
  return { sandbox, server, pid, eventLoop, root, [Symbol.asyncDispose]: dispose };
}

/** What an idle process uses in so many seconds. Nobody talks to it meanwhile. */
export async function measureIdle(pid: number, seconds: number): Promise<ProcessUse> {
  const before = processUse(pid);
  await sleep(seconds * 1000);
  const { sleeps, cpuMs, rss } = processUse(pid);
  return { sleeps: sleeps - before.sleeps, cpuMs: cpuMs - before.cpuMs, rss };
}
