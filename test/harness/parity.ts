/** The same commands with the daemon and without, in the same place: what they print, what they leave with, and what they leave behind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stopDaemon } from "./daemon-runner.ts";
import { type IndexServer, type IndexServerOptions, startIndexServer } from "./index-server.ts";
import { NEWEST } from "./interpreters.ts";
import { runPipd } from "./run-cli.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { snapshotTree } from "./tree.ts";

/** One command: its words, in which `{env}` and `{work}` stand for the environment and the folder, and what it finds on standard input. */
export type ParityCommand = readonly string[] | { readonly args: readonly string[]; readonly stdin: string };

/** Commands that follow each other, by what they are about. */
export type ParityCases = Readonly<Record<string, readonly ParityCommand[]>>;

interface Place {
  readonly sandbox: Sandbox;
  readonly server: IndexServer;
  readonly env: string;
  readonly work: string;
  readonly pristine: string;
}

/** Runs all cases both ways, each way with a cache that was empty before, and compares after each command. Gives how many commands. */
export async function compareWays(
  cases: ParityCases,
  index: IndexServerOptions,
  prepare: (work: string) => Promise<void>,
): Promise<number> {
  await using sandbox = createSandbox();
  const server = await startIndexServer(index);
  const root = realpathSync(sandbox.folder);
  const place = { sandbox, server, env: join(root, "env"), work: join(root, "work"), pristine: join(root, "pristine") };
  mkdirSync(place.work);
  await prepare(place.work);
  execFileSync(NEWEST.executable, ["-m", "venv", "--without-pip", place.env], { env: sandbox.env });
  mkdirSync(place.pristine);
  for (const name of ["env", "work"]) cpSync(join(root, name), join(place.pristine, name), COPY);
  try {
    // First without: then it is known which byte code the daemon has still to bring.
    const without = await runAll(cases, place, false);
    const by = await runAll(cases, place, true, without);
    for (const [name, outcomes] of without)
      for (const [at, outcome] of outcomes.entries())
        assert.deepEqual(by.get(name)![at], outcome, `${name}: ${JSON.stringify(cases[name]![at])}`);
  } finally {
    await server.close();
  }
  return Object.values(cases).flat().length;
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true } as const;

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly tree: readonly unknown[];
  /** Names of compiled files. They come later with the daemon, so they are compared when all is done. */
  readonly compiled: readonly string[];
}

async function runAll(
  cases: ParityCases,
  place: Place,
  daemon: boolean,
  awaited?: ReadonlyMap<string, readonly Outcome[]>,
): Promise<ReadonlyMap<string, readonly Outcome[]>> {
  await stopDaemon(place.sandbox);
  rmSync(place.sandbox.cache, { recursive: true, force: true });
  const all = new Map<string, readonly Outcome[]>();
  for (const [name, commands] of Object.entries(cases)) {
    for (const [folder, from] of [
      [place.env, "env"],
      [place.work, "work"],
    ] as const) {
      rmSync(folder, { recursive: true, force: true });
      cpSync(join(place.pristine, from), folder, COPY);
    }
    const outcomes: Outcome[] = [];
    for (const command of commands) outcomes.push(await runOne(command, place, daemon));
    const last = awaited?.get(name)?.at(-1)?.compiled;
    if (last !== undefined)
      outcomes[outcomes.length - 1] = { ...outcomes.at(-1)!, compiled: await settled(place, last) };
    // Until then it is chance which of them are there.
    all.set(
      name,
      outcomes.map((outcome, at) => (at === outcomes.length - 1 ? outcome : { ...outcome, compiled: [] })),
    );
  }
  return all;
}

async function runOne(command: ParityCommand, place: Place, daemon: boolean): Promise<Outcome> {
  const { args, stdin } = "args" in command ? command : { args: command, stdin: "" };
  const words = args.map((word) => word.replaceAll("{env}", place.env).replaceAll("{work}", place.work));
  const { stdout, stderr, code } = await runPipd(place.sandbox, ["--python", place.env, ...words], {
    daemon,
    stdin,
    cwd: place.work,
    env: { PIP_INDEX_URL: place.server.url },
  });
  return { stdout, stderr, code, ...treeOf(place) };
}

const isCompiled = (path: string): boolean => /(^|\/)__pycache__(\/|$)/.test(path);

function treeOf({ env, work }: Place): Pick<Outcome, "tree" | "compiled"> {
  const entries = [env, work].flatMap((folder) =>
    [...snapshotTree(folder)].map(([path, entry]) => ({ path, ...entry })),
  );
  return {
    tree: entries.filter(({ path }) => !isCompiled(path)),
    compiled: entries.filter(({ path }) => isCompiled(path)).map(({ path }) => path),
  };
}

/** The compiled files once they are those, or what they are after a while. */
async function settled(place: Place, expected: readonly string[]): Promise<readonly string[]> {
  for (let waited = 0; ; waited += 50) {
    const { compiled } = treeOf(place);
    if (waited > 20_000 || JSON.stringify(compiled) === JSON.stringify(expected)) return compiled;
    await sleep(50);
  }
}
