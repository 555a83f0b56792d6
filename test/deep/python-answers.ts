import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { NEWEST, PLAIN_ENVIRONMENT } from "../harness/interpreters.ts";

/** One Python process that answers a line with a line. */
export interface PythonAnswers {
  /** @throws Error when the process has ended without an answer. */
  ask(line: string): Promise<string>;
  [Symbol.dispose](): void;
}

/** Starts a script of this folder with the newest interpreter. */
export function startPythonAnswers(script: string): PythonAnswers {
  const python = spawn(NEWEST.executable, [join(import.meta.dirname, script)], {
    env: PLAIN_ENVIRONMENT,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (line) => {
      python.stdin.write(`${line}\n`);
      const answer = await lines.next();
      if (answer.done === true) throw new Error(`${script} ended instead of answering ${line}`);
      return answer.value;
    },
    [Symbol.dispose]: () => python.stdin.end(),
  };
}
