import type { Environment } from "../python/environment.ts";
import { checkExternallyManaged } from "../python/externally-managed.ts";
import type { SchemeRequest } from "../python/scheme.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { isWritableFolder, kindOfPath } from "../std/read-file.ts";
import type { InstallParams, LocationParams } from "./install-params.ts";

/** Where an installation goes, decided as pip decides it. */
export interface InstallLocation {
  readonly request: SchemeRequest;
  /** The `--target` folder; its contents are planned in a home of their own and then moved. */
  readonly targetFolder: string | undefined;
  /** Nothing that is installed counts, nothing is removed. */
  readonly ignoresInstalled: boolean;
  /** It is the environment itself or its user site: conflicts and PEP 668 matter. */
  readonly isCurrentEnvironment: boolean;
}

/**
 * Decides where to install.
 * @throws PipdError `invalid-options`, `target-not-folder`, `externally-managed-environment`
 */
export function locate(params: InstallParams, environment: Environment, call: Call): InstallLocation {
  const { location } = params;
  refuseContradictions(location, environment);
  const isCurrentEnvironment =
    location.target === undefined && location.prefix === undefined && location.root === undefined;
  const changesNothing = params.dryRun && params.report !== undefined;
  if (isCurrentEnvironment && !changesNothing && !params.breakSystemPackages) checkExternallyManaged(environment, call);
  const user = usesUserSite(location, environment, call);
  if (location.target !== undefined) {
    if (kindOfPath(location.target) === "file")
      throw new PipdError("target-not-folder", "Target path exists but is not a directory, will not continue.");
    return {
      request: { home: location.target },
      targetFolder: location.target,
      ignoresInstalled: true,
      isCurrentEnvironment,
    };
  }
  return {
    request: {
      ...(user ? { user } : {}),
      ...(location.prefix === undefined ? {} : { prefix: location.prefix }),
      ...(location.root === undefined ? {} : { root: location.root }),
    },
    targetFolder: undefined,
    ignoresInstalled: params.ignoreInstalled,
    isCurrentEnvironment,
  };
}

function refuseContradictions({ user, target, prefix }: LocationParams, environment: Environment): void {
  if (user !== true) return;
  if (target !== undefined) throw new PipdError("invalid-options", "Can not combine '--user' and '--target'");
  if (prefix !== undefined)
    throw new PipdError(
      "invalid-options",
      "Can not combine '--user' and '--prefix' as they imply different installation locations",
    );
  if (environment.isVirtual && !environment.includesSystemSite) {
    throw new PipdError(
      "user-site-unavailable",
      "Can not perform a '--user' install. User site-packages are not visible in this virtualenv.",
    );
  }
}

/** pip's `decide_user_install`: asked for, or the only place that can be written. */
function usesUserSite({ user, target, prefix, root }: LocationParams, { facts }: Environment, call: Call): boolean {
  if (user !== undefined) return user;
  if (prefix !== undefined || target !== undefined || root !== undefined || facts.userSiteEnabled !== true)
    return false;
  if (isWritableFolder(facts.scheme.purelib) && isWritableFolder(facts.scheme.platlib)) return false;
  call.reporter.message("info", "Defaulting to user installation because normal site-packages is not writeable");
  return true;
}
