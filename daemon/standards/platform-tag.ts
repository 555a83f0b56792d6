/**
 * The platform part of compatibility tags, as `packaging.tags.platform_tags()` of packaging 26.3 lists it.
 *
 * Specifications: PEP 425 (tags), 513/571/599/600 (manylinux), 656 (musllinux), 730 (iOS), 738 (Android), 783 (Emscripten).
 */

/** The four header fields of an ELF file that the manylinux rules look at (numbers as they stand in the file). */
export interface ElfHeader {
  /** `EI_CLASS`: 1 is 32-bit, 2 is 64-bit. */
  readonly elfClass: number;
  /** `EI_DATA`: 1 is little-endian, 2 is big-endian. */
  readonly encoding: number;
  /** `e_machine`: 3 is i386, 40 is ARM, 62 is x86-64, 183 is AArch64. */
  readonly machine: number;
  /** `e_flags`. */
  readonly flags: number;
}

/**
 * What a running interpreter says about its platform, as plain facts: `daemon/assets/probe.py` reports them as JSON and judges nothing.
 * `null` means "this platform does not have it".
 */
export interface PlatformFacts {
  /** `platform.system()`: "Linux", "Darwin", "Windows", "iOS", "Android", "Emscripten", ... */
  readonly system: string;
  /** `sysconfig.get_platform()`, for example "linux-x86_64", "macosx-11.0-arm64", "win-amd64". */
  readonly platform: string;
  /** `struct.calcsize("P") * 8`. A 32-bit Python on a 64-bit kernel says 32 here and "linux-x86_64" in `platform`. */
  readonly pointerBits: number;
  /**
   * Version text of the C library ("2.36"): the second word of `os.confstr("CS_GNU_LIBC_VERSION")`, else what
   * `ctypes.CDLL(None).gnu_get_libc_version()` returns, else null.
   */
  readonly glibc: string | null;
  /**
   * Standard error of the program named in the PT_INTERP header of `sys.executable`, when that name contains "musl"
   * (the loader run without arguments prints its version and fails); null everywhere else.
   */
  readonly muslLoader: string | null;
  /** The ELF header of `sys.executable`; null when it is not a readable ELF file. */
  readonly elf: ElfHeader | null;
  /**
   * Manylinux versions that the module `_manylinux` of this interpreter refuses, each as "2_17_x86_64" (glibc major, minor, architecture);
   * null when there is no such module (PEP 600: `manylinux_compatible(major, minor, arch)` answers anything false but not None, or,
   * without that function, a false `manylinux1_compatible` (2.5), `manylinux2010_compatible` (2.12), `manylinux2014_compatible` (2.17)).
   */
  readonly manylinuxRefused: readonly string[] | null;
  /**
   * `platform.mac_ver()[0]` ("14.2.1"). Where it says "10.16", the same asked of `sys.executable -sS` with SYSTEM_VERSION_COMPAT=0.
   * Null when `mac_ver()` is empty.
   */
  readonly macVersion: string | null;
  /** `platform.mac_ver()[2]` ("arm64"), null when empty. */
  readonly macMachine: string | null;
  /** `platform.ios_ver().release`, null elsewhere. */
  readonly iosRelease: string | null;
  /** `sys.implementation._multiarch` ("arm64-iphoneos", "x86_64-linux-gnu"), null when absent. */
  readonly multiarch: string | null;
  /** `platform.android_ver().api_level`, null elsewhere. */
  readonly androidApiLevel: number | null;
  /** `sysconfig.get_config_var("PYEMSCRIPTEN_PLATFORM_VERSION")` as text, null when unset. */
  readonly pyemscriptenVersion: string | null;
}

/** A `(major, minor)` pair, compared numerically. */
type Pair = readonly [major: number, minor: number];

/** The architectures that any 64-bit manylinux wheel exists for (packaging's `_ALLOWED_ARCHS`). */
const MANYLINUX_ARCHITECTURES: ReadonlySet<string> = new Set([
  "x86_64",
  "aarch64",
  "ppc64",
  "ppc64le",
  "s390x",
  "loongarch64",
  "riscv64",
]);

/** The highest glibc minor assumed when the installed glibc has a later major version than 2 (packaging assumes the same). */
const LAST_GLIBC_MINOR = 50;

const LEGACY_MANYLINUX: ReadonlyMap<string, string> = new Map([
  ["2_17", "manylinux2014"],
  ["2_12", "manylinux2010"],
  ["2_5", "manylinux1"],
]);

/** The platform tags of an interpreter, best first (`packaging.tags.platform_tags()`). */
export function platformTags(facts: PlatformFacts): readonly string[] {
  switch (facts.system) {
    case "Darwin":
      return macPlatforms(pairOf(facts.macVersion), macArchitecture(facts));
    case "iOS":
      return iosPlatforms(pairOf(facts.iosRelease), facts.multiarch ?? "");
    case "Android":
      return androidPlatforms(facts.androidApiLevel ?? 0, facts.platform.split("-").at(-1) ?? "");
    case "Linux":
      return linuxPlatforms(facts);
    case "Emscripten":
      return [
        ...(facts.pyemscriptenVersion ? [`pyemscripten_${facts.pyemscriptenVersion}_wasm32`] : []),
        normalizePlatform(facts.platform),
      ];
    default:
      return [normalizePlatform(facts.platform)];
  }
}

/** Dots, dashes and spaces become underscores, as everywhere in a tag. */
export function normalizePlatform(text: string): string {
  return text.replace(/[.\- ]/g, "_");
}

/** Compares two pairs: negative, zero or positive. */
function comparePairs(a: Pair, b: Pair): number {
  return a[0] - b[0] || a[1] - b[1];
}

function pairOf(version: string | null): Pair {
  const [major = "0", minor = "0"] = (version ?? "").split(".");
  return [Number.parseInt(major, 10) || 0, Number.parseInt(minor, 10) || 0];
}

function linuxPlatforms(facts: PlatformFacts): string[] {
  let linux = normalizePlatform(facts.platform);
  if (!linux.startsWith("linux_")) {
    return [linux];
  }
  if (facts.pointerBits === 32) {
    linux = { linux_x86_64: "linux_i686", linux_aarch64: "linux_armv8l" }[linux] ?? linux;
  }
  const architecture = linux.slice("linux_".length);
  const architectures = architecture === "armv8l" ? ["armv8l", "armv7l"] : [architecture];
  return [
    ...architectures.map((name) => `linux_${name}`),
    ...manylinuxPlatforms(facts, architectures),
    ...musllinuxPlatforms(facts, architectures),
  ];
}

/** Whether the executable itself is built for the hard-float ABI (ARM) or is a 32-bit x86 program, where the architecture alone does not tell. */
function hasManylinuxAbi(elf: ElfHeader | null, architectures: readonly string[]): boolean {
  const is32BitLittleEndian = elf?.elfClass === 1 && elf.encoding === 1;
  if (architectures.includes("armv7l")) {
    const EABI_VERSION_MASK = 0xff000000;
    const EABI_VERSION_5 = 0x05000000;
    const FLOAT_HARD = 0x00000400;
    return (
      is32BitLittleEndian &&
      elf.machine === 40 &&
      (elf.flags & EABI_VERSION_MASK) >>> 0 === EABI_VERSION_5 &&
      (elf.flags & FLOAT_HARD) === FLOAT_HARD
    );
  }
  if (architectures.includes("i686")) {
    return is32BitLittleEndian && elf.machine === 3;
  }
  return architectures.some((name) => MANYLINUX_ARCHITECTURES.has(name));
}

/** `manylinux_X_Y` from the installed glibc down to the oldest there are wheels for, each followed by its legacy alias. */
function manylinuxPlatforms(facts: PlatformFacts, architectures: readonly string[]): string[] {
  if (!hasManylinuxAbi(facts.elf, architectures)) {
    return [];
  }
  const match = /^(\d+)\.(\d+)/.exec(facts.glibc ?? "");
  if (match === null) {
    return [];
  }
  const glibc: Pair = [Number(match[1]), Number(match[2])];
  const tooOldMinor = architectures.some((name) => name === "x86_64" || name === "i686") ? 4 : 16;
  const newest: Pair[] = [glibc];
  for (let major = glibc[0] - 1; major > 1; major--) {
    newest.push([major, LAST_GLIBC_MINOR]);
  }
  const tags: string[] = [];
  for (const architecture of architectures) {
    for (const [major, newestMinor] of newest) {
      const tooOld = major === 2 ? tooOldMinor : -1;
      for (let minor = newestMinor; minor > tooOld; minor--) {
        const version = `${major}_${minor}`;
        if (facts.manylinuxRefused?.includes(`${version}_${architecture}`)) {
          continue;
        }
        tags.push(`manylinux_${version}_${architecture}`);
        const legacy = LEGACY_MANYLINUX.get(version);
        if (legacy !== undefined) {
          tags.push(`${legacy}_${architecture}`);
        }
      }
    }
  }
  return tags;
}

/** `musllinux_X_Y` from the version the loader printed ("musl libc (x86_64)\nVersion 1.2.2\n...") down to X_0. */
function musllinuxPlatforms(facts: PlatformFacts, architectures: readonly string[]): string[] {
  const lines = (facts.muslLoader ?? "")
    .split(/\r\n|[\n\r]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const match = lines[0]?.startsWith("musl") ? /^Version (\d+)\.(\d+)/.exec(lines[1] ?? "") : null;
  if (match === null) {
    return [];
  }
  const tags: string[] = [];
  for (const architecture of architectures) {
    for (let minor = Number(match[2]); minor >= 0; minor--) {
      tags.push(`musllinux_${Number(match[1])}_${minor}_${architecture}`);
    }
  }
  return tags;
}

function macArchitecture(facts: PlatformFacts): string {
  const machine = facts.macMachine ?? "";
  if (facts.pointerBits !== 32) {
    return machine;
  }
  return machine.startsWith("ppc") ? "ppc" : "i386";
}

/** The single- and multi-architecture formats that run on this architecture, best first. */
function macBinaryFormats(version: Pair, architecture: string): string[] {
  const formats = [architecture];
  if (architecture === "x86_64" || architecture === "i386") {
    if (comparePairs(version, [10, 4]) < 0) {
      return [];
    }
    formats.push("intel", ...(architecture === "x86_64" ? ["fat64", "fat3"] : ["fat3", "fat"]));
  } else if (architecture === "ppc64") {
    if (comparePairs(version, [10, 5]) > 0 || comparePairs(version, [10, 4]) < 0) {
      return [];
    }
    formats.push("fat64");
  } else if (architecture === "ppc") {
    if (comparePairs(version, [10, 6]) > 0) {
      return [];
    }
    formats.push("fat3", "fat");
  }
  if (architecture === "arm64" || architecture === "x86_64") {
    formats.push("universal2");
  }
  if (["x86_64", "i386", "ppc64", "ppc", "intel"].includes(architecture)) {
    formats.push("universal");
  }
  return formats;
}

/**
 * macOS platform tags of a system version and architecture, best first (`packaging.tags.mac_platforms`).
 * Before macOS 11 every release raised the minor number, since then every release raises the major one.
 */
export function macPlatforms(version: readonly [number, number], architecture: string): string[] {
  const tags: string[] = [];
  const push = (compatible: Pair, formats: readonly string[]): void => {
    for (const format of formats) {
      tags.push(`macosx_${compatible[0]}_${compatible[1]}_${format}`);
    }
  };
  if (version[0] === 10) {
    for (let minor = version[1]; minor >= 0; minor--) {
      push([10, minor], macBinaryFormats([10, minor], architecture));
    }
  }
  if (version[0] >= 11) {
    for (let major = version[0]; major > 10; major--) {
      push([major, 0], macBinaryFormats([major, 0], architecture));
    }
    for (let minor = 16; minor > 3; minor--) {
      push([10, minor], architecture === "x86_64" ? macBinaryFormats([10, minor], architecture) : ["universal2"]);
    }
  }
  return tags;
}

/** iOS platform tags down to 12.0, best first (`packaging.tags.ios_platforms`). `multiarch` is for example "arm64-iphoneos". */
export function iosPlatforms(version: readonly [number, number], multiarch: string): string[] {
  const suffix = multiarch.replaceAll("-", "_");
  const tags: string[] = [];
  if (version[0] < 12) {
    return tags;
  }
  for (let minor = version[1]; minor >= 0; minor--) {
    tags.push(`ios_${version[0]}_${minor}_${suffix}`);
  }
  for (let major = version[0] - 1; major > 11; major--) {
    for (let minor = 9; minor >= 0; minor--) {
      tags.push(`ios_${major}_${minor}_${suffix}`);
    }
  }
  return tags;
}

/** Android platform tags down to API level 16, best first (`packaging.tags.android_platforms`). */
export function androidPlatforms(apiLevel: number, abi: string): string[] {
  const tags: string[] = [];
  for (let level = apiLevel; level >= 16; level--) {
    tags.push(`android_${level}_${normalizePlatform(abi)}`);
  }
  return tags;
}
