import type { Background } from "./parts.ts";

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

/**
 * Work on environments that goes on after its command has been answered, one after the other per environment.
 * @param allowed false where no process stays: such work must then be done before
 * @param failed told of errors, which nobody waits for
 */
export function createBackground(allowed: boolean, failed: (error: unknown) => void): Background {
  const running = new Map<string, Running>();
  return {
    allowed,
    later: (root, work) => {
      const controller = new AbortController();
      const before = running.get(root)?.done ?? Promise.resolve();
      const done = before
        .then(() => work(controller.signal))
        .catch((error: unknown) => {
          if (!controller.signal.aborted) failed(error);
        })
        .finally(() => {
          if (running.get(root)?.done === done) running.delete(root);
        });
      running.set(root, { controller, done });
    },
    isWorking: () => running.size > 0,
    stop: async (root) => {
      const work = running.get(root);
      work?.controller.abort(new Error("another command changes the environment"));
      await work?.done;
    },
  };
}
