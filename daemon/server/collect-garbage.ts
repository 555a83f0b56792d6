import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: ((options: object) => void) | undefined;

/** A complete garbage collection, which also gives compiled code and unused pages back. Blocks for as long as it takes: for idle moments. */
export function collectGarbage(): void {
  if (collect === undefined) {
    // The function exists only in contexts made while the flag is set.
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as (options: object) => void;
    setFlagsFromString("--no-expose-gc");
  }
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
