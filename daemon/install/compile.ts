import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { ASSETS_FOLDER } from "../python/interpreter.ts";
import type { InterpreterFacts } from "../python/interpreter-facts.ts";
import { PipdError } from "../std/errors.ts";
import { ensurePrivateFolder } from "../std/files.ts";
import { removeInTheEnd } from "../std/remove-in-the-end.ts";
import { createSingleFlight } from "../std/single-flight.ts";
import { stageBeside } from "../store/wheel-folder.ts";
import { bytecodeFolder, type StoredWheel } from "../store/wheel-store.ts";
import { chooseMethod } from "./link.ts";
import { makeFolder, placeFile } from "./link-shard.ts";
import { folderMode } from "./modes.ts";
import { storedByteCode } from "./plan.ts";
import { type CompileRequest, type PythonCompiler, startPythonCompiler } from "./python-compiler.ts";
import type { InstallTarget } from "./target.ts";
import { type Applied, recordStamp } from "./transaction.ts";
import { COMPILED_SOURCES, compiledSources } from "./wheel-content.ts";

/**
 * Byte code of wheels, made once per Python in the store (`pyc-<cache tag>/`) and linked beside the sources like any other file. Timestamp
 * `.pyc` files stay valid there because a linked source has the store's modification time, and a copied one keeps it.
 *
 * pip compiles before it answers. Here a wheel that has never been compiled for this Python is installed without byte code; its RECORD has the
 * rows, and `compileInStore` with `linkByteCode` bring the files afterwards, or before the end where there is no daemon.
 * Scripts whose first line is rewritten have no byte code: they differ in each environment, and nobody imports them.
 */
export interface Compiler {
  /**
   * Makes sure that the store has the byte code of a wheel. Files that do not compile are passed over in silence, as with pip.
   * @returns the archive paths of the sources that have byte code.
   * @throws PipdError `compiler-failed` (the interpreter does not run, crashes, or takes too long); the signal's reason.
   */
  compileInStore(
    wheel: StoredWheel,
    interpreter: CompilingInterpreter,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>>;
  /** Ends all processes. */
  close(): void;
}

export type CompilingInterpreter = Pick<InterpreterFacts, "executable" | "cacheTag">;

export interface CompilerOptions {
  /** The folder with compile.py. */
  readonly assetsFolder?: string;
  /** Most Python processes at once for one interpreter. */
  readonly processes?: number;
  /** Milliseconds after which a process without work ends. */
  readonly idleMs?: number;
  /** Milliseconds for the files of one wheel. */
  readonly timeoutMs?: number;
}

export function createCompiler({
  assetsFolder = ASSETS_FOLDER,
  processes = 1,
  idleMs = 30_000,
  timeoutMs = 600_000,
}: CompilerOptions = {}): Compiler {
  const flights = createSingleFlight<string, ReadonlySet<string>>();
  const teams = new Map<string, Team>();

  /** Runs a request on a free process of this interpreter, in the order of asking. */
  const run = async (executable: string, request: CompileRequest, signal: AbortSignal): Promise<readonly string[]> => {
    const team = teams.get(executable) ?? { idle: [], all: new Set(), size: 0, queue: [] };
    teams.set(executable, team);
    while (team.idle.length === 0 && team.size >= processes) {
      const { promise, resolve } = Promise.withResolvers<void>();
      team.queue.push(resolve);
      await promise;
    }
    const idle = team.idle.pop();
    if (idle === undefined) team.size += 1;
    let worker = idle;
    try {
      if (worker === undefined || worker.hasEnded) {
        worker = startPythonCompiler({ executable, assetsFolder, idleMs, timeoutMs });
        team.all.add(worker);
      }
      return await worker.compile(request, signal);
    } finally {
      for (const each of team.all) if (each.hasEnded) team.all.delete(each);
      if (worker === undefined || worker.hasEnded) team.size -= 1;
      else team.idle.push(worker);
      team.queue.shift()?.();
    }
  };

  const compile = async (
    wheel: StoredWheel,
    interpreter: CompilingInterpreter,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> => {
    const { executable, cacheTag } = interpreter;
    const known = cacheTag === null ? new Set<string>() : compiledSources(wheel, cacheTag);
    if (known !== undefined || cacheTag === null) return known ?? new Set();
    const files = wheel.manifest.files.filter(({ path }) => path.endsWith(".py")).map(({ path }) => path);
    const stage = createStage(wheel);
    try {
      let compiled: readonly string[] = [];
      if (files.length > 0) {
        compiled = await run(executable, { tree: wheel.tree, output: stage, tag: cacheTag, files }, signal);
      }
      writeFileSync(join(stage, COMPILED_SOURCES), compiled.join("\n"), { mode: 0o600 });
      return publish(stage, wheel, cacheTag, new Set(compiled));
    } finally {
      await removeInTheEnd(stage);
    }
  };

  return {
    compileInStore: (wheel, interpreter, signal) =>
      flights.run(`${wheel.folder} ${interpreter.cacheTag}`, signal, (shared) => compile(wheel, interpreter, shared)),
    close() {
      for (const { all } of teams.values()) for (const worker of all) worker.end();
    },
  };
}

/** The processes of one interpreter. `size` counts the busy ones too. */
interface Team {
  readonly idle: PythonCompiler[];
  readonly all: Set<PythonCompiler>;
  size: number;
  readonly queue: (() => void)[];
}

/** A new folder on the file system of the byte code's place. */
function createStage(wheel: StoredWheel): string {
  try {
    const stage = stageBeside(wheel);
    ensurePrivateFolder(stage);
    return stage;
  } catch (error) {
    throw new PipdError(
      "compiler-failed",
      `The byte code of ${wheel.manifest.filename} cannot be stored: ${String(error)}`,
      { cause: error },
    );
  }
}

/** Gives the stage its name. Somebody else's complete byte code is as good as ours. */
function publish(
  stage: string,
  wheel: StoredWheel,
  cacheTag: string,
  compiled: ReadonlySet<string>,
): ReadonlySet<string> {
  try {
    renameSync(stage, bytecodeFolder(wheel, cacheTag));
    return compiled;
  } catch (error) {
    const theirs = compiledSources(wheel, cacheTag);
    if (theirs !== undefined) return theirs;
    throw new PipdError(
      "compiler-failed",
      `The byte code of ${wheel.manifest.filename} cannot be stored: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
}

const LINKS_AT_ONCE = 100;

/**
 * Links the stored byte code of a wheel beside its installed sources. For wheels whose plan said `later`, after `compileInStore`.
 *
 * Safe beside anything: before each link it looks whether RECORD is still the one that this installation wrote, and stops if not; it never
 * overwrites; what is missing is passed over. Stops when the signal aborts, which the next command that changes the environment does first.
 * @returns the number of files linked.
 */
export async function linkByteCode(
  target: Pick<InstallTarget, "cacheTag" | "umask" | "linkMode">,
  installed: Applied["wheels"][number],
  signal: AbortSignal,
): Promise<number> {
  const { cacheTag, umask, linkMode } = target;
  const byteCode = cacheTag === undefined ? undefined : compiledSources(installed.wheel, cacheTag);
  if (cacheTag === undefined || byteCode === undefined) return 0;
  const method = chooseMethod(linkMode === "copy" ? "copy" : "hardlink", umask, undefined, "");
  let linked = 0;
  let done = 0;
  for (const { from, to, names } of storedByteCode(installed.wheel, byteCode, installed.sources, cacheTag)) {
    for (const [index, name] of names.entries()) {
      if (++done % LINKS_AT_ONCE === 0) await setImmediate();
      if (signal.aborted || recordStamp(installed.infoFolder) !== installed.stamp) return linked;
      try {
        if (index === 0) makeFolder(to, folderMode(umask));
        placeFile(`${from}/${name}`, `${to}/${name}`, method, umask);
        linked += 1;
      } catch {
        // There already, or the source's folder has gone, or the disk is full: Python compiles for itself then.
      }
    }
  }
  return linked;
}
