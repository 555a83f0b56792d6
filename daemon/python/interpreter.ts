/** Interpreters: what they say about themselves, asked once and kept. */
import { createHash } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { version as kernelVersion, release } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { readFileIfThere, startsWithShebang } from "../std/read-file.ts";
import { forgetOldest } from "./folder-stamp.ts";
import type { InterpreterFacts } from "./interpreter-facts.ts";
import { runProbe } from "./probe.ts";
import { createSearchPaths } from "./search-path.ts";
import { canDeriveVenvFacts, parseVenvConfig, type VenvConfig, venvFacts } from "./venv-facts.ts";

export type { InterpreterFacts } from "./interpreter-facts.ts";

/** Keeps facts over restarts of the daemon. Keys are short and opaque; a lost entry costs one start of Python. */
export interface FactsStore {
  get(key: string): string | undefined;
  set(key: string, json: string): void;
}

/** All interpreters the daemon has met. */
export interface Interpreters {
  /**
   * The facts of the interpreter at this path (relative paths: to the caller's directory), as the caller's environment makes it.
   * Python runs only when neither memory nor the store knows them, or when the file has changed.
   *
   * Throws `python-not-found` (no such file), `broken-python` (it does not answer), `unsupported-python` (older than 3.8).
   */
  facts(executable: string, call: Call): Promise<InterpreterFacts>;
  /** `sys.path` as the disk is now. */
  searchPath(facts: InterpreterFacts): readonly string[];
  /** Forgets what is in memory. */
  clear(): void;
}

export interface InterpreterOptions {
  readonly factsStore: FactsStore;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** The folder with `probe.py`. */
  readonly assetsFolder?: string;
  /** Milliseconds an interpreter may take to answer. */
  readonly timeout?: number;
}

/** Where `daemon/assets` lies when the sources run unbundled. */
export const ASSETS_FOLDER = fileURLToPath(new URL("../assets", import.meta.url));

/** Raised with the shape of the facts: older entries in the store are then asked again. */
const FORMAT = 1;

/** Interpreters and environments kept in memory, a few kilobytes each. */
const MAX_INTERPRETERS = 500;

/** Variables of the launching environment that change what an interpreter reports. */
const LAUNCHER_VARIABLES = [
  "PYTHONPATH",
  "PYTHONHOME",
  "PYTHONUSERBASE",
  "PYTHONNOUSERSITE",
  "PYTHONPLATLIBDIR",
  "PYTHONSAFEPATH",
  "PYTHONEXECUTABLE",
  "PYTHON_GIL",
  "__PYVENV_LAUNCHER__",
  "_PYTHON_PROJECT_BASE",
  "_PYTHON_HOST_PLATFORM",
  "_PYTHON_SYSCONFIGDATA_NAME",
  "MACOSX_DEPLOYMENT_TARGET",
  "SYSTEM_VERSION_COMPAT",
  "DEB_PYTHON_INSTALL_LAYOUT",
  "HOME",
  // Another C library or libpython is another interpreter.
  "LD_LIBRARY_PATH",
  "LD_PRELOAD",
  "DYLD_LIBRARY_PATH",
  "DYLD_INSERT_LIBRARIES",
];

interface KeptFacts {
  readonly stamp: string;
  readonly facts: InterpreterFacts;
}

interface KeptDerivation {
  readonly stamp: string;
  readonly derivation: Derivation | undefined;
  /** The last answer and what it was made from, so that the same facts stay the same object. */
  readonly last?: { readonly base: InterpreterFacts; readonly facts: InterpreterFacts };
}

export function createInterpreters(options: InterpreterOptions): Interpreters {
  const { factsStore, timeout = 60_000 } = options;
  const probe = join(options.assetsFolder ?? ASSETS_FOLDER, "probe.py");
  const asked = new Map<string, KeptFacts>();
  const derived = new Map<string, KeptDerivation>();
  const searchPaths = createSearchPaths(options.clock);
  const underWay = new Map<string, Promise<InterpreterFacts>>();

  const runAndKeep = async (path: string, key: string, stamp: string, call: Call): Promise<InterpreterFacts> => {
    const facts = await runProbe({ path, probe, call, timeout, searchPaths });
    asked.set(key, { stamp, facts });
    forgetOldest(asked, MAX_INTERPRETERS);
    factsStore.set(key, JSON.stringify({ stamp, facts }));
    return facts;
  };

  /** From memory, from the store, or from Python. */
  const ask = async (path: string, key: string, stamp: string, call: Call): Promise<InterpreterFacts> => {
    const known = asked.get(key) ?? storedFacts(factsStore, key);
    if (known?.stamp === stamp) {
      asked.set(key, known);
      return known.facts;
    }
    const flight = `${key} ${stamp}`;
    const answer = underWay.get(flight) ?? runAndKeep(path, key, stamp, call).finally(() => underWay.delete(flight));
    underWay.set(flight, answer);
    return unlessAborted(answer, call.signal);
  };

  const facts = async (executable: string, call: Call): Promise<InterpreterFacts> => {
    const path = resolve(call.cwd, executable);
    const stamp = stampOf(path);
    const key = factsKey(path, call);
    const kept = derived.get(key);
    const derivation = kept?.stamp === stamp ? kept.derivation : derivationOf(path, call);
    if (kept?.stamp !== stamp) {
      derived.set(key, { stamp, derivation });
      forgetOldest(derived, MAX_INTERPRETERS);
    }
    if (derivation === "script") {
      return unlessAborted(runProbe({ path, probe, call, timeout, searchPaths }), call.signal);
    }
    if (derivation === undefined) {
      return ask(path, key, stamp, call);
    }
    const base = await facts(derivation.from, call);
    if (kept?.stamp === stamp && kept.last?.base === base) {
      return kept.last.facts;
    }
    const made = derivation.make(base) ?? (await ask(path, key, stamp, call));
    derived.set(key, { stamp, derivation, last: { base, facts: made } });
    return made;
  };
  return {
    facts,
    searchPath: (facts) => searchPaths.of(facts),
    clear: () => {
      asked.clear();
      derived.clear();
    },
  };
}

/** A caller leaves at once when it is cancelled. Python is not stopped for that: it answers within milliseconds, and others may wait for it. */
async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  answer.catch(() => {}); // The last caller may have left by the time it fails.
  signal.throwIfAborted();
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([answer, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function storedFacts(store: FactsStore | undefined, key: string): KeptFacts | undefined {
  try {
    return JSON.parse(store?.get(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

function factsKey(path: string, call: Call): string {
  const variables = LAUNCHER_VARIABLES.map((name) => call.env[name] ?? null);
  const pythonPath = call.env["PYTHONPATH"] ?? "";
  const relative = pythonPath.split(":").some((entry) => pythonPath !== "" && !isAbsolute(entry));
  const text = JSON.stringify([FORMAT, path, variables, relative ? call.cwd : null]);
  const key = factsKeys.get(text) ?? createHash("sha256").update(text).digest("hex").slice(0, 32);
  factsKeys.set(text, key);
  forgetOldest(factsKeys, MAX_INTERPRETERS);
  return key;
}

/** By what they are made of: the same callers come again and again. */
const factsKeys = new Map<string, string>();

/** Changes when the interpreter, its `pyvenv.cfg`, the kernel (`platform_version`) or the system's C library (`ld.so.cache`) does. */
function stampOf(path: string): string {
  const file = stampOfFile(path);
  if (file === "") {
    throw new PipdError("python-not-found", `Could not locate Python interpreter ${path}`);
  }
  const folder = dirname(path);
  const configs = [join(folder, "pyvenv.cfg"), join(dirname(folder), "pyvenv.cfg"), "/etc/ld.so.cache"];
  return [file, ...configs.map(stampOfFile), release(), kernelVersion()].join(" ");
}

function stampOfFile(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}` : "";
}

/** How the facts of one path follow from those of another. `make` gives undefined when Python must be asked after all. */
interface DerivationRule {
  readonly from: string;
  make(base: InterpreterFacts): InterpreterFacts | undefined;
}

/** "script": a shim or wrapper may start another interpreter each time, nothing about it can be kept. */
type Derivation = DerivationRule | "script";

function derivationOf(path: string, call: Call): Derivation | undefined {
  if (startsWithShebang(path)) {
    return "script";
  }
  const folder = dirname(path);
  const real = realpathSync(path);
  const config = venvConfigOf(folder);
  if (config === undefined) {
    return aliasRule(path, folder, real);
  }
  const { home } = config;
  if (home === undefined || !isAbsolute(home) || call.env["PYTHONHOME"] || call.env["__PYVENV_LAUNCHER__"]) {
    return undefined;
  }
  const from = join(home, basename(real));
  if (realPathOf(from) !== real || venvConfigOf(home) !== undefined || basename(folder) !== "bin") {
    return undefined;
  }
  return {
    from,
    make: (base) => (canDeriveVenvFacts(base) ? venvFacts(base, path, basename(real), { ...config, home }) : undefined),
  };
}

/** `python` and `python3` beside `python3.11` are the same interpreter: only its name for itself differs. */
function aliasRule(path: string, folder: string, real: string): DerivationRule | undefined {
  const from = join(folder, basename(real));
  if (from === path || dirname(real) !== realPathOf(folder)) {
    return undefined;
  }
  return {
    from,
    make: (base) =>
      base.executable === from && base.baseExecutable === from
        ? { ...base, executable: path, baseExecutable: path }
        : undefined,
  };
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** The `pyvenv.cfg` of an interpreter in this folder: Python looks beside the executable, then one folder up. */
function venvConfigOf(folder: string): VenvConfig | undefined {
  for (const place of [folder, dirname(folder)]) {
    const content = readFileIfThere(join(place, "pyvenv.cfg"));
    if (content !== undefined) {
      // Beside the executable Python accepts it too, with a prefix of its own: too odd to derive.
      return place === folder ? { includesSystemSite: true } : parseVenvConfig(Buffer.from(content).toString("utf8"));
    }
  }
  return undefined;
}
