import { setTimeout as sleep } from "node:timers/promises";
import { processUse } from "../harness/process-use.ts";
import { median } from "../harness/quantile.ts";
import { createWorked } from "./idle.ts";
import { dialDaemon } from "./raw-connection.ts";

/** Bytes of the daemon's memory after the warm-up and at the end. */
export interface Growth {
  readonly before: number;
  readonly after: number;
}

export interface Growths {
  /** While commands come one after the other: the middle of the last samples. A collection of garbage more or less makes a difference of some MB. */
  readonly busy: Growth;
  /** When nothing has come for some seconds, and threads and garbage are gone. Undefined unless it was waited for. */
  readonly resting: Growth | undefined;
}

const SAMPLES = 30;

/**
 * Has a daemon run `warmUp` and then `commands` mixed commands, each over a connection of its own as a client's is: changes, questions, faults. Commands
 * come from a fixed list in turn, so that both sets of samples lie behind the same kinds of work.
 * @param restMs how long the daemon is then left alone, milliseconds; 0 for not at all
 */
export async function measureGrowth(warmUp: number, commands: number, restMs = 0): Promise<Growths> {
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
  let next = 0;
  const runMany = async (count: number): Promise<readonly [busy: number, resting: number]> => {
    const samples: number[] = [];
    for (const end = next + count; next < end; next++) {
      await using connection = await dialDaemon(sandbox);
      const argv = ["--python", root, ...mixed[next % mixed.length]!];
      const { error } = await connection.request("run/start", { runId: 1, argv, ...session });
      if (error !== undefined) throw new Error(`${argv.join(" ")}: ${JSON.stringify(error)}`);
      samples.push(processUse(pid).rss);
    }
    await sleep(restMs);
    return [median(samples.slice(-SAMPLES)), processUse(pid).rss];
  };
  const [busyBefore, restingBefore] = await runMany(warmUp);
  const [busyAfter, restingAfter] = await runMany(commands);
  return {
    busy: { before: busyBefore, after: busyAfter },
    resting: restMs === 0 ? undefined : { before: restingBefore, after: restingAfter },
  };
}
