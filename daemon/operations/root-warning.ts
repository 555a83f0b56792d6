import type { Environment } from "../python/environment.ts";
import type { Call } from "../std/call.ts";
import type { Parts } from "./parts.ts";

/** pip's advice to root outside a virtual environment. */
export function warnAboutRoot(parts: Parts, environment: Environment, call: Call): void {
  if (environment.isVirtual || !parts.isRoot) return;
  call.reporter.message(
    "warning",
    "Running pipd as the 'root' user can result in broken permissions and conflicting behaviour with the system package manager, possibly rendering your system unusable. " +
      "It is recommended to use a virtual environment instead. Use the --root-user-action option if you know what you are doing and want to suppress this warning.",
  );
}
