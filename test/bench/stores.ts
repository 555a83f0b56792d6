/** How the cost of a command grows with what is kept of other projects: pages in the cache, wheels in the store. */
import { createHash } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { makeWheel } from "../harness/wheel-maker.ts";
import { filledEnvironment } from "./scale.ts";
import type { World } from "./world.ts";

const PAGES: readonly number[] = [1000, 10_000];
const WHEELS: readonly number[] = [100, 2000];
const RUNS = 5;

/** An index whose every project has one wheel: the same, under another name. */
async function startMadeIndex(): Promise<{ readonly url: string; readonly server: Server }> {
  const wheels = new Map<string, Promise<Buffer>>();
  const wheelOf = (name: string): Promise<Buffer> => {
    const made = wheels.get(name) ?? makeWheel({ name, version: "9.0", files: { [`${name}/__init__.py`]: "x = 1\n" } });
    wheels.set(name, made);
    return made;
  };
  const answer = async (url: string, response: ServerResponse): Promise<void> => {
    const name = (url.split("/")[2] ?? "").replace(/-9\.0.*/, "").replaceAll("-", "_");
    const wheel = await wheelOf(name);
    if (url.startsWith("/files/")) {
      response.end(wheel);
      return;
    }
    const filename = `${name}-9.0-py3-none-any.whl`;
    const sha256 = createHash("sha256").update(wheel).digest("hex");
    const files = [{ filename, hashes: { sha256 }, size: wheel.length, url: `/files/${filename}` }];
    response.setHeader("content-type", "application/vnd.pypi.simple.v1+json");
    response.setHeader("cache-control", "max-age=6000");
    response.end(JSON.stringify({ meta: { "api-version": "1.1" }, name, files }));
  };
  const server = createServer(({ url = "/" }, response) => void answer(url, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`, server };
}

/** Both curves; each point in a daemon of its own. */
export async function measureStores(world: World): Promise<void> {
  const { url, server } = await startMadeIndex();
  const small = await filledEnvironment(world, 100);
  for (const size of PAGES) {
    const box = await world.coldBox();
    const outdated = (root: string) => world.pipd(["--python", root, "list", "--outdated", "-i", url], box);
    await world.stopwatch.time(outdated(await filledEnvironment(world, size)));
    // What waits to be written is, and the folder is not as new any more as to be read each time.
    await sleep(3000);
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      await world.stopwatch.time(world.pipd(["daemon", "restart"], box));
      await world.stopwatch.time(world.pipd(["--python", small, "list"], box));
      times.push(await world.stopwatch.time(outdated(small)));
    }
    const name = `list --outdated of 100 packages by a restarted daemon, cache of ${size} pages`;
    world.row({ name, figures: { pipd: times } });
  }
  const names = (count: number) => Array.from({ length: count }, (_, index) => `made-${index}`);
  for (const size of WHEELS) {
    const box = await world.coldBox();
    const install = async (count: number) =>
      world.pipd(
        ["--python", await world.environment(), "install", "-q", "--no-compile", "-i", url, ...names(count)],
        box,
      );
    await world.stopwatch.time(await install(size));
    world.settle();
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) times.push(await world.stopwatch.time(await install(10)));
    world.row({
      name: `10 small packages into a fresh environment, store of ${size} wheels`,
      figures: { pipd: times },
    });
  }
  server.close();
}
