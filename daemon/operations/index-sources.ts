import { isAbsolute, join } from "node:path";
import type { IndexSources } from "../index/index-sources.ts";
import { networkSettingsOf } from "../index/network-settings.ts";
import { normalizeName } from "../standards/name.ts";
import type { Call } from "../std/call.ts";
import { fileUrlOfPath } from "../std/file-url.ts";
import { kindOfPath } from "../std/read-file.ts";
import { redact } from "../std/redact.ts";
import { DEFAULT_INDEX_URL } from "./default-index.ts";
import type { FileOptions } from "./gather-requirements.ts";
import type { SourceParams } from "./install-params.ts";

/** Where this caller's packages are looked for: the options, then what requirements files add or replace. */
export function indexSourcesOf(params: SourceParams, files: FileOptions, call: Call): IndexSources {
  const noIndex = params.noIndex || files.noIndex;
  const configured =
    files.indexUrl === undefined ? [params.indexUrl ?? DEFAULT_INDEX_URL, ...params.extraIndexUrls] : [files.indexUrl];
  const names = refreshed(params.refresh);
  return {
    indexUrls: noIndex ? [] : [...configured, ...files.extraIndexUrls].map((url) => locationOf(url, call)),
    findLinks: [...params.findLinks.map((path) => withoutTilde(path, call)), ...files.findLinks],
    noIndex,
    network: networkSettingsOf(call.env, {
      ...params.network,
      trustedHosts: [...(params.network.trustedHosts ?? []), ...files.trustedHosts],
    }),
    cacheDisabled: params.cacheDir === false,
    refresh: names,
  };
}

/** A folder as an index is allowed: it becomes a `file:` URL. */
function locationOf(url: string, call: Call): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return url;
  const path = isAbsolute(url) ? url : join(call.cwd, url);
  return kindOfPath(path) === undefined ? url : fileUrlOfPath(path);
}

function withoutTilde(path: string, { env }: Call): string {
  const home = env["HOME"];
  if (home === undefined || !/^~(\/|$)/.test(path)) return path;
  const expanded = home + path.slice(1);
  return kindOfPath(expanded) === undefined ? path : expanded;
}

function refreshed(choices: readonly string[]): "all" | ReadonlySet<string> {
  let names: "all" | Set<string> = new Set();
  for (const name of choices.flatMap((choice) => choice.split(","))) {
    if (name === ":all:") names = "all";
    else if (name === ":none:") names = new Set();
    else if (names !== "all") names.add(normalizeName(name));
  }
  return names;
}

/** pip's lines about where it looks; nothing when that is the default index alone. */
export function lookingLines(sources: IndexSources): readonly string[] {
  const isDefault = sources.indexUrls.length === 1 && sources.indexUrls[0] === DEFAULT_INDEX_URL;
  return [
    ...(sources.indexUrls.length > 0 && !isDefault
      ? [`Looking in indexes: ${sources.indexUrls.map(redact).join(", ")}`]
      : []),
    ...(sources.findLinks.length > 0 ? [`Looking in links: ${sources.findLinks.map(redact).join(", ")}`] : []),
  ];
}
