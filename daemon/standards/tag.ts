/**
 * Compatibility tags (PEP 425) of an interpreter, as `packaging.tags.sys_tags()` of packaging 26.3 lists them.
 *
 * A pure function of {@link TagFacts}: the facts are collected once per interpreter by `daemon/assets/probe.py`.
 */
import { normalizePlatform, type PlatformFacts, platformTags } from "./platform-tag.ts";

/** One expanded tag, lower-case: "cp311-cp311-manylinux_2_17_x86_64". */
export type Tag = string;

/** `sysconfig.get_config_var(name)` of the named variables; null when unset. */
export interface TagConfigVariables {
  readonly Py_DEBUG: number | string | null;
  readonly Py_GIL_DISABLED: number | string | null;
  readonly WITH_PYMALLOC: number | string | null;
  readonly Py_UNICODE_SIZE: number | string | null;
  readonly EXT_SUFFIX: string | null;
  readonly py_version_nodot: number | string | null;
}

/** What the tags of an interpreter depend on: facts only, as the interpreter reports them. */
export interface TagFacts extends PlatformFacts {
  /** `sys.implementation.name`: "cpython", "pypy", "graalpy", ... */
  readonly implementationName: string;
  /** `sys.version_info[:2]`. */
  readonly versionInfo: readonly [major: number, minor: number];
  readonly configVariables: TagConfigVariables;
  /** `hasattr(sys, "gettotalrefcount")`: true in debug builds. */
  readonly hasRefcount: boolean;
  /** `importlib.machinery.EXTENSION_SUFFIXES`. */
  readonly extensionSuffixes: readonly string[];
  /** `sys.maxunicode`. */
  readonly maxUnicode: number;
}

const IMPLEMENTATION_SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ["python", "py"],
  ["cpython", "cp"],
  ["pypy", "pp"],
  ["ironpython", "ip"],
  ["jython", "jy"],
]);

/** The interpreter's short name in tags: "cp", "pp", else the name of the implementation itself. */
export function interpreterName(facts: TagFacts): string {
  return IMPLEMENTATION_SHORT_NAMES.get(facts.implementationName) ?? facts.implementationName;
}

/** The interpreter's version in tags, without dots: "311". */
export function interpreterVersion(facts: TagFacts): string {
  const version = facts.configVariables.py_version_nodot;
  return version === null || version === "" || version === 0 ? facts.versionInfo.join("") : String(version);
}

/**
 * Every tag whose wheels the interpreter can install, best first, in the order of `packaging.tags.sys_tags()`.
 * Throws an Error when a non-CPython interpreter reports an EXT_SUFFIX no ABI can be read from, as packaging does.
 */
export function compatibleTags(facts: TagFacts): readonly Tag[] {
  const name = interpreterName(facts);
  const platforms = platformTags(facts);
  const specific =
    name === "cp"
      ? cpythonTags(facts.versionInfo, cpythonAbis(facts, facts.versionInfo), platforms)
      : genericTags(name + interpreterVersion(facts), genericAbis(facts), platforms);
  let interpreter: string | undefined;
  if (name === "pp") {
    interpreter = "pp3";
  } else if (name === "cp") {
    interpreter = `cp${interpreterVersion(facts)}`;
  }
  return [...specific, ...versionTags(facts.versionInfo, interpreter, platforms)].map((tag) => tag.toLowerCase());
}

/** Position of each tag, 0 is the best. A tag that occurs twice keeps its first position. */
export function tagRanks(tags: readonly Tag[]): ReadonlyMap<Tag, number> {
  const ranks = new Map<Tag, number>();
  for (const [rank, tag] of tags.entries()) {
    if (!ranks.has(tag)) {
      ranks.set(tag, rank);
    }
  }
  return ranks;
}

/** A version as far as it is known: major only, or major and minor. */
export type TagVersion = readonly [number] | readonly [major: number, minor: number];

/** ABIs a CPython of this version and these build flags loads, best first. */
export function cpythonAbis(facts: TagFacts, version: TagVersion): string[] {
  const [major, minor] = version;
  if (minor === undefined) {
    return [];
  }
  const before = (minorLimit: number): boolean => major < 3 || (major === 3 && minor < minorLimit);
  const variables = facts.configVariables;
  const debugByBuild = facts.hasRefcount || facts.extensionSuffixes.includes("_d.pyd");
  const debug = (variables.Py_DEBUG === null ? debugByBuild : Boolean(variables.Py_DEBUG)) ? "d" : "";
  const threading = !before(13) && variables.Py_GIL_DISABLED ? "t" : "";
  let pymalloc = "";
  let ucs4 = "";
  const abis: string[] = [];
  if (before(8)) {
    pymalloc = variables.WITH_PYMALLOC === null || variables.WITH_PYMALLOC ? "m" : "";
    if (before(3)) {
      const wide = variables.Py_UNICODE_SIZE === null ? facts.maxUnicode === 0x10ffff : variables.Py_UNICODE_SIZE === 4;
      ucs4 = wide ? "u" : "";
    }
  } else if (debug !== "") {
    // A debug build also loads extension modules of the release build.
    abis.push(`cp${major}${minor}${threading}`);
  }
  return [`cp${major}${minor}${threading}${debug}${pymalloc}${ucs4}`, ...abis];
}

/**
 * `cpXY-<abi>`, the stable ABI (abi3, or abi3t of PEP 803 for free-threaded builds), `none`, then the stable ABI of every older version.
 * `abis` may name the stable ABI or "none": they are placed where they belong.
 */
export function cpythonTags(version: TagVersion, abis: readonly string[], platforms: readonly string[]): Tag[] {
  const interpreter = `cp${version.join("")}`;
  const threading = /^cp\d+(.*)/s.exec(abis[0] ?? "")?.[1]?.includes("t") ?? false;
  const explicit = threading ? ["abi3", "abi3t", "none"] : ["abi3", "none"];
  const specific = [...abis];
  for (const abi of explicit) {
    const at = specific.indexOf(abi);
    if (at >= 0) {
      specific.splice(at, 1);
    }
  }
  const tags: Tag[] = [];
  const push = (python: string, abi: string): void => {
    for (const platform of platforms) {
      tags.push(`${python}-${abi}-${platform}`);
    }
  };
  for (const abi of specific) {
    push(interpreter, abi);
  }
  const [major, minor] = version;
  const hasStableAbi = minor !== undefined && (major > 3 || (major === 3 && minor >= 2));
  const stable = threading ? "abi3t" : "abi3";
  if (hasStableAbi) {
    push(interpreter, stable);
  }
  push(interpreter, "none");
  if (hasStableAbi) {
    for (let older = minor - 1; older > 1; older--) {
      push(`cp${major}${older}`, stable);
    }
  }
  return tags;
}

/** The ABI of any interpreter, read from EXT_SUFFIX: ".pypy38-pp73-x86_64-linux-gnu.so" gives "pypy38_pp73". */
export function genericAbis(facts: TagFacts): string[] {
  const suffix = facts.configVariables.EXT_SUFFIX;
  if (suffix === null || !suffix.startsWith(".")) {
    throw new Error("The interpreter reports no usable EXT_SUFFIX.");
  }
  const parts = suffix.split(".");
  if (parts.length < 3) {
    return cpythonAbis(facts, facts.versionInfo);
  }
  const soabi = parts[1] ?? "";
  const words = soabi.split("-");
  let abi = soabi;
  if (soabi.startsWith("cpython")) {
    if (!words[1]) {
      throw new Error("The interpreter reports no usable EXT_SUFFIX.");
    }
    abi = `cp${words[1]}`;
  } else if (soabi.startsWith("cp")) {
    abi = words[0] ?? "";
  } else if (soabi.startsWith("pypy")) {
    abi = words.slice(0, 2).join("-");
  } else if (soabi.startsWith("graalpy")) {
    abi = words.slice(0, 3).join("-");
  } else if (soabi === "") {
    return [];
  }
  return [normalizePlatform(abi)];
}

/** `<interpreter>-<abi>-<platform>`, with the ABI "none" last when it is not named. */
export function genericTags(interpreter: string, abis: readonly string[], platforms: readonly string[]): Tag[] {
  const all = abis.includes("none") ? abis : [...abis, "none"];
  return all.flatMap((abi) => platforms.map((platform) => `${interpreter}-${abi}-${platform}`));
}

/** `pyXY-none-<platform>` for this version, its major version and all older ones, then `<interpreter>-none-any`, then `pyXY-none-any`. */
export function versionTags(version: TagVersion, interpreter: string | undefined, platforms: readonly string[]): Tag[] {
  const [major, minor] = version;
  const pythons = minor === undefined ? [`py${major}`] : [`py${major}${minor}`, `py${major}`];
  for (let older = (minor ?? 0) - 1; older >= 0; older--) {
    pythons.push(`py${major}${older}`);
  }
  return [
    ...pythons.flatMap((python) => platforms.map((platform) => `${python}-none-${platform}`)),
    ...(interpreter === undefined ? [] : [`${interpreter}-none-any`]),
    ...pythons.map((python) => `${python}-none-any`),
  ];
}
