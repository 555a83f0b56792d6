/**
 * `npm run bench [-- filter]`: pipd against pip and uv in one run, medians of interleaved runs and ratios. A peer that is not there is named and left out.
 * Absolute figures belong to the machine; the ratios are what counts.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pipCommand } from "../harness/pip.ts";
import { PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { outdated } from "./outdated.ts";
import {
  type Command,
  freshFolder,
  installUv,
  localWheelFolders,
  median,
  PYTHON,
  type Server,
  settle,
  startServer,
  temporaryFolder,
  time,
} from "./peers.ts";
import { printScale } from "./scale.ts";

type Peer = "pipd" | "uv" | "pip" | "node";

/** One row of the table: how each peer does the same work. `prepare` is not timed. */
interface Work {
  readonly name: string;
  readonly runs: number;
  readonly peers: Partial<Record<Peer, () => { readonly prepare?: () => void; readonly command: Command }>>;
}

const filter = process.argv[2] ?? "";
const parent = temporaryFolder(tmpdir());
const sandbox: Sandbox = createSandbox();
const uv = installUv(parent);
const wheelFolders = localWheelFolders();
const wheels = await startServer(["--only", ...wheelFolders.flatMap((folder) => ["--wheels", folder])]);
const slowWheels = await startServer([
  "--only",
  "--latency",
  "20",
  "--bandwidth",
  "12",
  ...wheelFolders.flatMap((folder) => ["--wheels", folder]),
]);
const recorded = await startServer(["--latency", "20"]);
const AIRFLOW = "apache-airflow[celery,postgres,google,amazon]";

const pipd = (args: readonly string[], box: Sandbox = sandbox): Command => ({ file: PIPD, args, env: box.env });
const uvEnvironment = (cache: string): Record<string, string> => ({
  ...sandbox.env,
  UV_CACHE_DIR: cache,
  UV_NO_CONFIG: "1",
  UV_PYTHON_DOWNLOADS: "never",
});
const uvCache = join(parent, "uv-cache");
const uvCommand = (args: readonly string[], cache = uvCache): Command => ({
  file: uv ?? "uv",
  args,
  env: uvEnvironment(cache),
});
const pip = (args: readonly string[]): Command => {
  const [file = "", ...words] = pipCommand();
  return { file, args: [...words, ...args], env: { ...sandbox.env, PIP_DISABLE_PIP_VERSION_CHECK: "1" } };
};

function makeEnvironment(): string {
  const folder = freshFolder(parent);
  time(pipd(["--quiet", "venv", "--python", PYTHON.executable, folder]));
  return folder;
}

/** An environment with a project of the local wheels in it. */
function filled(project: string, server: Server): string {
  const root = makeEnvironment();
  time(pipd(["--python", root, "install", "-q", "-i", server.index, project]));
  return root;
}

const coldBoxes: Sandbox[] = [];

/** Every daemon of this run, with what they started. */
const daemons = (): readonly number[] => [sandbox, ...coldBoxes].flatMap((box) => processesOf(box.folder));

function measure(work: Work): void {
  if (!work.name.includes(filter)) return;
  const times = new Map<Peer, number[]>();
  for (let run = 0; run < work.runs; run++) {
    for (const [peer, make] of Object.entries(work.peers) as [Peer, NonNullable<Work["peers"][Peer]>][]) {
      if (peer === "uv" && uv === undefined) continue;
      const { prepare, command } = make();
      prepare?.();
      settle(daemons);
      times.set(peer, [...(times.get(peer) ?? []), time(command)]);
    }
  }
  const own = median(times.get("pipd") ?? []);
  const cell = (peer: Peer): string => (times.has(peer) ? median(times.get(peer) ?? []).toFixed(1) : "-").padStart(9);
  const ratio = (peer: Peer): string =>
    (times.has(peer) ? `${(median(times.get(peer) ?? []) / own).toFixed(2)}x` : "-").padStart(8);
  console.log(
    `${work.name.padEnd(52)}${cell("pipd")}${cell("uv")}${cell("pip")}${cell("node")}${ratio("uv")}${ratio("pip")}`,
  );
}

function reading(name: string, words: readonly string[], root: string): Work {
  return {
    name,
    runs: 15,
    peers: {
      node: () => ({ command: nodeFloor }),
      pipd: () => ({ command: pipd(["--python", root, ...words]) }),
      uv: () => ({ command: uvCommand(["pip", ...words, "--python", root]) }),
      pip: () => ({ command: pip(["--python", root, ...words]) }),
    },
  };
}

const nodeFloor: Command = { file: process.execPath, args: ["-e", "0"], env: sandbox.env };

function noOp(project: string, root: string, server: Server): Work {
  return {
    name: `no-op install of ${project}`,
    runs: 15,
    peers: {
      node: () => ({ command: nodeFloor }),
      pipd: () => ({ command: pipd(["--python", root, "install", "-i", server.index, project]) }),
      uv: () => ({ command: uvCommand(["pip", "install", "--python", root, "-i", server.index, project]) }),
      pip: () => ({ command: pip(["--python", root, "install", "-i", server.index, project]) }),
    },
  };
}

/** A sandbox of its own whose daemon runs and knows nothing. */
function coldSandbox(): Sandbox {
  const box = createSandbox();
  time({ ...pipd(["daemon", "start"], box) });
  time(pipd(["--python", PYTHON.executable, "list"], box));
  return box;
}

function resolving(name: string, project: string, server: Server): readonly Work[] {
  const dryRun = (box: Sandbox): Command =>
    pipd(
      [
        "--python",
        PYTHON.executable,
        "install",
        "-q",
        "--dry-run",
        "--ignore-installed",
        "--only-binary",
        ":all:",
        "-i",
        server.index,
        project,
      ],
      box,
    );
  const compile = (cache: string): Command =>
    uvCommand(
      [
        "pip",
        "compile",
        "-q",
        "--no-build",
        "--python",
        PYTHON.executable,
        "-i",
        server.index,
        "-o",
        join(parent, "compiled.txt"),
        "--upgrade",
        requirementsFile(project),
      ],
      cache,
    );
  return [
    {
      name: `${name}, recorded index at 20 ms, cold`,
      runs: 3,
      peers: {
        pipd: () => {
          const box = coldSandbox();
          coldBoxes.push(box);
          return { command: dryRun(box) };
        },
        uv: () => ({ command: compile(freshFolder(parent)) }),
      },
    },
    {
      name: `${name}, again`,
      runs: 7,
      peers: {
        pipd: () => ({ command: dryRun(coldBoxes.at(-1) ?? sandbox) }),
        uv: () => ({ prepare: () => void time(compile(uvCache)), command: compile(uvCache) }),
      },
    },
  ];
}

function requirementsFile(project: string): string {
  const path = join(freshFolder(parent), "in.txt");
  execFileSync("sh", ["-c", 'printf "%s\\n" "$1" > "$2"', "sh", project, path]);
  return path;
}

function installing(server: Server, slow: Server): readonly Work[] {
  return [
    {
      name: "jupyter from the store into a fresh environment",
      runs: 5,
      peers: {
        pipd: () => ({
          command: pipd(["--python", makeEnvironment(), "install", "-q", "-i", server.index, "jupyter"]),
        }),
        uv: () => ({
          command: uvCommand(["pip", "install", "-q", "--python", makeEnvironment(), "-i", server.index, "jupyter"]),
        }),
      },
    },
    {
      name: "jupyter cold, no latency",
      runs: 3,
      peers: {
        pipd: () => {
          const box = coldSandbox();
          coldBoxes.push(box);
          return {
            command: pipd(["--python", makeEnvironment(), "install", "-q", "-i", server.index, "jupyter"], box),
          };
        },
        uv: () => ({
          command: uvCommand(
            ["pip", "install", "-q", "--python", makeEnvironment(), "-i", server.index, "jupyter"],
            freshFolder(parent),
          ),
        }),
      },
    },
    {
      name: "jupyter cold, 20 ms latency, 12 MB/s per file",
      runs: 3,
      peers: {
        pipd: () => {
          const box = coldSandbox();
          coldBoxes.push(box);
          return { command: pipd(["--python", makeEnvironment(), "install", "-q", "-i", slow.index, "jupyter"], box) };
        },
        uv: () => ({
          command: uvCommand(
            ["pip", "install", "-q", "--python", makeEnvironment(), "-i", slow.index, "jupyter"],
            freshFolder(parent),
          ),
        }),
      },
    },
    {
      name: "uninstall of jupyter's 102 packages",
      runs: 3,
      peers: {
        pipd: () => uninstalling(server, (root, file) => pipd(["--python", root, "uninstall", "-q", "-y", "-r", file])),
        uv: () =>
          uninstalling(server, (root, file) => uvCommand(["pip", "uninstall", "-q", "--python", root, "-r", file])),
      },
    },
    {
      name: "venv (without pip)",
      runs: 9,
      peers: {
        node: () => ({ command: nodeFloor }),
        pipd: () => ({ command: pipd(["-q", "venv", "--python", PYTHON.executable, join(freshFolder(parent), "v")]) }),
        uv: () => ({
          command: uvCommand(["venv", "-q", "--python", PYTHON.executable, join(freshFolder(parent), "v")]),
        }),
        pip: () => ({
          command: {
            file: PYTHON.executable,
            args: ["-m", "venv", "--without-pip", join(freshFolder(parent), "v")],
            env: sandbox.env,
          },
        }),
      },
    },
  ];
}

function uninstalling(
  server: Server,
  make: (root: string, file: string) => Command,
): { readonly prepare: () => void; readonly command: Command } {
  const root = filled("jupyter", server);
  const frozen = spawnSync(PIPD, ["--python", root, "freeze"], { env: sandbox.env, encoding: "utf8" }).stdout;
  const file = join(freshFolder(parent), "frozen.txt");
  execFileSync("sh", ["-c", 'cat > "$1"', "sh", file], { input: frozen });
  return { prepare: () => {}, command: make(root, file) };
}

/** `--time` of a few commands: what the daemon itself needs. */
function daemonTimes(root: string, server: Server): void {
  for (const words of [
    ["install", "-i", server.index, "jupyter"],
    ["list"],
    ["freeze"],
    ["show", "jupyter"],
    ["check"],
    ["tree"],
  ]) {
    const times = Array.from({ length: 15 }, () => {
      const { stderr } = spawnSync(PIPD, ["--time", "--python", root, ...words], {
        env: sandbox.env,
        encoding: "utf8",
      });
      return Number(/([\d.]+) ms/.exec(stderr)?.[1]);
    });
    console.log(
      `time in the daemon, ${words[0]} of jupyter's environment`.padEnd(52) + median(times).toFixed(2).padStart(9),
    );
  }
}

async function coldStarts(): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < 7; run++) {
    const box = createSandbox();
    const start = performance.now();
    time(pipd(["daemon", "start"], box));
    times.push(performance.now() - start);
    await box.close();
  }
  console.log("cold start of the daemon (client included)".padEnd(52) + median(times).toFixed(1).padStart(9));
}

function memory(when: string, box: Sandbox): void {
  const [pid] = processesOf(box.folder);
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  console.log(`memory of the daemon, ${when} (MB)`.padEnd(52) + (Number(rss) / 1024).toFixed(1).padStart(9));
}

console.log(
  `${"".padEnd(52)}${["pipd", "uv", "pip", "node -e 0"].map((name) => name.padStart(9)).join("")}${"uv/pipd".padStart(8)}${"pip/pipd".padStart(8)}   (ms, medians; ratios above 1: pipd is faster)`,
);
if (uv === undefined) console.log("uv is left out: there is no ../shared/wheels with it");
let jupyterRoot: string | undefined;
try {
  if ("memory of the daemon, cold start".includes(filter) || filter === "") {
    await coldStarts();
    const idle = coldSandbox();
    spawnSync("sleep", ["2"]);
    memory("idle, after one command", idle);
    await idle.close();
  }
  if (wheels === undefined || slowWheels === undefined || wheelFolders.length === 0)
    console.log("installing is left out: no ../shared/index, or no local index in pip's configuration");
  else {
    const jupyter = filled("jupyter", wheels);
    jupyterRoot = jupyter;
    const flask = filled("flask", wheels);
    settle(daemons);
    for (const work of [noOp("flask", flask, wheels), noOp("jupyter", jupyter, wheels)]) measure(work);
    for (const words of [["list"], ["freeze"], ["show", "jupyter"], ["check"], ["tree"]])
      measure(reading(`${words[0]} (102 packages)`, words, jupyter));
    daemonTimes(jupyter, wheels);
    for (const work of installing(wheels, slowWheels)) measure(work);
  }
  if (jupyterRoot !== undefined && recorded !== undefined)
    for (const work of outdated(jupyterRoot, recorded.index, { pipd, uv: uvCommand })) measure(work);
  if ("scale".includes(filter)) {
    const minor = `python3.${PYTHON.minor}`;
    await printScale(sandbox, () => {
      const root = makeEnvironment();
      return { root, site: join(root, "lib", minor, "site-packages") };
    });
  }
  if (recorded === undefined) console.log("resolving is left out: no ../shared/index");
  else
    for (const work of [
      ...resolving("resolve jupyter", "jupyter", recorded),
      ...resolving("resolve airflow (306 packages)", AIRFLOW, recorded),
    ])
      measure(work);
  memory("after this run", sandbox);
} finally {
  for (const server of [wheels, slowWheels, recorded]) server?.close();
  for (const box of [sandbox, ...coldBoxes]) await box.close();
  rmSync(parent, { recursive: true, force: true });
}
