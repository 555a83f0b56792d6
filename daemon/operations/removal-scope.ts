import { join } from "node:path";
import type { RemovalScope } from "../install/uninstall.ts";
import type { Environment } from "../python/environment.ts";
import { schemeFor } from "../python/scheme.ts";

/** What may be removed from an environment, and what stays although it gets empty. */
export function removalScopeOf({ facts, isVirtual }: Environment): RemovalScope {
  const user =
    facts.layout.preferred.user === null || facts.userBase === null ? undefined : schemeFor(facts, { user: true });
  const { scheme } = facts;
  const own = [scheme.purelib, scheme.platlib, scheme.scripts];
  const users = user === undefined ? [] : [user.purelib, user.platlib, user.scripts];
  return {
    prefix: facts.prefix,
    isVirtual,
    roots: isVirtual
      ? [facts.prefix]
      : [facts.prefix, scheme.data, ...own, ...(facts.userBase === null ? [] : [facts.userBase])],
    keep: [facts.prefix, scheme.data, join(facts.prefix, "include"), ...own, ...users],
    standardLibraries: [facts.stdlib],
    scripts: scheme.scripts,
    userScripts: user?.scripts,
    userSite: facts.userSite ?? undefined,
    siteFolders: [...new Set([scheme.purelib, scheme.platlib, ...(facts.userSite === null ? [] : [facts.userSite])])],
    cacheTag: facts.cacheTag ?? undefined,
  };
}
