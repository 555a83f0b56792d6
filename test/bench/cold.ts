/**
 * `node test/bench/cold.ts [filter]`: the cold path against uv, interleaved. Everything is fetched: each run has a daemon of its own that runs and knows
 * nothing (uv an empty cache). Beside the wall time the table has the CPU time of the daemon, which tells more on a busy machine.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf } from "../harness/sandbox.ts";
import {
  freshFolder,
  installUv,
  localWheelFolders,
  median,
  PYTHON,
  startServer,
  temporaryFolder,
  time,
} from "./peers.ts";

/** One work on one kind of network. */
export interface ColdWork {
  readonly name: string;
  readonly requirement: string;
  readonly kind: "resolve" | "install";
  /** Milliseconds before each answer. */
  readonly latency: number;
  /** MB/s of each file; 0: no limit. */
  readonly bandwidth: number;
}

const REQUIREMENTS: Readonly<Record<string, string>> = {
  jupyter: "jupyter",
  airflow: "apache-airflow[celery,postgres,google,amazon]",
};

/** Resolutions at three latencies, and the installation without a limit and over a line of 20 ms and 12 MB/s. */
export const COLD_WORKS: readonly ColdWork[] = [
  ...Object.entries(REQUIREMENTS).flatMap(([name, requirement]) =>
    [0, 20, 100].map(
      (latency): ColdWork => ({
        name: `resolve ${name} cold, ${latency} ms`,
        requirement,
        kind: "resolve",
        latency,
        bandwidth: 0,
      }),
    ),
  ),
  ...[
    [0, 0],
    [20, 12],
  ].map(
    ([latency = 0, bandwidth = 0]): ColdWork => ({
      name: `install jupyter cold, ${latency} ms${bandwidth === 0 ? "" : `, ${bandwidth} MB/s`}`,
      requirement: "jupyter",
      kind: "install",
      latency,
      bandwidth,
    }),
  ),
];

/** Medians in milliseconds; `uv` is undefined without it. */
export interface ColdFigures {
  readonly pipd: number;
  readonly pipdCpu: number;
  readonly uv: number | undefined;
}

/** Measures one work; undefined where the index it needs is not there. `parent` is a folder for everything that is made, `uv` the program. */
export async function measureCold(
  work: ColdWork,
  runs: number,
  { parent, uv }: { readonly parent: string; readonly uv: string | undefined },
): Promise<ColdFigures | undefined> {
  const wheels = localWheelFolders().flatMap((folder) => ["--wheels", folder]);
  const network = ["--latency", String(work.latency), "--bandwidth", String(work.bandwidth)];
  const server = await startServer([...network, ...(work.kind === "install" ? ["--only", ...wheels] : [])]);
  if (server === undefined || (work.kind === "install" && wheels.length === 0)) return undefined;
  const own: { readonly wall: number; readonly cpu: number }[] = [];
  const peer: number[] = [];
  try {
    // The server makes its pages when they are first asked for: the first run is not counted.
    for (let run = 0; run <= runs; run++) {
      const figures = await runPipd(work, server.index, parent);
      const uvTime = uv === undefined ? undefined : runUv(work, server.index, parent, uv);
      if (run === 0) continue;
      own.push(figures);
      if (uvTime !== undefined) peer.push(uvTime);
    }
  } finally {
    server.close();
  }
  return {
    pipd: median(own.map(({ wall }) => wall)),
    pipdCpu: median(own.map(({ cpu }) => cpu)),
    uv: uv === undefined ? undefined : median(peer),
  };
}

async function runPipd(
  work: ColdWork,
  index: string,
  parent: string,
): Promise<{ readonly wall: number; readonly cpu: number }> {
  await using box = createSandbox();
  const root = join(freshFolder(parent), "v");
  const command = (...args: readonly string[]) => ({ file: PIPD, args, env: box.env });
  time(command("-q", "venv", "--python", PYTHON.executable, root));
  time(command("--python", root, "list"));
  const dry = work.kind === "resolve" ? ["--dry-run", "--ignore-installed", "--only-binary", ":all:"] : [];
  const cpu = cpuOf(box.folder);
  const wall = time(command("--python", root, "install", "-q", ...dry, "-i", index, work.requirement));
  return { wall, cpu: cpuOf(box.folder) - cpu };
}

/** Milliseconds of CPU time that the daemon of a sandbox has used; the clock ticks a hundred times a second. */
function cpuOf(folder: string): number {
  const ticks = processesOf(folder).map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

function runUv(work: ColdWork, index: string, parent: string, uv: string): number {
  const folder = freshFolder(parent);
  const env = { ...process.env, UV_CACHE_DIR: join(folder, "cache"), UV_NO_CONFIG: "1", UV_PYTHON_DOWNLOADS: "never" };
  const words = ["--python", PYTHON.executable, "-q", "-i", index];
  if (work.kind === "resolve") {
    writeFileSync(join(folder, "in.txt"), `${work.requirement}\n`);
    const files = ["-o", join(folder, "out.txt"), join(folder, "in.txt")];
    return time({
      file: uv,
      args: ["pip", "compile", "--no-build", ...words, ...files],
      env,
    });
  }
  const root = join(folder, "v");
  execFileSync(uv, ["venv", "-q", "--python", PYTHON.executable, root], { env });
  const args = ["pip", "install", "-q", "--python", root, "-i", index, work.requirement];
  return time({ file: uv, args, env });
}

if (import.meta.main) {
  const filter = process.argv[2] ?? "";
  const parent = temporaryFolder(tmpdir());
  try {
    const uv = installUv(parent);
    console.log(`${"".padEnd(44)}     pipd      uv  uv/pipd  CPU of the daemon (ms, medians)`);
    for (const work of COLD_WORKS.filter(({ name }) => name.includes(filter))) {
      const figures = await measureCold(work, 3, { parent, uv });
      if (figures === undefined)
        console.log(`${work.name.padEnd(44)} left out: the index beside the repository is not there`);
      else {
        const { pipd, pipdCpu, uv: peer } = figures;
        const cells = [pipd.toFixed(0), peer?.toFixed(0) ?? "-", peer === undefined ? "-" : (peer / pipd).toFixed(2)];
        console.log(
          `${work.name.padEnd(44)}${cells.map((cell) => cell.padStart(8)).join(" ")} ${pipdCpu.toFixed(0).padStart(8)}`,
        );
      }
    }
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
