import type { EnvironmentParams, EnvironmentResult, InstalledParams, InstalledResult } from "../../protocol/methods.ts";
import type { Call } from "../std/call.ts";
import type { Parts } from "./parts.ts";

/** Questions of editors and other programs: they change nothing and wait for nobody. */
export interface EnvironmentQueries {
  resolveEnvironment(params: EnvironmentParams, call: Call): Promise<EnvironmentResult>;
  installed(params: InstalledParams, call: Call): Promise<InstalledResult>;
}

export function createQueries(parts: Parts): EnvironmentQueries {
  const etags = new WeakMap<object, string>();
  let counter = 0;
  return {
    resolveEnvironment: async ({ python }, call) => {
      const { root, executable, facts, isVirtual, searchPath } = await parts.findEnvironment(
        python === undefined ? {} : { python },
        call,
      );
      return {
        root,
        executable,
        version: facts.version,
        implementation: facts.implementationName,
        isVirtual,
        searchPath,
      };
    },
    installed: async ({ python, etag: known }, call) => {
      const environment = await parts.findEnvironment(python === undefined ? {} : { python }, call);
      const installed = parts.installed.installed(environment);
      const etag = etags.get(installed) ?? `${parts.pid}-${parts.now()}-${++counter}`;
      etags.set(installed, etag);
      if (etag === known) return { etag, notModified: true };
      const packages = installed.distributions.map(({ name, version, location, editable }) => ({
        name,
        version,
        location,
        ...(editable === undefined ? {} : { editable }),
      }));
      return { etag, packages };
    },
  };
}
