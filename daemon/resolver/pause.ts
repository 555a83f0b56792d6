import { nextTurn } from "../std/next-turn.ts";

/** Milliseconds of work after which the event loop gets its turn. */
const SLICE = 10;

/** Asked between steps of long work: every 10 ms it gives a promise to wait for, so that other requests of the daemon are answered in between. */
export function createPause(): () => Promise<void> | undefined {
  let start = performance.now();
  return () => {
    if (performance.now() - start < SLICE) return undefined;
    return nextTurn().then(() => {
      start = performance.now();
    });
  };
}
