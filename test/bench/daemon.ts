/** What the daemon itself takes: its start, its memory, its processor time when nothing is asked of it. */
import { spawnSync } from "node:child_process";
import { processUse } from "../harness/process-use.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import type { World } from "./world.ts";

const megabytes = (box: Sandbox): number => processUse(processesOf(box.folder)[0]!).rss / 1e6;

/** From nothing to the first answer, and a restarted daemon's first answer about an environment that it has known. */
export async function measureStart(world: World, root: string): Promise<void> {
  const cold: number[] = [];
  for (let run = 0; run < 7; run++) {
    const box = createSandbox();
    cold.push(await world.stopwatch.time(world.pipd(["--version"], box)));
    await box.close();
  }
  world.row({ name: "first answer of a daemon that is started for it", figures: { pipd: cold }, target: "<= 300 ms" });
  const known: number[] = [];
  for (let run = 0; run < 7; run++) {
    await world.stopwatch.time(world.pipd(["daemon", "restart"]));
    known.push(await world.stopwatch.time(world.pipd(["--python", root, "list"])));
  }
  world.row({ name: "first list of a restarted daemon", figures: { pipd: known }, target: "<= 50 ms" });
}

export async function measureIdle(world: World): Promise<void> {
  const box = await world.coldBox();
  spawnSync("sleep", ["5"]);
  const [pid] = processesOf(box.folder);
  const before = processUse(pid!);
  spawnSync("sleep", ["10"]);
  const after = processUse(pid!);
  world.row({ name: "idle daemon, MB", figures: { pipd: [megabytes(box)] }, target: "<= 90 MB" });
  const percent = (after.cpuMs - before.cpuMs) / 100;
  world.row({ name: "idle daemon, % of a processor", figures: { pipd: [percent] }, target: "<= 0.1 %" });
}

/** Time in which a daemon has ended its threads and collected what it does not need any more. */
const REST_SECONDS = "15";

/** Right after `resolve` has resolved airflow in a new daemon, and when that has come to rest. */
export async function measureMemory(world: World, resolve: (box: Sandbox) => Promise<unknown>): Promise<void> {
  const box = await world.coldBox();
  await resolve(box);
  const after = [megabytes(box)];
  spawnSync("sleep", [REST_SECONDS]);
  const target = "<= 250 MB";
  world.row({ name: "daemon after airflow, MB", figures: { pipd: after }, target });
  world.row({
    name: `daemon after airflow and ${REST_SECONDS} s of rest, MB`,
    figures: { pipd: [megabytes(box)] },
    target,
  });
}

/** How late the event loop was in the last stretch of work, by `daemon status`. */
export function measureLoop(world: World, name: string, box: Sandbox): void {
  const { file, args, env } = world.pipd(["daemon", "status", "--json"], box);
  const status = JSON.parse(spawnSync(file, args, { env: { ...env }, encoding: "utf8" }).stdout) as {
    readonly eventLoop?: { readonly p99Ms: number };
  };
  const figures = { pipd: [status.eventLoop?.p99Ms ?? Number.NaN] };
  world.row({ name: `event loop p99, ${name}`, figures, target: "< 50 ms" });
}
