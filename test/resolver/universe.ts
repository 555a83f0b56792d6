/** Small worlds for the resolver, written as data: projects with their versions, an environment, and what the user asks for. */
import type { ProjectFile, ProjectFiles } from "../../daemon/index/project-files.ts";
import type { Installed } from "../../daemon/python/installed.ts";
import type { Candidate, DirectWheel } from "../../daemon/resolver/candidate.ts";
import type { ResolveInput, ResolverPorts, RootRequirement } from "../../daemon/resolver/ports.ts";
import { parseWheelFilename } from "../../daemon/standards/filename.ts";
import type { MarkerEnvironment } from "../../daemon/standards/marker.ts";
import { type CoreMetadata, parseMetadataFields } from "../../daemon/standards/metadata.ts";
import { type NormalizedName, normalizeName } from "../../daemon/standards/name.ts";
import { parseRequirement } from "../../daemon/standards/requirement.ts";
import { parseVersion } from "../../daemon/standards/version.ts";
import type { Call } from "../../daemon/std/call.ts";

/** One version. A plain list is its Requires-Dist. */
export interface Release {
  readonly requires?: readonly string[];
  readonly extras?: readonly string[];
  /** Requires-Python of the metadata alone, or of the index, too. */
  readonly metadataPython?: string;
  readonly python?: string;
  readonly yanked?: string;
  /** Tags of its wheels, with a build tag in front where there is one ("1-py3-none-any"); [] for none. Default: one for every Python. */
  readonly wheels?: readonly string[];
  readonly sdist?: boolean;
  /** What the metadata says where it differs from the file name. */
  readonly metadataName?: string;
  readonly metadataVersion?: string;
  readonly sha256?: string;
}

/** "name version" -> release. */
export type Universe = Readonly<Record<string, Release | readonly string[]>>;

const MARKERS: MarkerEnvironment = {
  implementation_name: "cpython",
  implementation_version: "3.11.7",
  os_name: "posix",
  platform_machine: "x86_64",
  platform_python_implementation: "CPython",
  platform_release: "6",
  platform_system: "Linux",
  platform_version: "1",
  python_full_version: "3.11.7",
  python_version: "3.11",
  sys_platform: "linux",
};

const TAGS = ["cp311-cp311-linux_x86_64", "cp311-abi3-linux_x86_64", "py3-none-any"];

export function releaseOf(release: Release | readonly string[] | undefined): Release {
  if (release === undefined) return {};
  return "length" in release ? { requires: release } : release;
}

export function metadataOf(name: string, version: string, release: Release): CoreMetadata {
  const python = release.metadataPython ?? release.python;
  const lines = [
    "Metadata-Version: 2.1",
    `Name: ${release.metadataName ?? name}`,
    `Version: ${release.metadataVersion ?? version}`,
    ...(python === undefined ? [] : [`Requires-Python: ${python}`]),
    ...(release.extras ?? []).map((extra) => `Provides-Extra: ${extra}`),
    ...(release.requires ?? []).map((requirement) => `Requires-Dist: ${requirement}`),
  ];
  return parseMetadataFields(`${lines.join("\n")}\n\n`);
}

/** An installed distribution, as far as the resolver looks at it. */
export function installedOf(name: string, version: string, release: Release): Installed {
  const metadata = metadataOf(name, version, release);
  return {
    key: normalizeName(name),
    name,
    version,
    parsedVersion: parseVersion(version),
    location: "/env/site-packages",
    metadata: () => metadata,
  } as Installed;
}

/** A wheel somebody named by URL. */
export function directOf(url: string, text: string, release: Release = {}): DirectWheel {
  const [name, version] = text.split(" ") as [string, string];
  const metadata = metadataOf(name, version, release);
  return { url, shownUrl: url, key: normalizeName(name), name, version: parseVersion(version), metadata };
}

function filesOf(name: string, version: string, release: Release): ProjectFile[] {
  const common = {
    key: normalizeName(name),
    version: parseVersion(version),
    hashes: release.sha256 === undefined ? {} : { sha256: release.sha256 },
    yanked: release.yanked ?? false,
    coreMetadata: true,
    origin: "https://index.invalid/simple",
    ...(release.python === undefined ? {} : { requiresPython: release.python }),
  };
  const make = (filename: string, more: object): ProjectFile =>
    ({ ...common, filename, url: `https://files.invalid/${filename}`, ...more }) as ProjectFile;
  const wheels = (release.wheels ?? ["py3-none-any"]).map(
    (tag) => `${name.replaceAll("-", "_")}-${version}-${tag}.whl`,
  );
  const files = wheels.map((filename) => make(filename, { wheel: parseWheelFilename(filename), sdist: false }));
  if (release.sdist) files.push(make(`${name}-${version}.tar.gz`, { sdist: true }));
  return files;
}

/** Everything asked of the ports, in order: "page a", "metadata a-1.0-py3-none-any.whl", "direct URL". */
export interface World {
  readonly ports: ResolverPorts;
  readonly asked: string[];
}

/** The ports of a universe. `unreachable`: every page says that an index did not answer. */
export function worldOf(
  universe: Universe,
  directs: Readonly<Record<string, DirectWheel>> = {},
  unreachable = false,
): World {
  const asked: string[] = [];
  const pages = new Map<string, ProjectFile[]>();
  for (const [text, release] of Object.entries(universe)) {
    const [name, version] = text.split(" ") as [string, string];
    const key = normalizeName(name);
    pages.set(key, [...(pages.get(key) ?? []), ...filesOf(name, version, releaseOf(release))]);
  }
  const project = (key: NormalizedName): ProjectFiles => ({
    key,
    found: pages.has(key),
    files: pages.get(key) ?? [],
    unreachable: unreachable ? [{ url: "https://down.invalid/simple", reason: "connection refused" }] : [],
  });
  return {
    asked,
    ports: {
      // Sometimes at once, sometimes later: the answers must not depend on it.
      project(key) {
        asked.push(`page ${key}`);
        return key.length % 2 === 0 ? project(key) : new Promise((done) => setImmediate(() => done(project(key))));
      },
      async metadata({ source, key, version }: Candidate) {
        if (source.kind !== "file") throw new Error("only files have metadata to ask for");
        asked.push(`metadata ${source.file.filename}`);
        const [text] = Object.keys(universe).filter((entry) => {
          const [name, written] = entry.split(" ") as [string, string];
          return normalizeName(name) === key && parseVersion(written).key === version.key;
        });
        const [name, written] = text!.split(" ") as [string, string];
        return metadataOf(name, written, releaseOf(universe[text!]));
      },
      async direct(url) {
        asked.push(`direct ${url}`);
        const direct = directs[url];
        if (!direct) throw new Error(`no such URL: ${url}`);
        return direct;
      },
    },
  };
}

/** "six>=1" on the command line, or with where it stands: "six>=1 <- -r x.txt (line 1)". */
export function requirementOf(text: string, directs: Readonly<Record<string, DirectWheel>> = {}): RootRequirement {
  const [written, origin = ""] = text.split(" <- ") as [string, string?];
  const requirement = parseRequirement(written);
  const direct = requirement.url === undefined ? undefined : directs[requirement.url];
  return { requirement, origin, ...(direct ? { direct } : {}) };
}

export function inputOf(roots: readonly RootRequirement[], more: Partial<ResolveInput> = {}): ResolveInput {
  return {
    requirements: roots,
    constraints: [],
    markerEnvironment: MARKERS,
    pythonVersion: parseVersion("3.11.7"),
    tagRanks: new Map(TAGS.map((tag, rank) => [tag, rank])),
    installed: new Map(),
    upgrade: "none",
    forceReinstall: false,
    ignoreInstalled: false,
    noDeps: false,
    prereleases: "pip-default",
    ignoreRequiresPython: false,
    ...more,
  };
}

/** A call that collects what is reported: "warning: text". */
export function callOf(messages: string[] = [], signal: AbortSignal = new AbortController().signal): Call {
  return {
    cwd: "/",
    env: {},
    umask: 0o22,
    signal,
    reporter: { message: (level, text) => void messages.push(`${level}: ${text}`), progress: () => {} },
  };
}
