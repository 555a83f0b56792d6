/**
 * `npm run bench [-- part ...]`: pipd against uv and pip in one run, each piece of work by all of them in turn. Prints a table and writes it to
 * `.build/bench.md`. What is not on this machine (uv, an index of wheels, the recorded index) is named and left out. Parts: warm, clients, scale, store, cold,
 * resolve, outdated, daemon. Absolute figures belong to the machine; the ratios are what counts.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { measureIdle, measureLoop, measureStart } from "./daemon.ts";
import { measureCold, measureFromStore } from "./installing.ts";
import { measureOutdated, measureResolving } from "./resolving.ts";
import { measureScale } from "./scale.ts";
import { measureStores } from "./stores.ts";
import { createTable } from "./table.ts";
import { filled, measureClients, measureWarm } from "./warm.ts";
import { createWorld } from "./world.ts";

const parts = process.argv.slice(2);
const wanted = (...names: readonly string[]): boolean =>
  parts.length === 0 || names.some((name) => parts.includes(name));
const start = performance.now();
const table = createTable(console.log);
const world = await createWorld(table);
try {
  if (!world.hasUv) console.log("uv is left out: there is no ../shared/wheels with it");
  if (wanted("daemon")) await measureIdle(world);
  if (world.wheels === undefined)
    console.log("installing is left out: no ../shared/index, or no local index in pip's configuration");
  else if (wanted("warm", "clients", "daemon", "outdated", "store", "cold")) {
    const near = await world.wheels();
    const jupyter = await filled(world, "jupyter", near);
    world.settle();
    if (wanted("warm")) await measureWarm(world, near, jupyter);
    if (wanted("clients")) await measureClients(world, jupyter);
    if (wanted("daemon")) await measureStart(world, jupyter);
    if (wanted("outdated") && world.recorded !== undefined) await measureOutdated(world, jupyter);
    if (wanted("store")) await measureFromStore(world, near, jupyter);
    if (wanted("cold")) measureLoop(world, "jupyter cold", await measureCold(world));
  }
  if (wanted("scale")) {
    await measureScale(world);
    await measureStores(world);
  }
  if (world.recorded === undefined) console.log("resolving is left out: no ../shared/index");
  else if (wanted("resolve")) await measureResolving(world);
  const file = join(import.meta.dirname, "../../.build/bench.md");
  writeFileSync(file, table.markdown());
  console.log(`${Math.round((performance.now() - start) / 1000)} s; the table is in ${file}`);
} finally {
  await world.close();
}
