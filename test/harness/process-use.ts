import { readdirSync, readFileSync } from "node:fs";

/** What a process has used so far, as Linux counts it. */
export interface ProcessUse {
  /** Times that one of its threads has gone to sleep of its own accord: each is followed by a waking. */
  readonly sleeps: number;
  /** Milliseconds of processor time, in steps of ten. */
  readonly cpuMs: number;
  /** Bytes. */
  readonly rss: number;
}

/** @throws when there is no such process. */
export function processUse(pid: number): ProcessUse {
  const [, , ...fields] = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/\(.*\)/, "()")
    .split(" ");
  return {
    sleeps: readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + sleepsOf(`/proc/${pid}/task/${thread}`), 0),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    rss: Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) * 1024,
  };
}

function sleepsOf(thread: string): number {
  try {
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`${thread}/status`, "latin1"))?.[1]);
  } catch {
    // It has just ended.
    return 0;
  }
}
