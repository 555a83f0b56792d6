/** Resolving without installing, on the recorded index. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../harness/sandbox.ts";
import { type Command, PYTHON, type Server } from "./peers.ts";
import type { World } from "./world.ts";

const PROJECTS = [
  { name: "jupyter", project: "jupyter" },
  { name: "airflow, 306 packages", project: "apache-airflow[celery,postgres,google,amazon]" },
] as const;

const LATENCIES: readonly (readonly [name: string, options: readonly string[]])[] = [
  ["0 ms", []],
  ["20 ms", ["--latency", "20"]],
  ["100 ms", ["--latency", "100"]],
  ["20 ms, HTTP/2", ["--latency", "20", "--tls"]],
];

/** Gives the sandbox whose daemon has resolved the last project. */
export async function measureResolving(world: World): Promise<Sandbox> {
  let warm = world.sandbox;
  for (const { name, project } of PROJECTS) {
    let near: Server | undefined;
    for (const [latency, options] of LATENCIES) {
      if (latency.includes("HTTP/2") && name === "jupyter") continue;
      const server = await world.recorded!(options);
      await world.measure({
        name: `resolve ${name}, cold, ${latency}`,
        runs: options.includes("100") || options.includes("--tls") ? 2 : 3,
        rest: true,
        target: "no slower than uv",
        peers: {
          pipd: async () => {
            const box = await world.coldBox();
            if (latency === "20 ms") [warm, near] = [box, server];
            return dryRun(world, project, server, box);
          },
          uv: () => compile(world, project, server, world.folder()),
        },
      });
    }
    const cache = world.folder();
    if (world.hasUv) await world.stopwatch.time(compile(world, project, near!, cache));
    await world.measure({
      name: `resolve ${name}, again`,
      runs: 9,
      target: "4x faster than uv",
      peers: {
        pipd: () => dryRun(world, project, near!, warm),
        uv: () => compile(world, project, near!, cache),
      },
    });
  }
  return warm;
}

function dryRun(world: World, project: string, { index, ca }: Server, box: Sandbox): Command {
  const words = ["-q", "--dry-run", "--ignore-installed", "--break-system-packages", "--only-binary", ":all:"];
  const secure = ca === undefined ? [] : ["--cert", ca];
  return world.pipd(["--python", PYTHON.executable, "install", ...words, "-i", index, ...secure, project], box);
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
