import { readFileSync, readlinkSync } from "node:fs";
import type { RunStartParams } from "../protocol/methods.ts";
import { textOfBytes } from "../protocol/raw-text.ts";

/** What of a caller's words and world is not UTF-8, base64 (R40). */
export type RawCaller = Pick<RunStartParams, "argvBytes" | "cwdBytes" | "envBytes">;

/** What Node puts in the place of bytes that it cannot decode. A person may also have typed it; looking costs nothing then. */
const REPLACED = "\ufffd";

/**
 * The bytes behind those texts of this process that Node has decoded with a loss. Linux keeps them in /proc; elsewhere nothing is found, and the
 * texts stay as Node gives them.
 */
export function readRawCaller(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): RawCaller | undefined {
  const lossy = (text: string): boolean => text.includes(REPLACED);
  const values = Object.entries(env).filter(([, value]) => lossy(value));
  if (!argv.some(lossy) && !lossy(cwd) && values.length === 0) return undefined;
  try {
    return {
      ...(argv.some(lossy) ? { argvBytes: rawArguments(argv) } : {}),
      ...(lossy(cwd) ? { cwdBytes: readlinkSync("/proc/self/cwd", "buffer").toString("base64") } : {}),
      ...(values.length > 0 ? { envBytes: rawVariables(values.map(([name]) => name)) } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The arguments are the last words of the process, the client's own options among them. */
function rawArguments(argv: readonly string[]): Record<string, string> {
  const words = wordsOf("/proc/self/cmdline").filter((word) => word.toString().includes(REPLACED));
  const found = argv.flatMap((text, index): readonly (readonly [string, string])[] => {
    const at = text.includes(REPLACED) ? words.findIndex((word) => word.toString() === text) : -1;
    return at < 0 ? [] : [[String(index), words.splice(at, 1)[0]!.toString("base64")]];
  });
  return Object.fromEntries(found);
}

function rawVariables(names: readonly string[]): Record<string, string> {
  const wanted = new Set(names);
  const found: Record<string, string> = {};
  for (const word of wordsOf("/proc/self/environ")) {
    const equals = word.indexOf("=");
    const name = textOfBytes(word.subarray(0, equals));
    const ours = name === "PIPD_NODE_OPTIONS" ? "NODE_OPTIONS" : name;
    if (wanted.has(ours)) found[ours] = word.subarray(equals + 1).toString("base64");
  }
  return found;
}

/** Words with a NUL after each, as the kernel lists them. */
function wordsOf(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const words: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    words.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return words;
}
