import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

/** A question to pip: the name of a function in pip-oracle.py and its arguments. */
export type Question = readonly [name: string, ...arguments_: unknown[]];

/** A question with what pip answered. */
export interface Case<A> {
  readonly question: Question;
  readonly answer: A;
}

/** Small deterministic choices: the same seed gives the same texts. */
export interface Random {
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** Up to `most` things, as one list. */
  list<T>(most: number, make: () => T): T[];
  /** Pieces of the list, one after the other. */
  text(most: number, pieces: readonly string[]): string;
}

const FOLDER = import.meta.dirname;
const ROOT = path.resolve(FOLDER, "../..");
const RECORDED_SEED = 20_260_820;

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const random: Random = {
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)] as (typeof list)[number],
    list: (most, make) => Array.from({ length: random.int(most + 1) }, make),
    text: (most, pieces) => random.list(most, () => random.pick(pieces)).join(""),
  };
  return random;
}

/** Wheels of pip beside the repository, whose code answers before that of the installed pip. */
export function pipWheels(): string[] {
  return globSync("../shared/wheels/pip-26*.whl", { cwd: ROOT }).map((wheel) => path.resolve(ROOT, wheel));
}

/** Asks pip 26.3 or later. Undefined where there is none. */
export function askPip(questions: readonly Question[]): readonly unknown[] | undefined {
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join("");
  const run = spawnSync("python3", ["-I", path.join(FOLDER, "pip-oracle.py"), ...pipWheels()], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (run.error !== undefined) {
    return undefined;
  }
  const [version, ...answers] = run.stdout.trimEnd().split("\n");
  if (version === "null") {
    return undefined;
  }
  if (run.status !== 0 || answers.length !== questions.length) {
    throw new Error(`pip-oracle.py failed: ${run.stderr}`);
  }
  return answers.map((answer) => JSON.parse(answer) as unknown);
}

/**
 * Questions with pip's answers. Where there is no pip to ask, the answers recorded in `vectors/<name>.json.gz` stand in; with
 * `PIPD_RECORD_VECTORS=1` in the environment these are written anew. `PIPD_TEST_SEED` repeats a run.
 */
export function pipCases<A>(
  name: string,
  generate: (random: Random) => readonly Question[],
): { readonly cases: readonly Case<A>[]; readonly seed: number } {
  const isRecording = process.env["PIPD_RECORD_VECTORS"] === "1";
  const seed = isRecording
    ? RECORDED_SEED
    : Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const questions = generate(createRandom(seed));
  const answers = askPip(questions);
  const file = path.join(FOLDER, "vectors", `${name}.json.gz`);
  if (answers === undefined) {
    const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as readonly Case<A>[];
    return { cases: recorded, seed: RECORDED_SEED };
  }
  const cases = questions.map((question, index) => ({ question, answer: answers[index] as A }));
  if (isRecording) {
    writeFileSync(file, gzipSync(JSON.stringify(cases), { level: 9 }));
  }
  return { cases, seed };
}
