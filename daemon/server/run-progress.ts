import type { ProgressData, WorkDoneProgress } from "../../protocol/methods.ts";

/** At most 20 reports a second. */
const REPORT_EVERY_MS = 50;

/** The way of one run's progress to a program. The latest wins, whatever it is on; a program that does not read costs one report. */
export interface RunProgress {
  report(data: ProgressData): void;
  /** Nothing is reported any more. Resolves when the end has been sent. */
  end(): Promise<void>;
}

/** @param send resolves when the system has taken the bytes */
export function createRunProgress(title: string, send: (value: WorkDoneProgress) => Promise<void>): RunProgress {
  let latest: ProgressData | undefined;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let sending = send({ kind: "begin", title });
  let busy = true;
  const rest = (): void => {
    busy = false;
    if (ended) return;
    timer = setTimeout(() => {
      timer = undefined;
      pump();
    }, REPORT_EVERY_MS);
  };
  const pump = (): void => {
    if (latest === undefined || ended || busy || timer !== undefined) return;
    const data = latest;
    latest = undefined;
    busy = true;
    sending = send(reportOf(data)).finally(rest);
  };
  void sending.finally(rest);
  return {
    report: (data) => {
      latest = data;
      pump();
    },
    end: async () => {
      ended = true;
      clearTimeout(timer);
      await sending;
      await send({ kind: "end" });
    },
  };
}

const VERB: Readonly<Record<ProgressData["phase"], string>> = {
  resolve: "Resolving",
  download: "Downloading",
  build: "Building",
  install: "Installing",
};

function reportOf({ phase, name, done, total, unit }: ProgressData): WorkDoneProgress {
  const data = {
    phase,
    ...(name === undefined ? {} : { name }),
    ...(done === undefined ? {} : { done }),
    ...(total === undefined ? {} : { total }),
    ...(unit === undefined ? {} : { unit }),
  };
  const known = done !== undefined && total !== undefined && total > 0;
  const percentage = known ? { percentage: Math.min(100, Math.floor((done / total) * 100)) } : {};
  return { kind: "report", message: name === undefined ? VERB[phase] : `${VERB[phase]} ${name}`, ...percentage, data };
}
