/** Kills what takes part in a command at random moments, and looks at everything that must hold afterwards (R44, R56). */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RandomText } from "../standards/random-text.ts";
import { daemonStatus, startDaemon } from "./daemon-runner.ts";
import { type Finished, type Running, runPipd, startPipd } from "./run-cli.ts";
import { processesOf, type Sandbox } from "./sandbox.ts";
import { snapshotTree, type Tree, treeDifferences } from "./tree.ts";

/** What dies: the daemon, the client, the program of a client without daemon, one thread of the daemon, or the daemon at one system call. */
export type Victim = "daemon" | "client" | "program" | "worker" | "call";

/** A daemon whose changes of the disk can be made to fail, or to be its last. */
export interface FaultyDaemon {
  /** Starts one, unless it runs, and gives its pid. Nothing is armed then. */
  start(): Promise<number>;
  /** The n-th change from now fails with this error, and with `sticky` all after it; without an error the daemon dies before it. */
  arm(call: number, error?: "EIO" | "ENOSPC" | "EDQUOT" | "EACCES" | "EROFS", sticky?: boolean): void;
  /** Whether that happened, and how many changes there were. Nothing is armed any more. */
  disarm(): { readonly fired: boolean; readonly calls: number };
  isLoaded(): boolean;
}

/** A command that leads from one state of a folder to another. */
export interface Step {
  readonly name: string;
  readonly args: readonly string[];
}

export interface KillingOptions {
  readonly sandbox: Sandbox;
  readonly random: RandomText;
  /** The folder that the steps change, and that pipd works on: an environment. */
  readonly root: string;
  /** Each leads on from the state after the one before; the last one leads back to the first state. */
  readonly steps: readonly Step[];
  readonly program: string;
  /** The file that says after how many changes of the disk a worker thread ends (see dying-worker.ts). */
  readonly fuse: string;
  /** For `call`. */
  readonly faulty?: FaultyDaemon;
  /** Whether pip, too, is content with what a kill has left. */
  readonly pipCheck?: () => string | undefined;
}

export interface KillingFigures {
  readonly points: number;
  /** Of these: the command had ended by itself, was undone, was done. */
  readonly late: number;
  readonly old: number;
  readonly new: number;
  /** Commands that a next command had to repair. */
  readonly repaired: number;
  /** The longest time until a dead client's daemon was idle again, in ms. */
  readonly slowestRelease: number;
  readonly byStep: Readonly<Record<string, number>>;
}

/** A step with what is known of it from a run that nobody disturbed. */
export interface KnownStep extends Step {
  readonly before: Tree;
  readonly after: Tree;
  /** Length of the whole command, and of its transaction, in ms. */
  readonly length: number;
  readonly transaction: number;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** After so many kills in a row that changed nothing, a step is let through: the next one is to have its turn. */
const MOST_OLD = 3;

/** Runs the steps round and round and kills one of the victims, in turn, at each of `points` moments. */
export async function killAtRandom(
  options: KillingOptions,
  victims: readonly Victim[],
  points: number,
): Promise<KillingFigures> {
  const steps = await learnSteps(options);
  const figures = {
    points,
    late: 0,
    old: 0,
    new: 0,
    repaired: 0,
    slowestRelease: 0,
    byStep: {} as Record<string, number>,
  };
  let [at, olds] = [0, 0];
  for (let point = 0; point < points; ) {
    const step = steps[at]!;
    if (olds === MOST_OLD) {
      const { code, stderr } = await run(options, step.args);
      assert.equal(code, 0, stderr);
    } else {
      point++;
      figures.byStep[step.name] = (figures.byStep[step.name] ?? 0) + 1;
      const victim = victims[point % victims.length]!;
      const state = await killOnce(options, victim, step, `point ${point} of ${step.name}`, figures);
      figures[state]++;
      if (state === "old") {
        olds++;
        continue;
      }
    }
    olds = 0;
    at = (at + 1) % steps.length;
  }
  return figures;
}

export const run = (options: KillingOptions, args: readonly string[]): Promise<Finished> =>
  runPipd(options.sandbox, args, { program: options.program, timeout: 300_000 });

/** One round that nobody disturbs. */
export async function learnSteps(options: KillingOptions): Promise<readonly KnownStep[]> {
  const known: KnownStep[] = [];
  for (const step of options.steps) {
    const before = snapshotTree(options.root);
    const transaction = watchTransaction(options.root);
    const start = performance.now();
    const { code, stderr } = await run(options, step.args);
    assert.equal(code, 0, `${step.args.join(" ")}: ${stderr}`);
    const length = performance.now() - start;
    await settled(options.root);
    known.push({ ...step, before, after: snapshotTree(options.root), length, transaction: transaction.length() });
    transaction.close();
  }
  const faults = treeDifferences(known.at(-1)!.after, known[0]!.before);
  assert.deepEqual(faults, [], "the steps lead back to where they began");
  return known;
}

/** Waits for trash that is emptied after the answer. */
export async function settled(root: string): Promise<void> {
  for (let waited = 0; ownEntries(root).length > 0 && waited < 60_000; waited += 20) await sleep(20);
  assert.deepEqual(ownEntries(root), []);
}

/** What pipd keeps in an environment, and beside it, while it changes it. */
function ownEntries(root: string): readonly string[] {
  const beside = readdirSync(dirname(root)).filter((name) => name.startsWith(`.${basename(root)}.`));
  return [...(existsSync(root) ? readdirSync(root) : []).filter((name) => name.startsWith(".pipd")), ...beside];
}

interface TransactionWatch {
  /** Resolves when a transaction begins; never if none does. */
  readonly begun: Promise<void>;
  /** ms from its first to its last sign. */
  length(): number;
  close(): void;
}

function watchTransaction(root: string): TransactionWatch {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  let [first, last] = [0, 0];
  const watcher = watch(existsSync(root) ? root : dirname(root), (_event, name) => {
    if (!/^\.pipd-transaction|\.pipd-new-/.test(String(name))) return;
    last = performance.now();
    if (first === 0) first = last;
    resolve();
  });
  return { begun, length: () => last - first, close: () => watcher.close() };
}

async function killOnce(
  options: KillingOptions,
  victim: Victim,
  step: KnownStep,
  where: string,
  figures: Mutable<KillingFigures>,
): Promise<"old" | "new"> {
  const { sandbox, root, program } = options;
  const pid = await daemonFor(options, victim);
  const names = readdirSync(dirname(root)).toSorted();
  const { finished, killed, after } = await disturb(options, victim, step, pid);
  if (!killed) figures.late++;
  const at = `${where}, ${victim} ${killed ? "killed" : "not killed"} ${after}`;
  if (victim === "client" && killed) await becomesIdle(options, at, figures);
  if (victim === "worker") {
    const found = (await daemonStatus(sandbox, { program }))?.pid;
    const told = found === pid ? "" : `${JSON.stringify(finished)}\n${lastWords(sandbox)}`;
    assert.equal(found, pid, `${at}: the daemon lives\n${told}`);
  }
  const claims = claimsOf(finished, killed && victim !== "client", at);
  const wasOpen = ownEntries(root).some((name) => existsSync(join(root, name, "journal")));
  const next = await run(options, nextCommand(options, step));
  assert.equal(next.code, 0, `${at}: ${JSON.stringify(next)}`);
  assert.equal(/Repaired what an interrupted command had left/.test(next.stderr), wasOpen, `${at}: ${next.stderr}`);
  if (wasOpen) figures.repaired++;
  if (victim === "client" || victim === "worker") assert.equal(wasOpen, false, `${at}: the daemon itself goes back`);
  await leavesNothing(options, at);
  assert.deepEqual(
    readdirSync(dirname(root)).filter((name) => name !== basename(root)),
    names.filter((name) => name !== basename(root)),
    at,
  );
  const state = stateOf(root, step, at);
  assert.ok(claims.includes(state), `${at}: ${state}, but the client said: ${finished.stderr}`);
  assert.equal(options.pipCheck?.(), undefined, at);
  return state;
}

/** The ends of what a daemon has written of itself, and Node of it: the sandbox goes with the test. */
function lastWords({ state, runtime }: Sandbox): string {
  const files = [state, runtime].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:jsonl|log)$|crashes\//.test(name))
      .map((name) => join(folder, name)),
  );
  return files.map((path) => `${path}:\n${readFileSync(path, "utf8").slice(-4000)}`).join("\n");
}

async function daemonFor({ sandbox, program, faulty }: KillingOptions, victim: Victim): Promise<number | undefined> {
  if (victim === "program") return undefined;
  return victim === "call" ? await faulty!.start() : await startDaemon(sandbox, { program });
}

interface Disturbed {
  readonly finished: Finished;
  /** False when the command had ended before. */
  readonly killed: boolean;
  /** For messages. */
  readonly after: string;
}

/** Half of the kills happen at any time of the command, half at any time of its transaction, which is short. */
async function disturb(
  options: KillingOptions,
  victim: Victim,
  step: KnownStep,
  daemon: number | undefined,
): Promise<Disturbed> {
  const { sandbox, random, root, program, fuse } = options;
  const aimed = random.chance(0.5);
  const delay = (random.int(10_000) / 10_000) * (aimed ? step.transaction * 1.2 : step.length);
  if (victim === "worker") writeFileSync(fuse, String(1 + random.int(400)));
  const transaction = watchTransaction(root);
  const coldStore = victim === "worker" && step.args.includes("install") && random.chance(0.5);
  const running = startPipd(sandbox, [...step.args, ...(coldStore ? ["--no-cache-dir"] : [])], {
    program,
    daemon: victim !== "program",
    timeout: 300_000,
  });
  let ended = false;
  const end = running.finished.finally(() => {
    ended = true;
  });
  if (victim === "call") {
    transaction.close();
    return { ...(await atCall(options, step, end)), finished: await end };
  }
  if (victim !== "worker") {
    if (aimed) await Promise.race([transaction.begun, end]);
    await exactly(delay);
  }
  transaction.close();
  const killed = victim === "worker" ? await burnt(fuse, end) : !ended && kill(victim, running, daemon, sandbox);
  return { finished: await end, killed, after: `${aimed ? "transaction + " : ""}${delay.toFixed(2)} ms` };
}

/** Changes of the disk of each step, as far as is known. */
const callsOf = new WeakMap<Step, number>();
const GUESS = 2000;

/** Ends the daemon before one of its changes of the disk. */
async function atCall(
  { random, faulty }: KillingOptions,
  step: KnownStep,
  end: Promise<unknown>,
): Promise<Omit<Disturbed, "finished">> {
  const call = 1 + random.int(callsOf.get(step) ?? GUESS);
  faulty!.arm(call);
  await end;
  const { fired, calls } = faulty!.disarm();
  if (!fired) callsOf.set(step, Math.max(1, calls));
  return { killed: fired, after: `call ${call}` };
}

/** Timers are exact to a millisecond, in which much happens. */
async function exactly(ms: number): Promise<void> {
  const until = performance.now() + ms;
  if (ms > 2) await sleep(ms - 2);
  while (performance.now() < until) await new Promise(setImmediate);
}

/** Whether a thread ended itself while the command ran; what is left of the fuse is taken away. */
async function burnt(fuse: string, end: Promise<unknown>): Promise<boolean> {
  await end;
  const left = existsSync(`${fuse}.burnt`);
  for (const ending of ["", ".burnt", ".count"]) rmSync(`${fuse}${ending}`, { force: true });
  return left;
}

function kill(victim: Victim, { child }: Running, daemon: number | undefined, { folder }: Sandbox): boolean {
  const pids =
    victim === "client"
      ? [child.pid!]
      : victim === "daemon"
        ? [daemon!]
        : processesOf(folder).filter((pid) => pid !== daemon);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      return false;
    }
  }
  return pids.length > 0;
}

/** A daemon whose client has died is idle within a second, and its environments are as they were. */
async function becomesIdle(options: KillingOptions, at: string, figures: Mutable<KillingFigures>): Promise<void> {
  const { sandbox, program, root } = options;
  const start = performance.now();
  for (;;) {
    const status = await daemonStatus(sandbox, { program });
    const runs = status?.runs.length ?? 0;
    if (runs === 0) break;
    assert.ok(performance.now() - start < 20_000, `${at}: the run goes on`);
    await sleep(5);
  }
  figures.slowestRelease = Math.max(figures.slowestRelease, performance.now() - start);
  await settled(root);
}

/** Which states are possible by what the client has said. */
function claimsOf({ code, stderr }: Finished, lost: boolean, at: string): readonly ("old" | "new")[] {
  if (code === 0) return ["new"];
  if (!lost || !/ended while it ran this command/.test(stderr)) return ["old", "new"];
  assert.equal(code, 1, at);
  if (/had not begun to change anything|left half changed/.test(stderr)) return ["old"];
  return /has been changed completely/.test(stderr) ? ["new"] : ["old", "new"];
}

/** The next command, whichever it is, finds the environment whole. */
export function nextCommand({ random, root }: KillingOptions, step: Step): readonly string[] {
  const onEnvironment = [["list"], ["freeze"], ["uninstall", "-y", "--root-user-action", "ignore", "no-such-project"]];
  if (step.args.includes("venv") && !existsSync(root)) return step.args.filter((word) => word !== "--clear");
  return ["--python", root, ...random.pick(onEnvironment)];
}

export function stateOf(root: string, step: KnownStep, at: string): "old" | "new" {
  const tree = snapshotTree(root);
  const [fromOld, fromNew] = [treeDifferences(tree, step.before), treeDifferences(tree, step.after)];
  if (fromOld.length === 0) return "old";
  const shown = (lines: readonly string[]): string => lines.slice(0, 10).join("\n");
  assert.equal(fromNew.length, 0, `${at}: neither\nold: ${shown(fromOld)}\nnor new: ${shown(fromNew)}`);
  return "new";
}

/** No temporary file, lock or process is left, wherever pipd makes them. */
export async function leavesNothing({ sandbox, root, program }: KillingOptions, at: string): Promise<void> {
  const leftovers = (): readonly string[] => [
    ...ownEntries(root),
    ...namesBelow(join(sandbox.cache, "wheels-v1/.stage")),
    ...namesBelow(join(sandbox.cache, "wheels-v1/.trash")),
    ...namesBelow(sandbox.cache).filter((name) => name.startsWith("pipd-wheels-") || name.startsWith(".")),
    ...namesBelow(join(sandbox.cache, "partial")),
    ...namesBelow(join(sandbox.runtime, "locks")),
    ...namesBelow(sandbox.runtime).flatMap((folder) => strayInRuntime(join(sandbox.runtime, folder))),
    ...namesBelow(join(sandbox.state, "builds")).filter((name) => name.includes(".stage-")),
    ...namesBelow(join(sandbox.folder, "tmp")),
  ];
  let found = leftovers();
  // What a large removal has moved away is deleted slowly, while no command runs.
  for (let waited = 0; found.length > 0 && waited < 60_000; waited += 20) {
    await sleep(20);
    found = leftovers();
  }
  assert.deepEqual(found, [], `${at}: nothing is left`);
  const daemon = (await daemonStatus(sandbox, { program }))?.pid;
  const strays = (): readonly number[] => processesOf(sandbox.folder).filter((pid) => pid !== daemon);
  for (let waited = 0; strays().length > 0 && waited < 5000; waited += 20) await sleep(20);
  assert.deepEqual(strays(), [], `${at}: no process is left`);
}

function namesBelow(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Names in the daemon's folder that only a daemon which has gone can have made. */
function strayInRuntime(folder: string): readonly string[] {
  return namesBelow(folder).filter((name) => /^\.(?!s\.)|^spawning/.test(name));
}
