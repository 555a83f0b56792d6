/** Resolving without installing, on the recorded index. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../harness/sandbox.ts";
import { measureMemory } from "./daemon.ts";
import { type Command, PYTHON, type Server } from "./peers.ts";
import type { World } from "./world.ts";

const PROJECTS = [
  { name: "jupyter", project: "jupyter", runs: 5 },
  { name: "airflow, 306 packages", project: "apache-airflow[celery,postgres,google,amazon]", runs: 3 },
] as const;

/** Where uv takes a quarter of a minute for one run, one or two fewer say enough. */
const LATENCIES: readonly (readonly [name: string, options: readonly string[], fewer: number])[] = [
  ["0 ms", [], 0],
  ["20 ms", ["--latency", "20"], 0],
  ["100 ms", ["--latency", "100"], 2],
  ["20 ms, HTTP/2", ["--latency", "20", "--tls"], 1],
];

/** What a daemon has resolved before: it has been in use, as it is for most commands, but knows nothing of what is measured. */
const EARLIER = ["langchain langchain-openai chromadb", "great-expectations", "boto3 s3fs"];

/** Cold, with caches in a folder of their own each time, and again. */
export async function measureResolving(world: World): Promise<void> {
  const servers = new Map<string, Server>();
  for (const [latency, options] of LATENCIES) servers.set(latency, await world.recorded!(options));
  const near = servers.get("20 ms")!;
  const used = await world.coldBox();
  for (const projects of EARLIER) await world.stopwatch.time(dryRun(world, projects, servers.get("0 ms")!, used));
  const cold = async (name: string, runs: number, project: string, server: Server, box: () => Promise<Sandbox>) =>
    world.measure({
      name,
      runs,
      rest: true,
      target: "no slower than uv",
      peers: {
        pipd: async () => dryRun(world, project, server, await box(), world.folder()),
        uv: () => compile(world, project, server, world.folder()),
      },
    });
  for (const { name, project, runs } of PROJECTS) {
    for (const [latency, , fewer] of LATENCIES) {
      const server = servers.get(latency)!;
      // The server compresses a page when it is first asked for it.
      await world.stopwatch.time(dryRun(world, project, server, used));
      await cold(`resolve ${name}, nothing cached, ${latency}`, runs - fewer, project, server, async () => used);
    }
    await cold(`resolve ${name}, daemon just started, 20 ms`, runs - 2, project, near, () => world.coldBox());
    const cache = world.folder();
    await world.stopwatch.time(dryRun(world, project, near, used));
    if (world.hasUv) await world.stopwatch.time(compile(world, project, near, cache));
    await world.measure({
      name: `resolve ${name}, again`,
      runs: 9,
      target: "4x faster than uv",
      peers: {
        pipd: () => dryRun(world, project, near, used),
        uv: () => compile(world, project, near, cache),
      },
    });
  }
  await measureMemory(world, async (box) => world.stopwatch.time(dryRun(world, PROJECTS[1].project, near, box)));
}

function dryRun(world: World, projects: string, { index, ca }: Server, box: Sandbox, cache?: string): Command {
  const words = ["-q", "--dry-run", "--ignore-installed", "--break-system-packages", "--only-binary", ":all:"];
  const secure = ca === undefined ? [] : ["--cert", ca];
  if (cache !== undefined) words.push("--cache-dir", cache);
  return world.pipd(
    ["--python", PYTHON.executable, "install", ...words, "-i", index, ...secure, ...projects.split(" ")],
    box,
  );
}

function compile(world: World, project: string, { index, ca }: Server, cache: string): Command {
  const list = join(world.folder(), "in.txt");
  writeFileSync(list, `${project}\n`);
  const words = ["pip", "compile", "-q", "--no-build", "--upgrade", "--python", PYTHON.executable, "-i", index];
  const secure = ca === undefined ? [] : ["--allow-insecure-host", "localhost"];
  return world.uv([...words, ...secure, "-o", join(world.folder(), "out.txt"), list], cache);
}

/** `list --outdated` of an environment, with fresh pages and with every page asked for again, as uv does it each time. */
export async function measureOutdated(world: World, root: string): Promise<void> {
  const server = await world.recorded!(["--latency", "20"]);
  const words = ["--python", root, "list", "--outdated", "-i", server.index];
  const uv = (): Command => world.uv(["pip", "list", "--outdated", "--python", root, "-i", server.index]);
  await world.stopwatch.time(world.pipd(words));
  await world.measure({
    name: "list --outdated, 102 packages, 20 ms, warm",
    runs: 9,
    target: "<= 10 ms",
    peers: { pipd: () => world.pipd(words), uv },
  });
  await world.measure({
    name: "list --outdated, every page asked for again",
    runs: 9,
    target: "no slower than uv",
    peers: { pipd: () => world.pipd([...words, "--refresh-package", ":all:"]), uv },
  });
}
