import type { IndexSources } from "../index/index-sources.ts";
import type { PackageIndex } from "../index/package-index.ts";
import type { ProjectFile } from "../index/project-files.ts";
import type { Candidate } from "../resolver/candidate.ts";
import type { Resolution, ResolveInput, ResolverPorts } from "../resolver/ports.ts";
import type { NormalizedName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { createHitCounter, type HitCounter } from "../std/hit-counter.ts";
import { createLruMap } from "../std/lru-map.ts";

/**
 * Resolutions by everything that decides them. One holds as long as every project page it has looked at is the same and need not be asked for again;
 * whoever resolves a known set once more pays for comparing stamps, not for solving.
 */
export interface ResolutionMemory {
  /** The known resolution, with the warnings of its first time said again; else what `resolve` gives, which is then remembered. */
  recall(
    question: ResolutionQuestion,
    call: Call,
    resolve: (ports: ResolverPorts, call: Call) => Promise<Resolution>,
  ): Promise<Resolution>;
  clear(): void;
  /** How often a known one held. */
  readonly counts: HitCounter["counts"];
}

/** What a resolution is made from. */
export interface ResolutionQuestion {
  readonly input: ResolveInput;
  readonly ports: ResolverPorts;
  readonly index: PackageIndex;
  readonly sources: IndexSources;
  /** `--no-binary` and `--only-binary`, as text. */
  readonly formats: string;
}

interface Kept {
  readonly resolution: Resolution;
  readonly stamps: ReadonlyMap<NormalizedName, string>;
  readonly warnings: readonly string[];
}

const MOST = 32;

/** A short name for an object: the same for those of the same content, where that is given, as for new environments of one interpreter. */
type NameOf = (object: object, content?: () => string) => string;

export function createResolutionMemory(): ResolutionMemory {
  const kept = createLruMap<Kept>(MOST);
  const counter = createHitCounter();
  const names = new WeakMap<object, string>();
  const contents = createLruMap<string>(MOST);
  let named = 0;
  const nameOf: NameOf = (object, content) => {
    const known = names.get(object);
    if (known !== undefined) return known;
    const text = content?.();
    const name = (text === undefined ? undefined : contents.get(text)) ?? String(++named);
    if (text !== undefined) contents.set(text, name);
    names.set(object, name);
    return name;
  };

  const isValid = async ({ stamps }: Kept, { index, sources }: ResolutionQuestion, call: Call): Promise<boolean> => {
    for (const [key, stamp] of stamps) if ((await index.stamp(key, sources, call)) !== stamp) return false;
    return true;
  };

  /** Solves, and remembers: which projects were looked at, what was said. */
  const resolveAnew = async (
    name: string,
    question: ResolutionQuestion,
    call: Call,
    resolve: (ports: ResolverPorts, call: Call) => Promise<Resolution>,
  ): Promise<Resolution> => {
    const seen = new Set<NormalizedName>();
    const warnings: string[] = [];
    let isPlain = true;
    const ports: ResolverPorts = {
      ...question.ports,
      project: (key) => {
        seen.add(key);
        return question.ports.project(key);
      },
      direct: (url, project) => {
        isPlain = false;
        return question.ports.direct(url, project);
      },
    };
    const { reporter } = call;
    const listening: Call = {
      ...call,
      reporter: {
        progress: (event) => reporter.progress(event),
        message: (level, text) => {
          if (level === "warning") warnings.push(text);
          reporter.message(level, text);
        },
      },
    };
    const resolution = await resolve(ports, listening);
    if (!isPlain) return resolution;
    const stamps = new Map<NormalizedName, string>();
    for (const key of seen) {
      const stamp = await question.index.stamp(key, question.sources, call);
      if (stamp === undefined) return resolution;
      stamps.set(key, stamp);
    }
    kept.set(name, { resolution: detached(resolution), stamps, warnings });
    return resolution;
  };

  return {
    clear: () => kept.clear(),
    get counts() {
      return counter.counts;
    },
    recall: async (question, call, resolve) => {
      const name = questionName(question, nameOf);
      if (name === undefined) return await resolve(question.ports, call);
      const known = kept.get(name);
      if (known === undefined || !(await isValid(known, question, call))) {
        counter.miss();
        return await resolveAnew(name, question, call, resolve);
      }
      counter.hit();
      for (const warning of known.warnings) call.reporter.message("warning", warning);
      return known.resolution;
    },
  };
}

/** Everything that decides, as text; undefined when a wheel is named by URL or path, which is read anew each time. */
function questionName({ input, sources, formats }: ResolutionQuestion, nameOf: NameOf): string | undefined {
  const {
    requirements,
    constraints,
    installed,
    tagRanks,
    markerEnvironment,
    pythonVersion,
    allowedFormats: _,
    ...rest
  } = input;
  if ([...requirements, ...constraints].some(({ direct, hashes }) => direct !== undefined || hashes !== undefined))
    return undefined;
  const asked = [requirements, constraints].map((list) =>
    list.map(({ requirement, origin }) => [requirement.text, origin]),
  );
  const { refresh, ...places } = sources;
  if (refresh === "all" || refresh.size > 0) return undefined;
  const world = [
    installed.size === 0 ? "" : nameOf(installed),
    nameOf(tagRanks, () => [...tagRanks.keys()].join(" ")),
    nameOf(markerEnvironment, () => JSON.stringify(markerEnvironment)),
    pythonVersion.text,
  ];
  return JSON.stringify([asked, world, rest, places, formats]);
}

/** The resolution without the pages that its files are part of. */
function detached({ candidates, statistics }: Resolution): Resolution {
  return {
    statistics,
    candidates: candidates.map((resolved) => ({ ...resolved, candidate: detachedCandidate(resolved.candidate) })),
  };
}

function detachedCandidate(candidate: Candidate): Candidate {
  if (candidate.source.kind !== "file") return candidate;
  const {
    key,
    version,
    filename,
    url,
    hashes,
    requiresPython,
    size,
    uploadTime,
    yanked,
    coreMetadata,
    wheel,
    sdist,
    origin,
    source,
  } = candidate.source.file;
  const file = {
    key,
    version,
    filename,
    url,
    hashes,
    requiresPython,
    size,
    uploadTime,
    yanked,
    coreMetadata,
    wheel,
    sdist,
    origin,
    source,
  };
  return { ...candidate, source: { kind: "file", file: file as ProjectFile } };
}
