/**
 * Resolves every root set of ../shared/index/roots.txt over the recorded index and checks each solution: every requirement of everything in it, evaluated
 * anew with `specifierContains`, is satisfied by it. Prints what each took. With `--only N` only the N-th (from 0).
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import type { ProjectFile, ProjectFiles } from "../../daemon/index/project-files.ts";
import type { Candidate } from "../../daemon/resolver/candidate.ts";
import type { Resolution, ResolveInput, ResolverPorts } from "../../daemon/resolver/ports.ts";
import { ResolutionError } from "../../daemon/resolver/resolution-error.ts";
import { resolve } from "../../daemon/resolver/resolve.ts";
import {
  isSdistFilename,
  isWheelFilename,
  parseSdistFilename,
  parseWheelFilename,
} from "../../daemon/standards/filename.ts";
import { parseJsonPage } from "../../daemon/standards/index-page.ts";
import { evaluateMarker, type MarkerEnvironment } from "../../daemon/standards/marker.ts";
import { type CoreMetadata, parseMetadataFields } from "../../daemon/standards/metadata.ts";
import { type NormalizedName, normalizeName } from "../../daemon/standards/name.ts";
import { parseRequirement } from "../../daemon/standards/requirement.ts";
import { specifierContains } from "../../daemon/standards/specifier.ts";
import { tagRanks } from "../../daemon/standards/tag.ts";
import { parseVersion } from "../../daemon/standards/version.ts";
import { SILENT_REPORTER } from "../../daemon/std/call.ts";

const shared = path.resolve(import.meta.dirname, "../../../shared/index");

interface PythonFacts {
  readonly tags: readonly string[];
  readonly markers: MarkerEnvironment;
}

const PROBE = `
import json
from pip._vendor.packaging import tags, markers
env = markers.default_environment()
env.pop("extra", None)
print(json.dumps({"tags": [str(t) for t in tags.sys_tags()], "markers": env}))`;

let server: ChildProcess;
let index = "";
let facts: PythonFacts;

before(async () => {
  facts = JSON.parse(execFileSync("python3", ["-c", PROBE], { encoding: "utf8" })) as PythonFacts;
  server = spawn(process.execPath, [path.join(shared, "serve.mjs"), "--latency", process.env["LATENCY"] ?? "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: server.stdout! }), "line")) as [string];
  index = (JSON.parse(line) as { index: string }).index;
});
after(() => server.kill());

/** The recorded index as ports; answers are kept in `pages` and `metadata`, so that a second resolution measures the resolver alone. */
function recordedPorts(): ResolverPorts {
  const pages = new Map<string, ProjectFiles>();
  const metadata = new Map<string, CoreMetadata>();
  return {
    project: (key) => pages.get(key) ?? fetchPage(key).then((page) => pages.set(key, page).get(key)!),
    metadata: (candidate) => {
      const url = urlOf(candidate);
      return metadata.get(url) ?? fetchMetadata(url).then((read) => metadata.set(url, read).get(url)!);
    },
    direct: () => Promise.reject(new Error("no URLs here")),
  };
}

function urlOf({ source }: Candidate): string {
  assert.equal(source.kind, "file");
  return source.kind === "file" ? source.file.url : "";
}

async function fetchPage(key: NormalizedName): Promise<ProjectFiles> {
  const url = `${index}${key}/`;
  const response = await fetch(url, { headers: { accept: "application/vnd.pypi.simple.v1+json" } });
  if (response.status === 404) return { key, found: false, files: [], unreachable: [] };
  const files: ProjectFile[] = [];
  for (const file of parseJsonPage(await response.text(), url)) {
    try {
      if (isWheelFilename(file.filename)) {
        const wheel = parseWheelFilename(file.filename);
        files.push({ ...file, key, version: wheel.version, wheel, sdist: false } as ProjectFile);
      } else if (isSdistFilename(file.filename)) {
        const { version } = parseSdistFilename(file.filename, key);
        files.push({ ...file, key, version, sdist: true } as ProjectFile);
      }
    } catch {
      // Names that are no distribution's are of no use to anybody.
    }
  }
  return { key, found: true, files, unreachable: [] };
}

async function fetchMetadata(url: string): Promise<CoreMetadata> {
  const response = await fetch(`${url}.metadata`);
  return parseMetadataFields(await response.text());
}

function inputFor(roots: readonly string[]): ResolveInput {
  return {
    requirements: roots.map((text) => ({ requirement: parseRequirement(text), origin: "" })),
    constraints: [],
    markerEnvironment: facts.markers,
    pythonVersion: parseVersion(facts.markers.python_full_version),
    tagRanks: tagRanks(facts.tags),
    installed: new Map(),
    upgrade: "none",
    forceReinstall: false,
    ignoreInstalled: false,
    noDeps: false,
    prereleases: "pip-default",
    ignoreRequiresPython: false,
  };
}

/** Every requirement that a solution does not satisfy. */
async function faultsOf(roots: readonly string[], resolution: Resolution, ports: ResolverPorts): Promise<string[]> {
  const chosen = new Map(resolution.candidates.map((resolved) => [resolved.candidate.key, resolved]));
  const faults: string[] = [];
  const check = (text: string, extras: readonly string[], from: string): void => {
    const requirement = parseRequirement(text);
    const marker = requirement.marker;
    if (marker && !["", ...extras].some((extra) => evaluateMarker(marker, facts.markers, extra))) return;
    const found = chosen.get(requirement.key);
    if (!found) faults.push(`${from}: ${text} is missing`);
    else if (!specifierContains(requirement.specifier, found.candidate.version, true)) {
      faults.push(`${from}: ${text} is not satisfied by ${found.candidate.version.text}`);
    }
  };
  for (const root of roots) check(root, [], "user");
  for (const { candidate, extras } of resolution.candidates) {
    const metadata = await ports.metadata(candidate);
    const own = new Set(metadata.providesExtra.map((extra) => normalizeName(extra) as string));
    for (const text of metadata.requiresDist) {
      check(
        text,
        extras.filter((extra) => own.has(extra)),
        `${candidate.key} ${candidate.version.text}`,
      );
    }
  }
  return faults;
}

const rootSets = readFileSync(path.join(shared, "roots.txt"), "utf8").trim().split("\n");
const only = process.argv.includes("--only") ? Number(process.argv[process.argv.indexOf("--only") + 1]) : undefined;

for (const [number, line] of rootSets.entries()) {
  if (only !== undefined && only !== number) continue;
  test(`${number} ${line}`, async (context) => {
    const ports = recordedPorts();
    const roots = line.split(" ");
    const call = { cwd: "/", env: {}, umask: 0o22, signal: context.signal, reporter: SILENT_REPORTER };
    try {
      const start = performance.now();
      const resolution = await resolve(inputFor(roots), ports, call);
      const cold = performance.now() - start;
      const again = performance.now();
      const second = await resolve(inputFor(roots), ports, call);
      const warm = performance.now() - again;
      const { decisions, conflicts, postponements, pages, metadata } = resolution.statistics;
      console.log(
        `${number} ${line.slice(0, 50)}: ${resolution.candidates.length} projects, cold ${cold.toFixed(0)} ms, again ${warm.toFixed(1)} ms, ` +
          `${decisions} decisions, ${conflicts} conflicts, ${postponements} postponed, ${pages} pages, ${metadata} metadata`,
      );
      const pinned = (of: Resolution): string[] =>
        of.candidates.map(({ candidate }) => `${candidate.key}==${candidate.version.text}`);
      assert.deepEqual(pinned(second), pinned(resolution), "the answer does not depend on time");
      assert.deepEqual(await faultsOf(roots, resolution, ports), []);
      if (process.env["PRINT_PINS"]) console.log(pinned(resolution).sort().join("\n"));
    } catch (error) {
      if (!(error instanceof ResolutionError)) throw error;
      console.log(`${number} ${line.slice(0, 50)}: refused\n${[...error.stderr, ...error.stdout].join("\n")}`);
    }
  });
}
