import type { Environment, Parts } from "./parts.ts";

/** Distributions read in a row: a millisecond or two. */
const AT_ONCE = 8;

/**
 * Reads what commands ask about the distributions of an environment that has just been changed, while no command runs: the next `list`, `freeze` or
 * `install` finds it in memory. What changes later is seen as ever, and read again.
 */
export function readAhead({ background, chores, installed }: Parts, environment: Environment): void {
  if (!background.allowed) return;
  chores.add(`read ${environment.root}`, async (turn) => {
    const { distributions } = installed.installed(environment);
    for (const [at, distribution] of distributions.entries()) {
      if (at % AT_ONCE === 0) await turn();
      distribution.metadata();
      // With the files that tell it, those of the installer and of a direct URL.
      void distribution.editable;
    }
  });
}
