import type { Call } from "./call.ts";

/** A program with its words, folder and variables, as node:child_process takes them. */
export interface CallerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/**
 * A program that runs in a caller's folder and environment, and in nothing of the daemon's (R39). Node passes on UTF-8 only: a folder or variables
 * of other bytes are set by a shell that then becomes the program. Children get the caller's umask as an argument, since Node has one umask for all.
 */
export function callerCommand(
  { cwd, env }: Pick<Call, "cwd" | "env">,
  file: string,
  args: readonly string[],
): CallerCommand {
  const raw = Object.entries(env).filter(([name, value]) => !value.isWellFormed() && /^[A-Za-z_]\w*$/.test(name));
  if (raw.length === 0 && cwd.isWellFormed()) return { file, args, cwd, env: { ...env } };
  const assignments = raw.map(([name, value]) => `${name}=${shellWord(value)}; export ${name}`);
  const change = cwd.isWellFormed() ? [] : [`cd -- ${shellWord(cwd)}`];
  return {
    file: "/bin/sh",
    args: ["-c", [...assignments, ...change, 'exec "$0" "$@"'].join("\n"), file, ...args],
    cwd: cwd.isWellFormed() ? cwd : "/",
    env: { ...env },
  };
}

/** A word of a shell script that stands for these bytes. */
function shellWord(text: string): string {
  const octal = Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const bytes = code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...Buffer.from(character)];
    return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  });
  return `"$(printf '${octal.join("")}')"`;
}
