/** What one interpreter says about itself: everything an installer needs to know without running Python again. */
import type { MarkerEnvironment } from "../standards/marker.ts";
import type { TagFacts } from "../standards/tag.ts";

/** Where the parts of a distribution go. All paths are absolute and normalised. */
export interface Scheme {
  readonly purelib: string;
  readonly platlib: string;
  readonly scripts: string;
  readonly data: string;
  /** The folder that gets one folder per project: a project's headers go to `<headers>/<project name>`. */
  readonly headers: string;
}

/** Names of the `sysconfig` schemes for each way to install. `user` is null where there is no user scheme. */
export interface PreferredSchemes {
  readonly prefix: string;
  readonly user: string | null;
  readonly home: string;
}

/** The unexpanded `sysconfig` schemes, so that `--prefix`, `--user`, `--target` and `--root` are pure computations. */
export interface SchemeLayout {
  readonly preferred: PreferredSchemes;
  /** Scheme name -> path key ("purelib", "include", ...) -> text with `{variable}` places. */
  readonly templates: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** `sysconfig.get_config_vars()`, only the variables that some template names. */
  readonly variables: Readonly<Record<string, string>>;
}

/** What `site` would do in a virtual environment of this interpreter. Paths start with {@link VENV_PLACEHOLDER} where the environment's own prefix stands. */
export interface VenvLayout {
  readonly preferred: PreferredSchemes;
  /** Site folders of the environment itself. */
  readonly siteFolders: readonly string[];
  /** Site folders of the base interpreter, searched after them with `include-system-site-packages = true`. */
  readonly baseSiteFolders: readonly string[];
}

/** Stands for the prefix of an environment in {@link VenvLayout}. */
export const VENV_PLACEHOLDER = "/@pipd-venv@";

/** Facts of one interpreter, started by one path in one launcher environment. Made by `daemon/assets/probe.py`; plain JSON. */
export interface InterpreterFacts {
  /** `sys.executable`. */
  readonly executable: string;
  /** `sys._base_executable` (`sys.executable` where Python has none). */
  readonly baseExecutable: string;
  /** `platform.python_version()`: "3.13.0rc1". */
  readonly version: string;
  /** `sys.version_info[:3]`. */
  readonly versionInfo: readonly [major: number, minor: number, micro: number];
  /** `sys.implementation.name`: "cpython", "pypy". */
  readonly implementationName: string;
  readonly prefix: string;
  readonly execPrefix: string;
  /** Differs from `prefix` in a virtual environment, and only there. */
  readonly basePrefix: string;
  readonly baseExecPrefix: string;
  /** `packaging.markers.default_environment()`. */
  readonly markers: MarkerEnvironment;
  readonly tagFacts: TagFacts;
  /** `sys.implementation.cache_tag` ("cpython-311"), the middle of `.pyc` names; null when this Python keeps no bytecode. */
  readonly cacheTag: string | null;
  /** Where an install without location options goes (pip's `get_scheme`). */
  readonly scheme: Scheme;
  readonly layout: SchemeLayout;
  /** `sysconfig.get_path("stdlib")`: where EXTERNALLY-MANAGED would lie. */
  readonly stdlib: string;
  /** `site.getusersitepackages()` and `site.getuserbase()`; null where there are none. */
  readonly userSite: string | null;
  readonly userBase: string | null;
  /** `site.ENABLE_USER_SITE`: false when switched off, null when unsafe (setuid). */
  readonly userSiteEnabled: boolean | null;
  /** `sys.path` before `site` added anything, absolute, without the folder of the script. */
  readonly pathBeforeSite: readonly string[];
  /** The folders `site` adds, in its order, whether they exist or not: their `.pth` files add more (see `search-path.ts`). */
  readonly siteFolders: readonly string[];
  /** Entries of `sys.path` that neither of these explains: code in a `.pth` file or `sitecustomize` added them. */
  readonly extraPath: readonly string[];
  /** Null in a virtual environment: environments are made from base interpreters. */
  readonly venv: VenvLayout | null;
  /** A macOS framework build (`sysconfig` PYTHONFRAMEWORK). */
  readonly framework: boolean;
}

/** True in a virtual environment (PEP 405): pip's `running_under_virtualenv()`. */
export function isVirtualEnvironment(facts: Pick<InterpreterFacts, "prefix" | "basePrefix">): boolean {
  return facts.prefix !== facts.basePrefix;
}
