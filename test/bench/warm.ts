/** Commands that change nothing, and new environments: what a person waits for most often. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { quantile } from "../harness/quantile.ts";
import { type Command, PYTHON, type Server } from "./peers.ts";
import type { Work, World } from "./world.ts";

/** An environment with a project of the local wheels in it. */
export async function filled(world: World, project: string, server: Server): Promise<string> {
  const root = await world.environment();
  await world.stopwatch.time(world.pipd(["--python", root, "install", "-q", "-i", server.index, project]));
  return root;
}

/** What the machine itself needs for a process. */
const nothing = ({ sandbox }: World): Command => ({ file: "true", args: [], env: sandbox.env });

const QUICK = "<= 4 ms, 4x faster than uv";

/** No-op installs, list, freeze, show, check, tree of 102 packages, venv. */
export async function measureWarm(world: World, server: Server, jupyter: string): Promise<void> {
  const flask = await filled(world, "flask", server);
  world.settle();
  const floor = nothing(world);
  const compared = (name: string, root: string, words: readonly string[], pip = words): Work => ({
    name,
    runs: 21,
    target: QUICK,
    peers: {
      floor: () => floor,
      pipd: () => world.pipd(["--python", root, ...words]),
      uv: () => world.uv(["pip", ...words, "--python", root]),
      ...(pip.length === 0 ? {} : { pip: () => world.pip(root, pip) }),
    },
  });
  const again = ["install", "-i", server.index];
  await world.measure(compared("no-op install of flask (floor here: the program `true`)", flask, [...again, "flask"]));
  await world.measure(compared("no-op install of jupyter", jupyter, [...again, "jupyter"]));
  for (const words of [["list"], ["freeze"], ["show", "jupyter"], ["check"]])
    await world.measure(compared(`${words[0]}, 102 packages`, jupyter, words));
  await world.measure(compared("tree, 102 packages", jupyter, ["tree"], []));
  for (const words of [[...again, "jupyter"], ["list"], ["freeze"], ["show", "jupyter"], ["check"], ["tree"]])
    world.row({
      name: `the daemon's part: ${words[0]}, 102 packages`,
      figures: { pipd: daemonTimes(world, ["--python", jupyter, ...words]) },
      target: "<= 0.5 ms",
    });
  await world.measure({
    name: "venv, without pip",
    runs: 15,
    target: "<= 4 ms, 3x faster than uv",
    peers: {
      floor: () => floor,
      pipd: () => world.pipd(["-q", "venv", "--python", PYTHON.executable, join(world.folder(), "v")]),
      uv: () => world.uv(["venv", "-q", "--python", PYTHON.executable, join(world.folder(), "v")]),
      pip: () => ({
        file: PYTHON.executable,
        args: ["-m", "venv", "--without-pip", join(world.folder(), "v")],
        env: world.sandbox.env,
      }),
    },
  });
}

/** What the daemon itself needs for a command, by `--time`. */
function daemonTimes(world: World, words: readonly string[]): readonly number[] {
  const { file, args, env } = world.pipd(["--time", ...words]);
  return Array.from({ length: 41 }, () => {
    const { stderr } = spawnSync(file, args, { env: { ...env }, encoding: "utf8" });
    return Number(/([\d.]+) ms/.exec(stderr)?.[1]);
  });
}

/** So many clients started together: how long each takes. */
export async function measureClients(world: World, root: string): Promise<void> {
  for (const count of [1, 10, 50]) {
    const pipd: number[] = [];
    const floor: number[] = [];
    const all = <T>(one: T): readonly T[] => Array.from({ length: count }, () => one);
    for (let round = 0; round < 10; round++) {
      pipd.push(...(await world.stopwatch.timeAll(all(world.pipd(["--python", root, "list"])))));
      floor.push(...(await world.stopwatch.timeAll(all(nothing(world)))));
    }
    world.row({ name: `list, ${count} clients at once: each (floor: as many of \`true\`)`, figures: { pipd, floor } });
    world.row({
      name: `list, ${count} clients at once: p99`,
      figures: { pipd: [quantile(pipd, 0.99)], floor: [quantile(floor, 0.99)] },
      ...(count === 50 ? { target: "<= 50 ms" } : {}),
    });
  }
}
