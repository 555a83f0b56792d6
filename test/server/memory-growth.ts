import { processUse } from "../harness/process-use.ts";
import { createWorked } from "./idle.ts";
import { dialDaemon } from "./raw-connection.ts";

/** Bytes of the daemon's memory: the middle of the samples after the warm-up, and of as many at the end. */
export interface Growth {
  readonly before: number;
  readonly after: number;
}

const SAMPLES = 30;

/**
 * Has a daemon run `warmUp` and then `commands` mixed commands, each over a connection of its own as a client's is: changes, questions, faults. Commands
 * come from a fixed list in turn, so that both sets of samples lie behind the same kinds of work.
 */
export async function measureGrowth(warmUp: number, commands: number): Promise<Growth> {
  await using worked = await createWorked(10);
  const { sandbox, server, pid, root } = worked;
  const install = ["install", "-i", server.url];
  const mixed: readonly (readonly string[])[] = [
    ["list"],
    ["uninstall", "-y", "demo1", "demo2"],
    ["list", "--format", "json"],
    [...install, "demo1", "demo2"],
    ["show", "-f", "demo1"],
    ["freeze"],
    [...install, "--dry-run", "demo3", "no-such-project"],
    ["check"],
    [...install, "--force-reinstall", "demo4"],
    ["install", "--no-such-option"],
    ["cache", "info"],
    ["help", "install"],
  ];
  const session = {
    cwd: sandbox.home,
    env: sandbox.env,
    umask: 0o022,
    locale: "C.UTF-8",
    tty: { in: false, out: false, err: false, cols: 80, rows: 24, colors: 1 },
    pid: process.pid,
    interactive: false,
  };
  const samples: number[] = [];
  for (let index = 0; index < warmUp + commands; index++) {
    await using connection = await dialDaemon(sandbox);
    const argv = ["--python", root, ...mixed[index % mixed.length]!];
    const { error } = await connection.request("run/start", { runId: 1, argv, ...session });
    if (error !== undefined) throw new Error(`${argv.join(" ")}: ${JSON.stringify(error)}`);
    samples.push(processUse(pid).rss);
  }
  return { before: middle(samples.slice(warmUp - SAMPLES, warmUp)), after: middle(samples.slice(-SAMPLES)) };
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
