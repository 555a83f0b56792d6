import type { DaemonStatus } from "../../protocol/methods.ts";

/** Seconds, minutes, hours or days, whichever is the largest that fits: "12 s", "3 h". */
function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 100) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** What `pipd daemon status` prints. */
export function renderStatus(status: Omit<DaemonStatus, "text">): string {
  const lines: (readonly [string, string])[] = [
    ["state", `${status.state}, pid ${status.pid}, up ${duration(status.uptimeMs)}`],
    ["version", `${status.version} (${status.buildId})`],
    ...(status.startReason === undefined ? [] : [["started", status.startReason] as const]),
    ["memory", `${megabytes(status.memory.rss)} (heap ${megabytes(status.memory.heapUsed)})`],
    ["work", `${status.runs.length} running, ${status.runsServed} done, ${status.connections} connected`],
    ["idle exit", status.idleExitMs === 0 ? "never" : `after ${duration(status.idleExitMs)}`],
    ["socket", status.socket],
    ["log", status.logPath],
    ["cache", status.folders.cache],
    ["settings", `${status.folders.config}/config.toml`],
    ...status.runs.map(
      (run) => ["run", `pid ${run.pid}: ${run.command} (${duration(run.elapsedMs)}) in ${run.cwd}`] as const,
    ),
  ];
  return lines.map(([label, text]) => `${label.padEnd(10)}${text}\n`).join("");
}
