import { readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { errnoOf } from "../std/errors.ts";
import { ensurePrivateFolder, writeNewFile } from "../std/files.ts";
import { nextTurnOfMany } from "../std/next-turn.ts";
import { processMark, stateOfProcess } from "../std/process-mark.ts";

/** What the names of claims begin with. */
export const CLAIM = "claim-";
/** Between two looks at another process's claim, and between two signs of life of one's own, in milliseconds. */
const LOOK_EVERY = 50;
const TOUCH_EVERY = 5_000;
/** A process that gives no sign of life for that long is stopped, or on another machine and gone. */
const LONGEST_SILENCE = 15_000;

/** Who brings which wheel, among all processes that use one store. */
export interface WheelClaims {
  /**
   * Claims the wheel with this hash, so that one process alone downloads it; waits while another one has it: the wheel may be there afterwards. A claim whose process is gone does not
   * count. Where the folder cannot be written there are no claims, and everybody goes on.
   * @throws the signal's reason.
   */
  claim(sha256: string, signal: AbortSignal): Promise<Disposable>;
}

/**
 * `folder` is absolute, and made when needed; what is old in it (a claim that nobody has touched for minutes, too) is removed by others. `clock` gives
 * milliseconds since the epoch.
 */
export function createWheelClaims(folder: string, clock: () => number): WheelClaims {
  function hold(path: string): Disposable {
    const timer = setInterval(() => {
      try {
        utimesSync(path, clock() / 1000, clock() / 1000);
      } catch {
        // Somebody took it for abandoned: two transfers then, and no harm.
      }
    }, TOUCH_EVERY).unref();
    return {
      [Symbol.dispose]() {
        clearInterval(timer);
        rmSync(path, { force: true });
      },
    };
  }

  function isAbandoned(path: string): boolean {
    try {
      const silence = clock() - statSync(path).mtimeMs;
      const mark = readFileSync(path, "utf8"); // Empty while it is being written.
      return silence > LONGEST_SILENCE || (mark !== "" && stateOfProcess(mark) === "gone");
    } catch {
      return false; // It has just been given back.
    }
  }

  return {
    async claim(sha256, signal) {
      const path = join(folder, CLAIM + sha256);
      // A hundred wheels are wanted at once, and on a slow disk a claim takes a millisecond.
      await nextTurnOfMany();
      for (;;) {
        signal.throwIfAborted();
        try {
          ensurePrivateFolder(folder);
          writeNewFile(path, Buffer.from(processMark()), 0o600);
          return hold(path);
        } catch (error) {
          if (errnoOf(error) !== "EEXIST") return { [Symbol.dispose]() {} };
        }
        if (isAbandoned(path)) rmSync(path, { force: true });
        else await wait(LOOK_EVERY, undefined, { signal }).catch(() => {});
      }
    },
  };
}
