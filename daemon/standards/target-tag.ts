/** Tags for a Python other than the running one: `--platform`, `--python-version`, `--implementation` and `--abi` (`get_supported` of pip 26.3). */
import { androidPlatforms, iosPlatforms, macPlatforms, platformTags } from "./platform-tag.ts";
import {
  cpythonAbis,
  cpythonTags,
  genericAbis,
  genericTags,
  interpreterName,
  interpreterVersion,
  type Tag,
  type TagFacts,
  type TagVersion,
  versionTags,
} from "./tag.ts";

/** What the user asked for; what is absent comes from the interpreter. */
export interface TargetPython {
  /** Without dots: "3", "311". */
  readonly version?: string;
  /** "manylinux2014_x86_64" and the like, each with what is known to run there too. */
  readonly platforms?: readonly string[];
  /** "cp", "pp", "py", ... */
  readonly implementation?: string;
  readonly abis?: readonly string[];
}

/**
 * The tags pip installs for, best first. With an empty target these are pip's tags for the interpreter itself: `compatibleTags`, but for PyPy,
 * where pip has "pp310-none-any" in the place of "pp3-none-any".
 */
export function targetTags(facts: TagFacts, target: TargetPython): readonly Tag[] {
  const implementation = target.implementation ?? interpreterName(facts);
  const interpreter = implementation + (target.version ?? interpreterVersion(facts));
  const version = target.version === undefined ? facts.versionInfo : parseTagVersion(target.version);
  const platforms = target.platforms?.length ? expandPlatforms(target.platforms) : platformTags(facts);
  const specific =
    implementation === "cp"
      ? cpythonTags(version, target.abis ?? cpythonAbis(facts, version), platforms)
      : genericTags(interpreter, target.abis ?? genericAbis(facts), platforms);
  return [...specific, ...versionTags(version, interpreter, platforms)].map((tag) => tag.toLowerCase());
}

/** "311" is 3.11: the first digit is the major version. */
function parseTagVersion(version: string): TagVersion {
  const major = Number(version.slice(0, 1));
  return version.length > 1 ? [major, Number(version.slice(1))] : [major];
}

function expandPlatforms(platforms: readonly string[]): string[] {
  const expanded = new Set<string>();
  const result: string[] = [];
  for (const platform of platforms) {
    if (!expanded.has(platform)) {
      const added = runsOn(platform).filter((one) => !expanded.has(one));
      result.push(...added);
      for (const one of added) {
        expanded.add(one);
      }
    }
  }
  return result;
}

/** A platform and the older ones whose wheels run there. */
function runsOn(platform: string): string[] {
  const apple = /^(.+)_(\d+)_(\d+)_(.+)/s.exec(platform);
  const separator = platform.indexOf("_");
  const prefix = separator < 0 ? platform : platform.slice(0, separator);
  if (platform.startsWith("macosx") || platform.startsWith("ios")) {
    if (apple === null) {
      return [platform];
    }
    const [, name = "", major, minor, suffix = ""] = apple;
    const version = [Number(major), Number(minor)] as const;
    const isMac = platform.startsWith("macosx");
    const known = isMac ? macPlatforms(version, suffix) : iosPlatforms(version, suffix);
    // The beginning is taken as the user wrote it ("macosxcustom_..." is let pass).
    return known.map((one) => `${name}_${one.slice((isMac ? "macosx_" : "ios_").length)}`);
  }
  const android = /^android_(\d+)_(.+)$/s.exec(platform);
  if (android !== null) {
    return androidPlatforms(Number(android[1]), android[2] ?? "");
  }
  const rest = separator < 0 ? "" : platform.slice(separator);
  if (prefix === "manylinux2010") {
    return [platform, `manylinux1${rest}`];
  }
  if (prefix === "manylinux2014" && (rest === "_i686" || rest === "_x86_64")) {
    return [platform, `manylinux2010${rest}`, `manylinux1${rest}`];
  }
  return [platform];
}
