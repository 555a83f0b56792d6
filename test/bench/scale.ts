/** How the cost of answers from memory grows: with the packages of an environment, and with the clients that ask at once. Measured in the daemon. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { median, quantile } from "../harness/quantile.ts";
import type { Sandbox } from "../harness/sandbox.ts";
import { dialDaemon } from "../server/raw-connection.ts";
import { PYTHON } from "./peers.ts";
import type { Row } from "./table.ts";
import type { World } from "./world.ts";

/** One point of a curve, in milliseconds. */
interface Point {
  readonly what: string;
  readonly size: number;
  readonly p50: number;
  readonly p99: number;
}

const SIZES: readonly number[] = [10, 100, 400, 1000];
const CLIENTS: readonly number[] = [1, 10, 50];

/** Makes a folder of so many info folders, each of which depends on three others, and gives its path; to be used with `--path` or as site-packages. */
function makeInfoFolders(folder: string, count: number): void {
  for (let index = 0; index < count; index++) {
    const info = join(folder, `made_${index}-1.${index}.dist-info`);
    mkdirSync(info, { recursive: true });
    const requires = [1, 2, 3]
      .map((child) => index * 3 + child)
      .filter((child) => child < count)
      .map((child) => `Requires-Dist: made-${child}>=1\n`);
    const head = `Metadata-Version: 2.1\nName: made-${index}\nVersion: 1.${index}\n${requires.join("")}`;
    writeFileSync(join(info, "METADATA"), `${head}\n${"a line of the description\n".repeat(80)}`);
    writeFileSync(join(info, "WHEEL"), "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n");
    writeFileSync(join(info, "INSTALLER"), "pipd\n");
    writeFileSync(join(info, "RECORD"), "");
  }
}

/** Sends commands to the sandbox's running daemon over one connection; each gives the daemon's own milliseconds. */
async function openCommands(sandbox: Sandbox): Promise<{
  run(argv: readonly string[]): Promise<number>;
  close(): Promise<void>;
}> {
  const connection = await dialDaemon(sandbox);
  let runId = 0;
  return {
    run: async (argv) => {
      const { result, error } = await connection.request("run/start", {
        runId: ++runId,
        argv,
        cwd: sandbox.home,
        env: sandbox.env,
        umask: 0o22,
        locale: "C.UTF-8",
        pid: process.pid,
        interactive: false,
        tty: { in: false, out: false, err: false, cols: 80, rows: 24, colors: 1 },
      });
      if (error !== undefined) throw new Error(`${argv.join(" ")}: ${JSON.stringify(error)}`);
      return (result as { readonly elapsedMs: number }).elapsedMs;
    },
    close: async () => await connection[Symbol.asyncDispose](),
  };
}

const point = (what: string, size: number, times: readonly number[]): Point => ({
  what,
  size,
  p50: median(times),
  p99: quantile(times, 0.99),
});

/**
 * The commands that change nothing, in environments of growing size. `environments`: root by number of packages, filled by {@link makeInfoFolders}.
 * A daemon must be running.
 */
async function growthByPackages(
  sandbox: Sandbox,
  environments: ReadonlyMap<number, string>,
  rounds = 40,
): Promise<readonly Point[]> {
  const points: Point[] = [];
  const commands = await openCommands(sandbox);
  for (const words of [["install", "made-0"], ["list"], ["freeze"], ["show", "made-0"], ["check"], ["tree"]]) {
    for (const [size, root] of environments) {
      const times: number[] = [];
      for (let round = 0; round < rounds + 20; round++) {
        const elapsed = await commands.run(["--python", root, ...words]);
        if (round >= 20) times.push(elapsed);
      }
      points.push(point(`${words[0]}, packages`, size, times));
    }
  }
  await commands.close();
  return points;
}

/** So many clients that send `list` at the same moment: from the sending to the answer, for each. A daemon must be running. */
async function growthByClients(
  sandbox: Sandbox,
  root: string,
  counts: readonly number[] = CLIENTS,
  rounds = 20,
): Promise<readonly Point[]> {
  const points: Point[] = [];
  for (const count of counts) {
    // One after the other: so many handshakes at once would be taken for a flood.
    const clients: Awaited<ReturnType<typeof openCommands>>[] = [];
    while (clients.length < count) clients.push(await openCommands(sandbox));
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const ends = clients.map((client) =>
        client.run(["--python", root, "list"]).then(() => performance.now() - start),
      );
      times.push(...(await Promise.all(ends)));
    }
    points.push(point("list, clients at once", count, times));
    for (const client of clients) await client.close();
  }
  return points;
}

/** The root of a new environment in which so many distributions seem to be installed. */
export async function filledEnvironment(world: World, count: number): Promise<string> {
  const root = await world.environment();
  makeInfoFolders(join(root, "lib", `python3.${PYTHON.minor}`, "site-packages"), count);
  return root;
}

/** Both curves. */
export async function measureScale(world: World): Promise<void> {
  const environments = new Map<number, string>();
  for (const size of SIZES) environments.set(size, await filledEnvironment(world, size));
  // A folder that has just changed is read each time.
  await sleep(2500);
  for (const point of await growthByPackages(world.sandbox, environments)) world.row(rowOf(point));
  for (const point of await growthByClients(world.sandbox, environments.get(100)!)) world.row(rowOf(point));
}

const rowOf = ({ what, size, p50, p99 }: Point): Row => ({
  name: `in the daemon: ${what}: ${size} (p99 ${p99.toFixed(2)})`,
  figures: { pipd: [p50] },
});
