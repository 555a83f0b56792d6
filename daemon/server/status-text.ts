import type { DaemonStatus } from "../../protocol/methods.ts";
import type { HitCounts, HostStatus, PreviousDaemon, ProgramStatus, RunStatus } from "../../protocol/status.ts";

type Line = readonly [label: string, text: string];

/** Environments, indexes and hosts that a person is shown; the rest is counted. */
const MOST_SHOWN = 5;

/** Seconds, minutes, hours or days, whichever is the largest that fits: "12 s", "3 h". */
function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 100) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Decimal units, as in file managers. */
function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** "2025-11-22 18:40:01Z": the same in every time zone. @param ms since 1970 */
function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

function hitRate({ hits, misses }: HitCounts, confirmed = 0): string {
  const asked = hits + misses + confirmed;
  return asked === 0 ? "not asked yet" : `${Math.round((100 * (hits + confirmed)) / asked)} % of ${asked} found`;
}

const CLIENT: Readonly<Record<DaemonStatus["client"], string>> = {
  native: "native",
  typescript: "TypeScript, some 50 ms slower than the native one: no C compiler was there when pipd was built",
};

/** What `pipd daemon status` prints. */
export function renderStatus(status: Omit<DaemonStatus, "text">): string {
  const now = status.startedAt + status.uptimeMs;
  const waiting = status.runs.filter((run) => run.state === "waiting").length;
  const running = status.runs.length - waiting;
  const lines: readonly Line[] = [
    [
      "state",
      `${status.state}, pid ${status.pid}, up ${duration(status.uptimeMs)} (since ${moment(status.startedAt)})`,
    ],
    ["version", `${status.version} (${status.buildId})`],
    ["client", CLIENT[status.client]],
    ...startLines(status),
    ["memory", `${size(status.memory.rss)} (heap ${size(status.memory.heapUsed)})`],
    ["work", `${running} running, ${waiting} waiting, ${status.runsServed} done, ${status.connections} connected`],
    ...status.runs.map((run) => runLine(run, now)),
    ...(status.program === undefined ? [] : programLines(status.program, now)),
    ["idle exit", status.idleExitMs === 0 ? "never" : `after ${duration(status.idleExitMs)}`],
    ["socket", status.socket],
    ...(status.http === undefined ? [] : httpLines(status.http)),
    ["log", status.logPath],
    ["cache", status.folders.cache],
    ["settings", `${status.folders.config}/config.toml`],
  ];
  return lines.map(([label, text]) => `${label.padEnd(10)}${text}\n`).join("");
}

function startLines({ startReason, previous }: Pick<DaemonStatus, "startReason" | "previous">): readonly Line[] {
  return [
    ...(startReason === undefined ? [] : [["started", startReason] as const]),
    ...(previous === undefined ? [] : [["before", describePrevious(previous)] as const]),
  ];
}

function describePrevious({ pid, endedAt, endReason }: PreviousDaemon): string {
  if (endedAt === undefined) return `pid ${pid} ended without a word (killed, or the machine went down)`;
  return `pid ${pid} ended ${moment(endedAt)}: ${endReason ?? "nothing is known"}`;
}

function runLine({ state, pid, command, elapsedMs, cwd, waitingFor }: RunStatus, now: number): Line {
  const text = `pid ${pid}: ${command} (${duration(elapsedMs)}) in ${cwd}`;
  if (state === "running" || waitingFor === undefined) return ["run", text];
  const other = waitingFor.pid === 0 ? "another process" : `pid ${waitingFor.pid}`;
  return ["waiting", `${text}, for ${other}: ${waitingFor.command} (${duration(now - waitingFor.since)})`];
}

function programLines({ caches, environments, indexes, hosts }: ProgramStatus, now: number): readonly Line[] {
  const { pages, metadata, resolutions, wheels, spareTrees } = caches;
  const stored = wheels.entries === undefined ? "" : `${wheels.entries} kept, ${size(wheels.bytes ?? 0)}; `;
  return [
    ["pages", `${pages.entries} kept, ${size(caches.bytes)} with metadata; ${hitRate(pages, pages.revalidated)}`],
    ["metadata", `${metadata.entries} kept; ${hitRate(metadata)}`],
    ["wheels", `${stored}${hitRate(wheels)}`],
    ["spares", `${spareTrees.entries} linked trees lie ready, ${size(spareTrees.bytes)}`],
    ["solved", hitRate(resolutions)],
    ...shown(environments, "env", ({ root, python, implementation, lastUsedAt }) => {
      return `${root} (${implementation} ${python}), used ${duration(now - lastUsedAt)} ago`;
    }),
    ...shown(indexes, "index", ({ url, lastUsedAt }) => `${url}, used ${duration(now - lastUsedAt)} ago`),
    ...shown(hosts, "host", (host) => describeHost(host, now)),
  ];
}

function shown<T>(items: readonly T[], label: string, describe: (item: T) => string): readonly Line[] {
  const lines = items.slice(0, MOST_SHOWN).map((item): Line => [label, describe(item)]);
  const left = items.length - MOST_SHOWN;
  return left > 0 ? [...lines, [label, `and ${left} more (--json has all)`]] : lines;
}

function describeHost({ origin, requests, failures, latencyMs, lastError, ...host }: HostStatus, now: number): string {
  const health =
    host.downSince === undefined
      ? "ok"
      : `down since ${moment(host.downSince)}, asked again in ${duration(Math.max(0, (host.askedAgainAt ?? now) - now))}`;
  const latency = latencyMs === undefined ? "" : `, ${latencyMs.mean} ms on average`;
  const error = lastError === undefined ? "" : `; last error ${duration(now - lastError.at)} ago: ${lastError.text}`;
  return `${origin}: ${health}, ${requests} requests, ${failures} failed${latency}${error}`;
}

function httpLines({ socket, url, error }: NonNullable<DaemonStatus["http"]>): readonly Line[] {
  const places = [socket, url].filter((place) => place !== undefined);
  return [["http", error ?? places.join(" and ")]];
}
