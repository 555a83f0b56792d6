import type { Program } from "../protocol/program.ts";
import type { PipdFolders } from "../protocol/session.ts";
import type { Queries } from "./server/handlers.ts";
import type { Log } from "./server/log.ts";
import type { Settings } from "./standards/settings.ts";
import { PipdError } from "./std/errors.ts";

/** What main knows of the world when it builds the program. */
export interface WiringParts {
  readonly version: string;
  /** The folder of this installation: the parent of `.build`. */
  readonly programFolder: string;
  /** The folder with the bundles, `worker.js` and `assets/`. */
  readonly buildFolder: string;
  readonly folders: PipdFolders;
  readonly settings: Settings;
  readonly log: Log;
  /** ms since 1970. */
  readonly now: () => number;
}

/** Builds every object of the program once, and passes each down to those that need it. Loaded after the socket listens. */
export async function wire({
  version,
  programFolder,
}: WiringParts): Promise<{ readonly program: Program; readonly queries: Queries }> {
  const program: Program = {
    run: async ({ argv, output }) => {
      if (argv.includes("--version")) output(1, `pipd ${version} from ${programFolder}\n`);
      return { exitCode: 0 };
    },
  };
  const refuse = async (): Promise<never> => {
    throw new PipdError("internal-error", "not wired yet");
  };
  return { program, queries: { resolveEnvironment: refuse, installed: refuse } };
}
