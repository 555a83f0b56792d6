import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** When it is tried again, in milliseconds after the attempt before. */
const LATER: readonly number[] = [100, 1000, 5000, 30_000];

/**
 * Deletes a file or folder (absolute). What resists is tried again a few times while this process lives and does other things: a disk that was full or
 * failed may be well again. Never throws.
 *
 * @param isWatched somebody who has not heard yet that it is over may make it again: it is looked at the same number of times then
 */
export async function removeInTheEnd(path: string, isWatched = false): Promise<void> {
  const isGone = async (): Promise<boolean> => {
    try {
      await rm(path, { recursive: true, force: true });
      return !isWatched;
    } catch {
      return false;
    }
  };
  if (await isGone()) return;
  void (async () => {
    for (const wait of LATER) {
      await sleep(wait, undefined, { ref: false });
      if (await isGone()) return;
    }
  })();
}
