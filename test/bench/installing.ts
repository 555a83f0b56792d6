/** Whole installations of jupyter: 102 packages, 12,000 files. */
import { spawnSync } from "node:child_process";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sandbox } from "../harness/sandbox.ts";
import { PYTHON, type Server } from "./peers.ts";
import { filled } from "./warm.ts";
import type { Work, World } from "./world.ts";

/** Time in which an idle daemon has made everything ready for the next installation. */
const IDLE_SECONDS = "3";

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
    runs: 3,
    rest: true,
    target: "<= 50 ms, 5x faster than uv",
    peers: {
      pipd: () => removing((root, list) => world.pipd(["--python", root, "uninstall", "-q", "-y", "-r", list])),
      uv: () => removing((root, list) => world.uv(["pip", "uninstall", "-q", "--python", root, "-r", list])),
    },
  });
}

/** What a daemon has installed before: it has been in use, but knows nothing of what is measured. */
const EARLIER = ["pandas", "django", "black", "fonttools"];

/** With nothing known beforehand, into a new environment. Gives the sandbox of the daemon that has been in use. */
export async function measureCold(world: World): Promise<Sandbox> {
  const near = await world.wheels!();
  const far = await world.wheels!(["--latency", "20", "--bandwidth", "12"]);
  const install = async (box: Sandbox, { index }: Server, ...words: readonly string[]) =>
    world.pipd(["--python", await world.environment(), "install", "-q", "-i", index, ...words], box);
  const used = await world.coldBox();
  await world.stopwatch.time(await install(used, near, ...EARLIER));
  const work = (name: string, runs: number, server: Server, box?: Sandbox): Work => ({
    name,
    runs,
    rest: true,
    target: "no slower than uv",
    peers: {
      // Another cache each time: whatever is deleted would slow down whoever makes files next.
      pipd: async () => install(box ?? (await world.coldBox()), server, "--cache-dir", world.folder(), "jupyter"),
      uv: async () =>
        world.uv(
          ["pip", "install", "-q", "--python", await world.environment(), "-i", server.index, "jupyter"],
          world.folder(),
        ),
    },
  });
  await world.measure(work("install jupyter, nothing cached, no latency", 2, near, used));
  await world.measure(work("install jupyter, nothing cached, 20 ms, 12 MB/s per file", 3, far, used));
  await world.measure(work("install jupyter, daemon just started, 20 ms, 12 MB/s per file", 1, far));
  return used;
}
