/** What every part of the benchmark works with: the peers, their caches, the servers, and fresh places for everything. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipFor } from "../harness/pip.ts";
import { PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import {
  type Command,
  freshFolder,
  installUv,
  localWheelFolders,
  PYTHON,
  type Server,
  settle,
  startServer,
  temporaryFolder,
} from "./peers.ts";
import { type Stopwatch, startStopwatch } from "./stopwatch.ts";
import type { Peer, Row, Table } from "./table.ts";

/** How each peer does one piece of work. What is not timed happens before the command is given. */
export interface Work {
  readonly name: string;
  readonly runs: number;
  /** Runs of pip, which takes long. */
  readonly pipRuns?: number;
  readonly target?: string;
  /** Let every daemon come to rest before each run: what it does in the background must not slow down the next one. */
  readonly rest?: boolean;
  readonly peers: Partial<Record<Peer, () => Promise<Command> | Command>>;
}

export interface World {
  readonly stopwatch: Stopwatch;
  /** The sandbox whose daemon is warm. */
  readonly sandbox: Sandbox;
  readonly hasUv: boolean;
  /** The wheels of this machine's own index; undefined when there are none. */
  readonly wheels: ((options?: readonly string[]) => Promise<Server>) | undefined;
  /** The recorded index; undefined when it is not there. */
  readonly recorded: ((options?: readonly string[]) => Promise<Server>) | undefined;
  pipd(args: readonly string[], box?: Sandbox): Command;
  uv(args: readonly string[], cache?: string): Command;
  pip(root: string, args: readonly string[]): Command;
  folder(): string;
  /** A new virtual environment. */
  environment(): Promise<string>;
  /** A sandbox of its own, whose daemon runs and knows nothing. */
  coldBox(): Promise<Sandbox>;
  /** Runs a piece of work with every peer in turn. */
  measure(work: Work): Promise<void>;
  settle(): void;
  row(row: Row): void;
  close(): Promise<void>;
}

/** The command itself, as an installed one is called: the entry script of a clone is left out. */
const PIPD_COMMAND = join(PIPD, "../../.build/pipd");

export async function createWorld(table: Table): Promise<World> {
  const parent = temporaryFolder(tmpdir());
  const sandbox = createSandbox();
  const boxes: Sandbox[] = [sandbox];
  const servers: Server[] = [];
  const uvPath = installUv(parent);
  const stopwatch = startStopwatch();
  const folders = localWheelFolders();
  const serve =
    (base: readonly string[]) =>
    async (options: readonly string[] = []): Promise<Server> => {
      const server = await startServer([...base, ...options]);
      if (server === undefined) throw new Error("the index server has gone");
      servers.push(server);
      return server;
    };
  const probe = await startServer([]);
  probe?.close();
  const pipd: World["pipd"] = (args, box = sandbox) => ({ file: PIPD_COMMAND, args, env: box.env });
  const folder = (): string => freshFolder(parent);
  const rest = (): void => settle(() => boxes.flatMap((box) => processesOf(box.folder)));
  const measure: World["measure"] = async (work) => {
    const figures: Partial<Record<Peer, number[]>> = {};
    for (let run = 0; run < work.runs; run++) {
      for (const [peer, make] of Object.entries(work.peers) as [Peer, NonNullable<Work["peers"][Peer]>][]) {
        if ((peer === "uv" && uvPath === undefined) || (peer === "pip" && run >= (work.pipRuns ?? 2))) continue;
        const command = await make();
        if (work.rest === true) rest();
        figures[peer] ??= [];
        figures[peer].push(await stopwatch.time(command));
      }
    }
    table.add({ name: work.name, figures, ...(work.target === undefined ? {} : { target: work.target }) });
  };
  return {
    stopwatch,
    sandbox,
    hasUv: uvPath !== undefined,
    wheels:
      probe === undefined || folders.length === 0
        ? undefined
        : serve(["--only", ...folders.flatMap((path) => ["--wheels", path])]),
    recorded: probe === undefined ? undefined : serve([]),
    pipd,
    uv: (args, cache = join(parent, "uv-cache")) => ({
      file: uvPath ?? "uv",
      args,
      env: { ...sandbox.env, UV_CACHE_DIR: cache, UV_NO_CONFIG: "1", UV_PYTHON_DOWNLOADS: "never" },
    }),
    pip: (root, args) => {
      const { file, words, env } = pipFor(join(root, "bin/python"));
      return { file, args: [...words, ...args], env: { ...sandbox.env, ...env, PIP_DISABLE_PIP_VERSION_CHECK: "1" } };
    },
    folder,
    environment: async () => {
      const root = join(folder(), "env");
      await stopwatch.time(pipd(["--quiet", "venv", "--python", PYTHON.executable, root]));
      return root;
    },
    coldBox: async () => {
      const box = createSandbox();
      boxes.push(box);
      await stopwatch.time(pipd(["daemon", "start"], box));
      await stopwatch.time(pipd(["--python", PYTHON.executable, "list"], box));
      return box;
    },
    measure,
    settle: rest,
    row: (row) => table.add(row),
    close: async () => {
      stopwatch.close();
      for (const server of servers) server.close();
      for (const box of boxes) await box.close();
      rmSync(parent, { recursive: true, force: true });
    },
  };
}
