import type { IndexSources } from "../index/index-sources.ts";
import type { PackageIndex } from "../index/package-index.ts";
import type { ProjectFile } from "../index/project-files.ts";
import type { Environment } from "../python/environment.ts";
import type { InstalledSet } from "../python/installed.ts";
import type { Candidate, DirectWheel } from "../resolver/candidate.ts";
import type { Constraint, ResolveInput, ResolverPorts, RootRequirement } from "../resolver/ports.ts";
import { allowedFormats, type FormatControl } from "../standards/format-control.ts";
import { evaluateMarker } from "../standards/marker.ts";
import { parseMetadata } from "../standards/metadata.ts";
import { normalizeName } from "../standards/name.ts";
import { parseSpecifierSet } from "../standards/specifier.ts";
import { parseVersion } from "../standards/version.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { pathOfFileUrl } from "../std/file-url.ts";
import { redact } from "../std/redact.ts";
import type { InstallParams } from "./install-params.ts";
import type { MetadataMemory } from "./metadata-memory.ts";
import type { Parts } from "./parts.ts";
import type { Wanted } from "./requirement-source.ts";

/** What resolving needs beside the requirements. */
export interface ResolutionContext {
  readonly parts: Parts;
  readonly params: InstallParams;
  readonly environment: Environment;
  readonly index: PackageIndex;
  readonly memory: MetadataMemory;
  readonly sources: IndexSources;
  readonly formats: FormatControl;
  readonly pre: boolean;
  readonly call: Call;
}

/** Wheels named by URL or path, by URL: they are fetched as files of an index are. */
export interface DirectWheels {
  load(url: string): Promise<DirectWheel>;
  file(direct: DirectWheel): ProjectFile;
}

/** Reads wheels that requirements name by URL. Each URL is read once per command. */
export function createDirectWheels({ parts, environment, index, sources, call }: ResolutionContext): DirectWheels {
  const files = new Map<string, ProjectFile>();
  const loaded = new Map<string, Promise<DirectWheel>>();
  const load = async (url: string): Promise<DirectWheel> => {
    const file = index.fileOfUrl(url, sources);
    const path = pathOfFileUrl(url);
    const shownUrl = path ?? redact(url);
    if (file.wheel === undefined) {
      throw new PipdError(
        "not-supported-yet",
        `Installing ${shownUrl} is not supported by pipd yet: it would have to be built from source.`,
        {
          hint: "Build a wheel first (pip wheel), and install that.",
        },
      );
    }
    const ranks = parts.tagRanks(environment);
    if (!file.wheel.tags.some((tag) => ranks.has(tag)))
      throw new PipdError("unsupported-wheel", `${file.filename} is not a supported wheel on this platform.`);
    const metadata = parseMetadata(await index.metadata(file, call));
    files.set(url, file);
    return {
      url,
      shownUrl,
      key: normalizeName(metadata.name),
      name: metadata.name,
      version: parseVersion(metadata.version),
      metadata,
    };
  };
  return {
    load: (url) => {
      const known = loaded.get(url) ?? load(url);
      loaded.set(url, known);
      return known;
    },
    file: (direct) => files.get(direct.url)!,
  };
}

/** What the user wants, as the resolver takes it. What a marker rules out is said and dropped. */
export async function rootRequirements(
  wanted: readonly Wanted[],
  directs: DirectWheels,
  { environment, call }: ResolutionContext,
): Promise<readonly RootRequirement[]> {
  const roots: RootRequirement[] = [];
  for (const { wants, origin, hashes } of wanted) {
    const marker = wants.kind === "wheel" ? wants.marker : wants.requirement.marker;
    if (marker !== undefined && !evaluateMarker(marker, environment.facts.markers)) {
      const name = wants.kind === "wheel" ? redact(wants.url) : wants.requirement.name;
      call.reporter.message("info", `Ignoring ${name}: markers '${marker.text}' don't match your environment`);
      continue;
    }
    const more = hashes.length > 0 ? { hashes } : {};
    if (wants.kind === "requirement") {
      const { requirement } = wants;
      const direct =
        requirement.url === undefined ? undefined : checked(await directs.load(requirement.url), requirement.name);
      roots.push({ requirement, origin, ...more, ...(direct === undefined ? {} : { direct }) });
    } else {
      const direct = await directs.load(wants.url);
      const extras = wants.extras.toSorted();
      const specifier = parseSpecifierSet(`==${direct.version.text}`);
      const text = `${direct.name}${extras.length > 0 ? `[${extras.join(",")}]` : ""}${specifier.text}`;
      roots.push({
        requirement: { name: direct.name, key: direct.key, extras, specifier, text },
        origin,
        direct,
        ...more,
      });
    }
  }
  return roots;
}

function checked(direct: DirectWheel, name: string): DirectWheel {
  if (direct.key === normalizeName(name)) return direct;
  throw new PipdError(
    "invalid-wheel",
    `Requested ${name} from ${direct.shownUrl} has inconsistent name: expected '${normalizeName(name)}', but metadata has '${direct.name}'`,
  );
}

/** All that decides the resolution. */
export function resolveInput(
  requirements: readonly RootRequirement[],
  constraints: readonly Constraint[],
  installed: InstalledSet,
  ignoresInstalled: boolean,
  context: ResolutionContext,
): ResolveInput {
  const { parts, params, environment, formats, pre } = context;
  const { facts } = environment;
  return {
    requirements,
    constraints,
    markerEnvironment: facts.markers,
    pythonVersion: parseVersion(facts.versionInfo.join(".")),
    tagRanks: parts.tagRanks(environment),
    allowedFormats: (key) => allowedFormats(formats, key),
    installed: ignoresInstalled ? new Map() : installed.byKey,
    upgrade: !params.upgrade ? "none" : params.eager ? "eager" : "only-if-needed",
    forceReinstall: params.forceReinstall,
    ignoreInstalled: ignoresInstalled,
    noDeps: params.noDeps,
    prereleases: pre ? "allow" : "pip-default",
    ignoreRequiresPython: params.ignoreRequiresPython,
  };
}

/** The resolver's view of the indexes. */
export function resolverPorts(
  directs: DirectWheels,
  { index, memory, sources, call }: ResolutionContext,
): ResolverPorts {
  return {
    project: (key) => index.project(key, sources, call),
    metadata: (candidate) => memory.fields(fileOf(candidate, directs), index, call),
    direct: (url, name) => directs.load(url).then((direct) => checked(direct, name)),
  };
}

/** The file that a candidate would be installed from. */
export function fileOf({ source }: Candidate, directs: DirectWheels): ProjectFile {
  if (source.kind === "installed") throw new TypeError("an installed distribution has no file");
  return source.kind === "file" ? source.file : directs.file(source.direct);
}
