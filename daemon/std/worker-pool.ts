import { parentPort, type Transferable, Worker, workerData } from "node:worker_threads";
import { PipdError } from "./errors.ts";

/** A piece of work for a worker thread: plain data (structured clone), told apart by `kind`. */
export interface WorkerTask {
  readonly kind: string;
  /** It is short, and much depends on it: it comes before others that wait. */
  readonly isUrgent?: boolean;
  /** How much work it is, in a measure of its kind: of those that wait, the heaviest comes first, so that no thread is left alone with it at the end. */
  readonly weight?: number;
}

/** A fixed number of worker threads, started when first needed and stopped when idle. Lives as long as the daemon. */
export interface WorkerPool {
  readonly size: number;
  /**
   * Runs one task, in the order of the calls (urgent ones first, then the heaviest). `Result` is what the handler of the task's kind gives (see `serveTasks`).
   * Aborting takes a waiting task out of the queue, and stops a running one; the promise is rejected with the
   * signal's reason, only after the thread has let go of it, so that the files it was writing can be removed.
   * @throws PipdError "worker-crashed" when the thread ended without an answer; the pool itself goes on.
   */
  run<Result>(task: WorkerTask, transfer?: readonly Transferable[], signal?: AbortSignal): Promise<Result>;
  /** Runs a task once in each thread that has nothing to do; starts none. A thread that fails at it does not count. */
  runInIdle(task: WorkerTask): Promise<void>;
  /** Ends the threads that have nothing to do, ahead of their time. */
  endIdle(): Promise<void>;
  /** Ends all threads; unfinished tasks are rejected with PipdError "worker-pool-closed". */
  close(): Promise<void>;
}

export interface WorkerPoolOptions {
  /** Most threads at once, at least 1. */
  readonly size: number;
  /** The module that calls `serveTasks`: the bundled file or the source. */
  readonly file: URL;
  /** Milliseconds after which a thread without work is ended. */
  readonly idleMs: number;
  /** Milliseconds that a task has to end by itself when it is stopped. */
  readonly stopMs?: number;
}

/** How a task hears that nobody wants its result any more. */
export interface Stop {
  /** To be called before each step of some milliseconds. Throws when the task is stopped; what it throws is seen by nobody. */
  throwIfStopped(): void;
}

/** More than any honest wheel or page needs; without a limit of its own a thread could take what the whole process may have. */
const HEAP_MB = 512;

/**
 * A thread that is ended in the middle of its work may take the whole process with it: Node aborts when it finds a stream of zlib that was made but not
 * set up yet. So tasks are asked to stop, and only one that does not is ended with its thread.
 */
const STOP_MS = 5000;

interface Job {
  readonly task: WorkerTask;
  readonly transfer: readonly Transferable[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Settled when no thread is at it any more. */
  readonly promise: Promise<unknown>;
  /** Set when it is to stop: the reason it is rejected with. */
  stopped: { readonly reason: unknown } | undefined;
}

interface Thread {
  readonly worker: Worker;
  job: Job | undefined;
  /** One Int32 that the thread shares: 1 while its job is to stop. */
  readonly stop: Int32Array;
  idleTimer: NodeJS.Timeout | undefined;
  stopTimer: NodeJS.Timeout | undefined;
  /** Set before the thread is ended on purpose; a job that it has by then is one that was to stop. */
  isEnding: boolean;
}

/** What an error is on its way between threads, where it would lose its class and its fields. */
interface PortableError {
  readonly pipd: boolean;
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly hint: string | undefined;
  readonly syscall: string | undefined;
  readonly path: string | undefined;
}

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: PortableError };

function toPortable(error: unknown): PortableError {
  const seen = error instanceof Error ? error : new Error(String(error));
  const { code, syscall, path } = seen as NodeJS.ErrnoException;
  const hint = seen instanceof PipdError ? seen.hint : undefined;
  const { name, message, stack } = seen;
  return { pipd: seen instanceof PipdError, name, message, stack, code, hint, syscall, path };
}

function fromPortable(error: PortableError): Error {
  if (error.pipd) {
    return new PipdError(error.code ?? "", error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
  const made = new Error(error.message);
  const { name, stack, code, syscall, path } = error;
  return Object.assign(made, { name }, stack && { stack }, code && { code }, syscall && { syscall }, path && { path });
}

/** What a thread and the pool share. */
interface SharedWords {
  readonly stop: SharedArrayBuffer;
}

const handedOver = new WeakMap<object, readonly Transferable[]>();

/** A result of a task whose buffers are not copied for the thread that asked for it: they are gone here. */
export function handingOver<T extends object>(result: T, buffers: readonly ArrayBuffer[]): T {
  handedOver.set(result, buffers);
  return result;
}

/** Answers tasks in a worker thread, one at a time, by the handler of their kind. To be called once by the worker's module. */
export function serveTasks(handlers: Readonly<Record<string, (task: never, stop: Stop) => unknown>>): void {
  const port = parentPort;
  if (port === null) return;
  const word = new Int32Array((workerData as SharedWords).stop);
  const stop: Stop = {
    throwIfStopped() {
      if (Atomics.load(word, 0) !== 0) throw new Error("stopped");
    },
  };
  port.on("message", (task: WorkerTask) => {
    const handle = async (): Promise<Answer> => {
      try {
        const handler = handlers[task.kind];
        if (handler === undefined) throw new Error(`no handler for worker tasks of the kind ${task.kind}`);
        stop.throwIfStopped();
        return { ok: true, value: await handler(task as never, stop) };
      } catch (error) {
        return { ok: false, error: toPortable(error) };
      }
    };
    void handle().then((answer) => port.postMessage(answer, transferOf(answer)));
  });
}

function transferOf(answer: Answer): readonly Transferable[] {
  const value = answer.ok ? answer.value : undefined;
  return typeof value === "object" && value !== null ? (handedOver.get(value) ?? []) : [];
}

/** What the functions of one pool share. */
interface Pool {
  readonly options: WorkerPoolOptions;
  readonly threads: Set<Thread>;
  /** Jobs for which there is no thread yet, in the order of the calls. */
  readonly queue: Job[];
  closed: boolean;
}

export function createWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const pool: Pool = { options, threads: new Set(), queue: [], closed: false };
  return {
    size: options.size,
    async run<Result>(task: WorkerTask, transfer: readonly Transferable[] = [], signal?: AbortSignal): Promise<Result> {
      if (pool.closed) throw poolClosed();
      signal?.throwIfAborted();
      const job = jobOf(task, transfer);
      const onAbort = (): void => abort(pool, job, signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      dispatch(pool, job);
      try {
        return (await job.promise) as Result;
      } finally {
        signal?.removeEventListener("abort", onAbort);
      }
    },
    async runInIdle(task) {
      const jobs = idleThreads(pool).map((thread) => {
        const job = jobOf(task, []);
        give(pool, thread, job);
        return job.promise;
      });
      await Promise.allSettled(jobs);
    },
    async endIdle() {
      await Promise.all(idleThreads(pool).map(end));
    },
    async close() {
      pool.closed = true;
      for (const job of pool.queue.splice(0)) job.reject(poolClosed());
      await Promise.all([...pool.threads].map((thread) => close(pool, thread)));
    },
  };
}

function jobOf(task: WorkerTask, transfer: Job["transfer"]): Job {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  return { task, transfer, resolve, reject, promise, stopped: undefined };
}

const idleThreads = (pool: Pool): readonly Thread[] =>
  [...pool.threads].filter((thread) => thread.job === undefined && !thread.isEnding);

const rank = ({ isUrgent, weight = 0 }: WorkerTask): number => (isUrgent === true ? Number.MAX_VALUE : weight);

/** To the idle thread that worked last (the others may run out of idle time), else to a new one, else into the queue. */
function dispatch(pool: Pool, job: Job): void {
  const idle = idleThreads(pool).at(-1);
  if (idle !== undefined) give(pool, idle, job);
  else if (pool.threads.size < pool.options.size) give(pool, start(pool), job);
  else {
    const place = pool.queue.findIndex(({ task }) => rank(task) < rank(job.task));
    pool.queue.splice(place === -1 ? pool.queue.length : place, 0, job);
  }
}

function start(pool: Pool): Thread {
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB };
  const shared: SharedWords = { stop: new SharedArrayBuffer(4) };
  const worker = new Worker(pool.options.file, {
    env: {},
    execArgv: [],
    name: "pipd-worker",
    resourceLimits,
    workerData: shared,
  });
  const thread: Thread = {
    worker,
    job: undefined,
    stop: new Int32Array(shared.stop),
    idleTimer: undefined,
    stopTimer: undefined,
    isEnding: false,
  };
  let crash: unknown;
  worker.on("message", (answer: Answer) => {
    const job = thread.job;
    if (job === undefined || thread.isEnding) return;
    thread.job = undefined;
    clearTimeout(thread.stopTimer);
    thread.stopTimer = undefined;
    Atomics.store(thread.stop, 0, 0);
    if (job.stopped !== undefined) job.reject(job.stopped.reason);
    else if (answer.ok) job.resolve(answer.value);
    else job.reject(fromPortable(answer.error));
    next(pool, thread);
  });
  worker.on("error", (error) => {
    crash = error;
  });
  worker.on("exit", (code) => {
    pool.threads.delete(thread);
    clearTimeout(thread.idleTimer);
    clearTimeout(thread.stopTimer);
    const { job } = thread;
    job?.reject(job.stopped === undefined ? crashed(job.task, code, crash) : job.stopped.reason);
    const waiting = pool.queue.shift();
    if (waiting !== undefined) dispatch(pool, waiting);
  });
  pool.threads.add(thread);
  return thread;
}

function give(pool: Pool, thread: Thread, job: Job): void {
  clearTimeout(thread.idleTimer);
  thread.job = job;
  thread.worker.ref();
  try {
    thread.worker.postMessage(job.task, job.transfer);
  } catch (error) {
    thread.job = undefined;
    job.reject(error);
    next(pool, thread);
  }
}

/** Gives a thread that is done the next job, or lets it rest: it no longer keeps the process alive, and ends after a while. */
function next(pool: Pool, thread: Thread): void {
  const job = pool.queue.shift();
  if (job !== undefined) {
    give(pool, thread, job);
    return;
  }
  thread.worker.unref();
  thread.idleTimer = setTimeout(() => void end(thread), pool.options.idleMs);
  thread.idleTimer.unref();
}

async function end(thread: Thread): Promise<void> {
  thread.isEnding = true;
  await thread.worker.terminate();
}

/** Asks the job of a thread to stop. */
function stopJob({ options: { stopMs = STOP_MS } }: Pool, thread: Thread, job: Job, reason: unknown): void {
  job.stopped ??= { reason };
  Atomics.store(thread.stop, 0, 1);
  thread.stopTimer ??= setTimeout(() => void end(thread), stopMs);
}

/** Stops what a thread does, then ends it. */
async function close(pool: Pool, thread: Thread): Promise<void> {
  const { job } = thread;
  if (job !== undefined) {
    stopJob(pool, thread, job, poolClosed());
    await Promise.allSettled([job.promise]);
  }
  await end(thread);
}

function abort(pool: Pool, job: Job, reason: unknown): void {
  const waiting = pool.queue.indexOf(job);
  if (waiting !== -1) {
    pool.queue.splice(waiting, 1);
    job.reject(reason);
    return;
  }
  for (const thread of pool.threads) if (thread.job === job) stopJob(pool, thread, job, reason);
}

const poolClosed = (): PipdError =>
  new PipdError("worker-pool-closed", "The daemon is stopping; the work was not done.");

const crashed = (task: WorkerTask, code: number, cause: unknown): PipdError =>
  new PipdError(
    "worker-crashed",
    `A worker thread of pipd ended (exit code ${code}) while it did the task "${task.kind}"` +
      `${cause instanceof Error ? `: ${cause.message}` : ""}.`,
    { hint: "Run the command again; if it happens again, set PIPD_DAEMON=0 and report it.", cause },
  );
