import type { DaemonStatus } from "../../protocol/methods.ts";

/** The content type of the Prometheus text format. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent values are left out. */
  readonly value: number | undefined;
}

interface Metric {
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: (status: DaemonStatus) => readonly Sample[];
}

const one =
  (value: (status: DaemonStatus) => number | undefined): Metric["samples"] =>
  (status) => [{ value: value(status) }];

const CACHES = ["pages", "metadata", "wheels", "resolutions"] as const;

const perCache =
  (value: (cache: (typeof CACHES)[number], status: DaemonStatus) => number | undefined): Metric["samples"] =>
  (status) =>
    status.program === undefined ? [] : CACHES.map((cache) => ({ labels: { cache }, value: value(cache, status) }));

const perHost =
  (value: (host: NonNullable<DaemonStatus["program"]>["hosts"][number]) => number | undefined): Metric["samples"] =>
  ({ program }) =>
    (program?.hosts ?? []).map((host) => ({ labels: { host: host.origin }, value: value(host) }));

/** Every metric by name; protocol/README.md has the same list, and a test compares. Units are seconds and bytes. */
export const METRICS: Readonly<Record<string, Metric>> = {
  pipd_info: {
    type: "gauge",
    help: "Always 1; the labels say which build this is.",
    samples: ({ version, buildId }) => [{ labels: { version, build: buildId }, value: 1 }],
  },
  pipd_start_time_seconds: {
    type: "gauge",
    help: "When the daemon was started, in seconds since 1970.",
    samples: one(({ startedAt }) => startedAt / 1000),
  },
  pipd_resident_memory_bytes: {
    type: "gauge",
    help: "Memory of the process.",
    samples: one(({ memory }) => memory.rss),
  },
  pipd_heap_bytes: { type: "gauge", help: "JavaScript heap in use.", samples: one(({ memory }) => memory.heapUsed) },
  pipd_connections: { type: "gauge", help: "Clients connected.", samples: one(({ connections }) => connections) },
  pipd_runs: {
    type: "gauge",
    help: "Commands in progress, by state: running or waiting for another one.",
    samples: ({ runs }) =>
      ["running", "waiting"].map((state) => ({
        labels: { state },
        value: runs.filter((run) => run.state === state).length,
      })),
  },
  pipd_runs_total: { type: "counter", help: "Commands done.", samples: one(({ runsServed }) => runsServed) },
  pipd_environments: {
    type: "gauge",
    help: "Environments that commands were about, at most 100.",
    samples: one(({ program }) => program?.environments.length),
  },
  pipd_cache_hits_total: {
    type: "counter",
    help: "How often something was in a cache (pages, metadata, wheels, resolutions).",
    samples: perCache((cache, { program }) => program?.caches[cache].hits),
  },
  pipd_cache_misses_total: {
    type: "counter",
    help: "How often it was not.",
    samples: perCache((cache, { program }) => program?.caches[cache].misses),
  },
  pipd_pages_revalidated_total: {
    type: "counter",
    help: "Index pages that the index has confirmed (304).",
    samples: one(({ program }) => program?.caches.pages.revalidated),
  },
  pipd_cache_entries: {
    type: "gauge",
    help: "What a cache on disk holds (pages, metadata, wheels).",
    samples: perCache((cache, { program }) => (cache === "resolutions" ? undefined : program?.caches[cache].entries)),
  },
  pipd_database_bytes: {
    type: "gauge",
    help: "The database of index pages and metadata.",
    samples: one(({ program }) => program?.caches.bytes),
  },
  pipd_store_bytes: {
    type: "gauge",
    help: "Unpacked wheels, when they were last counted.",
    samples: one(({ program }) => program?.caches.wheels.bytes),
  },
  pipd_host_up: {
    type: "gauge",
    help: "Whether a host of an index is asked (1) or taken to be down (0).",
    samples: perHost(({ state }) => (state === "ok" ? 1 : 0)),
  },
  pipd_host_requests_total: {
    type: "counter",
    help: "Requests to a host.",
    samples: perHost(({ requests }) => requests),
  },
  pipd_host_failures_total: {
    type: "counter",
    help: "Requests without an answer, and answers with status 500 or more.",
    samples: perHost(({ failures }) => failures),
  },
  pipd_host_latency_seconds: {
    type: "gauge",
    help: "From a request to the head of its answer, on average.",
    samples: perHost(({ latencyMs }) => (latencyMs === undefined ? undefined : latencyMs.mean / 1000)),
  },
};

/** The status as Prometheus reads it. */
export function renderMetrics(status: DaemonStatus): string {
  return Object.entries(METRICS)
    .map(([name, { type, help, samples }]) => {
      const lines = samples(status)
        .filter(({ value }) => value !== undefined)
        .map(({ labels, value }) => `${name}${renderLabels(labels)} ${value}\n`);
      return lines.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function renderLabels(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));
}
