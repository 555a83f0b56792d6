import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: ((options: object) => void) | undefined;

/**
 * A complete garbage collection, which also gives unused pages back. Blocks for as long as it takes: for idle moments.
 * @param rounds code that has not run for six of them is forgotten too, and compiled again when it is needed.
 */
export function collectGarbage(rounds: number): void {
  if (collect === undefined) {
    // The function exists only in contexts made while the flag is set.
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as (options: object) => void;
    setFlagsFromString("--no-expose-gc");
  }
  for (let round = 0; round < rounds; round++) collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
