/** Whole installations of jupyter: 102 packages, 12,000 files. */
import { spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../harness/sandbox.ts";
import { PYTHON, type Server } from "./peers.ts";
import { filled } from "./warm.ts";
import type { Work, World } from "./world.ts";

/** Time in which an idle daemon has made everything ready for the next installation. */
const IDLE_SECONDS = "6";

/** From pre-staged trees, from the store alone, against uv's cache and `cp -al`; and away again. */
export async function measureFromStore(world: World, server: Server, jupyter: string): Promise<void> {
  const plain = await world.coldBox();
  appendFileSync(join(plain.config, "config.toml"), "spare-trees = false\n");
  await world.stopwatch.time(world.pipd(["daemon", "restart"], plain));
  const install = async (box: Sandbox) =>
    world.pipd(["--python", await world.environment(), "install", "-q", "-i", server.index, "jupyter"], box);
  await world.stopwatch.time(await install(plain));
  const uv = async () =>
    world.uv(["pip", "install", "-q", "--python", await world.environment(), "-i", server.index, "jupyter"]);
  if (world.hasUv) await world.stopwatch.time(await uv());
  const site = join(jupyter, "lib", `python3.${PYTHON.minor}`, "site-packages");
  const copy = () => ({ file: "cp", args: ["-al", site, join(world.folder(), "copy")], env: world.sandbox.env });
  await world.measure({
    name: "jupyter into a fresh environment, pre-staged (floor: cp -al)",
    runs: 5,
    rest: true,
    target: "<= 50 ms, 5x faster than uv",
    peers: {
      pipd: async () => {
        const command = await install(world.sandbox);
        spawnSync("sleep", [IDLE_SECONDS]);
        return command;
      },
      uv,
      floor: copy,
    },
  });
  await world.measure({
    name: "jupyter into a fresh environment, from the store alone (floor: cp -al)",
    runs: 5,
    rest: true,
    target: "faster than uv and cp -al",
    peers: { pipd: () => install(plain), uv, floor: copy },
  });
  const removing = async (make: (root: string, list: string) => ReturnType<World["pipd"]>) => {
    const root = await filled(world, "jupyter", server);
    const { file, args, env } = world.pipd(["--python", root, "freeze"]);
    const list = join(world.folder(), "frozen.txt");
    writeFileSync(list, spawnSync(file, args, { env: { ...env }, encoding: "utf8" }).stdout);
    return make(root, list);
  };
  await world.measure({
    name: "uninstall of jupyter's 102 packages",
    runs: 4,
    rest: true,
    target: "<= 50 ms, 5x faster than uv",
    peers: {
      pipd: () => removing((root, list) => world.pipd(["--python", root, "uninstall", "-q", "-y", "-r", list])),
      uv: () => removing((root, list) => world.uv(["pip", "uninstall", "-q", "--python", root, "-r", list])),
    },
  });
}

/** With nothing known beforehand, into a new environment. Gives the sandbox of the last daemon. */
export async function measureCold(world: World): Promise<Sandbox> {
  let last = world.sandbox;
  const work = (name: string, server: Server, target?: string): Work => ({
    name,
    runs: 3,
    rest: true,
    ...(target === undefined ? {} : { target }),
    peers: {
      pipd: async () => {
        last = await world.coldBox();
        const root = await world.environment();
        return world.pipd(["--python", root, "install", "-q", "-i", server.index, "jupyter"], last);
      },
      uv: async () =>
        world.uv(
          ["pip", "install", "-q", "--python", await world.environment(), "-i", server.index, "jupyter"],
          world.folder(),
        ),
    },
  });
  await world.measure(work("jupyter cold, no latency", await world.wheels!()));
  const far = await world.wheels!(["--latency", "20", "--bandwidth", "12"]);
  await world.measure(work("jupyter cold, 20 ms latency, 12 MB/s per file", far, "no slower than uv"));
  return last;
}
