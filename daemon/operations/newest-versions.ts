import type { IndexSources } from "../index/index-sources.ts";
import { type NewestFile, newestFile } from "../resolver/newest-file.ts";
import type { FileRules } from "../resolver/project-versions.ts";
import { allowedFormats, type FormatChoice, formatControlOf } from "../standards/format-control.ts";
import type { NormalizedName } from "../standards/name.ts";
import { parseVersion } from "../standards/version.ts";
import type { Call } from "../std/call.ts";
import { createLruMap, type LruMap } from "../std/lru-map.ts";
import { nextTurn } from "../std/next-turn.ts";
import { NO_FILE_OPTIONS } from "./gather-requirements.ts";
import { indexSourcesOf } from "./index-sources.ts";
import type { SourceParams } from "./install-params.ts";
import type { Caches, Environment, Parts } from "./parts.ts";

export type { NewestFile } from "../resolver/newest-file.ts";

/** Where newest versions are looked for, and which count. */
export interface NewestParams {
  readonly sources: SourceParams;
  readonly formatChoices: readonly FormatChoice[];
  readonly pre: boolean;
  readonly preferBinary: boolean;
}

/** An answer, and the page it was read from. */
interface Kept {
  readonly stamp: string;
  readonly newest: NewestFile | undefined;
}

/** Answers by the tags of an interpreter. */
const answers = new WeakMap<ReadonlyMap<string, number>, LruMap<Kept>>();
const MOST = 5000;

/**
 * The newest version of each project for this environment; projects that no index has are missing. All indexes are asked at once and only for pages
 * that are not fresh; of a page that has not changed nothing is read again.
 */
export async function newestVersions(
  parts: Parts,
  environment: Environment,
  keys: readonly NormalizedName[],
  params: NewestParams,
  call: Call,
): Promise<ReadonlyMap<NormalizedName, NewestFile>> {
  const caches = parts.caches(params.sources.cacheDir === false ? undefined : params.sources.cacheDir);
  const sources = indexSourcesOf(params.sources, NO_FILE_OPTIONS, call);
  const look = lookFor({ parts, environment, caches, sources, params, call });
  const newest = new Map<NormalizedName, NewestFile>();
  call.reporter.progress({ phase: "resolve" });
  try {
    const found = await Promise.all(keys.map(look));
    for (const [at, key] of keys.entries()) {
      const one = found[at];
      if (one !== undefined) newest.set(key, one);
    }
  } finally {
    call.reporter.progress({ phase: "resolve", finished: true });
    caches.index.tellSkipped(call);
  }
  return newest;
}

interface Question {
  readonly parts: Parts;
  readonly environment: Environment;
  readonly caches: Caches;
  readonly sources: IndexSources;
  readonly params: NewestParams;
  readonly call: Call;
}

function lookFor({ parts, environment, caches: { index, folder }, sources, params, call }: Question) {
  const rules = rulesOf(parts, environment, params);
  const known = answers.get(rules.tagRanks) ?? createLruMap<Kept>(MOST);
  answers.set(rules.tagRanks, known);
  const { pre, preferBinary, formatChoices } = params;
  const { refresh: _, ...places } = sources;
  const world = JSON.stringify([folder, rules.pythonVersion?.text, pre, preferBinary, formatChoices, places]);
  return async (key: NormalizedName): Promise<NewestFile | undefined> => {
    const name = `${key} ${world}`;
    const before = index.stamp(key, sources, call);
    const stamp = typeof before === "object" ? await before : before;
    const kept = known.get(name);
    if (stamp !== undefined && kept?.stamp === stamp) return kept.newest;
    const project = await index.project(key, sources, call);
    const now = await index.stamp(key, sources, call);
    if (now !== undefined && kept?.stamp === now) return kept.newest;
    await nextTurn();
    const newest = newestFile(project, rules, { prereleases: pre, preferBinary });
    if (now !== undefined) known.set(name, { stamp: now, newest });
    return newest;
  };
}

function rulesOf(parts: Parts, environment: Environment, { formatChoices }: NewestParams): FileRules {
  const formats = formatControlOf(formatChoices);
  return {
    tagRanks: parts.tagRanks(environment),
    ignoreTags: false,
    pythonVersion: parseVersion(environment.facts.versionInfo.join(".")),
    allowedFormats: (key) => allowedFormats(formats, key),
    allowedHashes: () => undefined,
  };
}
