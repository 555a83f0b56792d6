import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

/** A question to packaging: the name of an answer in packaging-oracle.py and its arguments. */
export type Question = readonly [name: string, ...arguments_: unknown[]];

/** A question with what packaging answered. */
export interface Case<Q extends Question, A> {
  readonly question: Q;
  readonly answer: A;
}

const FOLDER = import.meta.dirname;
const ROOT = path.resolve(FOLDER, "../..");

/** Asks packaging 26.3 or later: the wheel beside the repository, else what `python3` has. Undefined where there is none. */
export function askPackaging(questions: readonly Question[]): readonly unknown[] | undefined {
  const wheels = globSync("../shared/wheels/packaging-26*.whl", { cwd: ROOT }).map((wheel) =>
    path.resolve(ROOT, wheel),
  );
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join("");
  const run = spawnSync("python3", ["-I", path.join(FOLDER, "packaging-oracle.py"), ...wheels], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (run.error !== undefined) return undefined;
  const [version, ...answers] = run.stdout.trimEnd().split("\n");
  if (version === "null") return undefined;
  if (run.status !== 0 || answers.length !== questions.length)
    throw new Error(`packaging-oracle.py failed: ${run.stderr}`);
  return answers.map((answer) => JSON.parse(answer) as unknown);
}

function vectorsFile(name: string): string {
  return path.join(FOLDER, "vectors", `${name}.json.gz`);
}

/**
 * Questions with packaging's answers. Where there is no packaging to ask, the answers recorded to the questions of `RECORDED_SEED` stand in; with
 * `PIPD_RECORD_VECTORS=1` in the environment these are written anew.
 */
export function packagingCases<Q extends Question, A>(
  name: string,
  generate: (seed: number) => readonly Q[],
): { readonly cases: readonly Case<Q, A>[]; readonly seed: number } {
  const recording = process.env["PIPD_RECORD_VECTORS"] === "1";
  const seed = recording ? RECORDED_SEED : Number(process.env["PIPD_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const questions = generate(seed);
  const answers = askPackaging(questions);
  if (answers === undefined) {
    const recorded = JSON.parse(gunzipSync(readFileSync(vectorsFile(name))).toString()) as readonly Case<Q, A>[];
    return { cases: recorded, seed: RECORDED_SEED };
  }
  const cases = questions.map((question, i) => ({ question, answer: answers[i] as A }));
  if (recording) writeFileSync(vectorsFile(name), gzipSync(JSON.stringify(cases), { level: 9 }));
  return { cases, seed };
}

const RECORDED_SEED = 20_260_301;
