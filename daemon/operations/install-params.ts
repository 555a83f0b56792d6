import type { NetworkOptions } from "../index/network-settings.ts";
import type { FormatChoice } from "../standards/format-control.ts";
import type { LinkMode } from "../standards/settings.ts";
import type { Change } from "./change-environment.ts";
import type { RequirementInputs } from "./gather-requirements.ts";

/** Where packages are looked for, as asked by options, variables and files. */
export interface SourceParams {
  readonly indexUrl: string | undefined;
  readonly extraIndexUrls: readonly string[];
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
  readonly network: NetworkOptions;
  /** `--refresh-package` values in order. */
  readonly refresh: readonly string[];
  /** `--cache-dir`, absolute; false for `--no-cache-dir`. */
  readonly cacheDir: string | false | undefined;
}

/** Where packages go, when not into the environment itself. Absolute paths. */
export interface LocationParams {
  readonly user: boolean | undefined;
  readonly target: string | undefined;
  readonly prefix: string | undefined;
  readonly root: string | undefined;
}

/** What `install` was asked to do. An editor's method has the same parameters. */
export interface InstallParams {
  readonly inputs: RequirementInputs;
  readonly sources: SourceParams;
  readonly location: LocationParams;
  readonly formatChoices: readonly FormatChoice[];
  readonly preferBinary: boolean;
  readonly pre: boolean;
  readonly upgrade: boolean;
  readonly eager: boolean;
  readonly forceReinstall: boolean;
  readonly ignoreInstalled: boolean;
  readonly ignoreRequiresPython: boolean;
  readonly noDeps: boolean;
  readonly requireHashes: boolean;
  readonly noRequireHashes: boolean;
  readonly dryRun: boolean;
  /** Absolute path, or `-` for standard output. */
  readonly report: string | undefined;
  readonly compile: boolean;
  readonly linkMode: LinkMode;
  readonly breakSystemPackages: boolean;
  readonly warnScriptLocation: boolean;
  readonly warnConflicts: boolean;
  readonly warnRoot: boolean;
  readonly change: Change;
}
