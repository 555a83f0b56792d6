import type { ProgressEvent } from "../std/call.ts";

export interface ProgressLine {
  /** Takes an event and gives the line to show now, or undefined when nothing is under way. */
  update(event: ProgressEvent): string | undefined;
}

const VERB: Readonly<Record<ProgressEvent["phase"], string>> = {
  resolve: "Resolving",
  download: "Downloading",
  build: "Building",
  install: "Installing",
};
const BAR_WIDTH = 24;

/**
 * One line for everything under way: the phase that moved last, a bar when totals are known, and how many other items run beside it.
 * @param columns width of the terminal; the line never fills the last column.
 */
export function createProgressLine(columns: number, color: boolean): ProgressLine {
  const active = new Map<string, ProgressEvent>();
  return {
    update: (event) => {
      const key = `${event.phase} ${event.name ?? ""}`;
      active.delete(key);
      if (event.finished !== true) active.set(key, event);
      const current = [...active.values()].at(-1);
      return current === undefined ? undefined : renderLine(current, [...active.values()], columns, color);
    },
  };
}

function renderLine(event: ProgressEvent, active: readonly ProgressEvent[], columns: number, color: boolean): string {
  const phase = active.filter((other) => other.phase === event.phase);
  const known = phase.filter((other) => other.total !== undefined);
  const done = known.reduce((sum, other) => sum + (other.done ?? 0), 0);
  const total = known.reduce((sum, other) => sum + (other.total ?? 0), 0);
  const names = phase.length > 1 ? `${phase.length} files` : (event.name ?? "");
  const head = `${VERB[event.phase]} ${names}`.trimEnd();
  const tail =
    total > 0
      ? ` ${bar(done / total, color)} ${amount(done, total, event.unit)}`
      : event.done === undefined
        ? " ..."
        : ` ${event.done}`;
  const room = columns - 1 - visibleLength(tail);
  return `${head.length > room ? `${head.slice(0, Math.max(0, room - 1))}…` : head}${tail}`;
}

function bar(ratio: number, color: boolean): string {
  const full = Math.round(Math.min(1, ratio) * BAR_WIDTH);
  const rest = BAR_WIDTH - full;
  return color
    ? `\u001B[32m${"━".repeat(full)}\u001B[90m${"━".repeat(rest)}\u001B[0m`
    : `${"#".repeat(full)}${"-".repeat(rest)}`;
}

function amount(done: number, total: number, unit: ProgressEvent["unit"]): string {
  return unit === "bytes" ? `${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB` : `${done}/${total}`;
}

function visibleLength(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the escape sequences written above
  return text.replace(/\u001B\[\d+m/g, "").length;
}
