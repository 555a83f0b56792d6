import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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
  for (const words of [
    ["venv", root],
    ["--python", root, "install", "-i", server.url, ...names],
    ["--python", root, "list"],
    ["--python", root, "check"],
  ]) {
    const { code, stderr } = await runPipd(sandbox, words);
    if (code === 0) continue;
    await dispose();
    throw new Error(`${words.join(" ")}: ${stderr}`);
  }
  return { sandbox, server, pid: (await daemonStatus(sandbox))!.pid, root, [Symbol.asyncDispose]: dispose };
}

/** What an idle process uses in so many seconds. Nobody talks to it meanwhile. */
export async function measureIdle(pid: number, seconds: number): Promise<ProcessUse> {
  const before = processUse(pid);
  await sleep(seconds * 1000);
  const { sleeps, cpuMs, rss } = processUse(pid);
  return { sleeps: sleeps - before.sleeps, cpuMs: cpuMs - before.cpuMs, rss };
}
