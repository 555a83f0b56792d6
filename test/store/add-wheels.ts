/**
 * A process that adds wheels to a store until it is killed or done: `add-wheels.ts <store folder> <prefix of seeds> <number> <files each>`.
 * Says "ready" before it starts.
 */
import { createWheelStore } from "../../daemon/store/wheel-store.ts";
import { fillStage, sha256Of } from "./made-wheel.ts";

const [folder = "", prefix = "", number = "0", files = "1"] = process.argv.slice(2);
const store = createWheelStore({ folder, clock: Date.now });
process.stdout.write("ready\n");
for (let index = 0; index < Number(number); index++) {
  const seed = `${prefix}${index}`;
  const wheel = await store.add(fillStage(store, seed, Number(files)), sha256Of(seed));
  if (wheel.manifest.name !== seed) throw new Error(`got ${wheel.manifest.name} for ${seed}`);
}
