import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type RunOptions, runPipd } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";

/** A systemd of a few lines that has the sandbox's units (small-systemd.py says what it prints and understands). */
export interface SmallSystemd {
  /** All that it has said so far. */
  readonly lines: readonly string[];
  say(command: "start" | "stop" | "wrong pid" | "wrong count" | "right"): void;
  /** Resolves with the line when one that starts so has come after the first `from` lines. */
  seen(start: string, from?: number): Promise<string>;
  /** What the service has written on its standard error so far. */
  journal(): string;
  /** As `systemctl --user stop` of both units. */
  close(): Promise<void>;
}

/** Where `pipd daemon install-service` puts the units of a sandbox. */
export const unitsFolder = (sandbox: Sandbox): string => join(sandbox.folder, "config/systemd/user");

/** Installs the units by pipd's own command and starts the socket. */
export async function startSmallSystemd(sandbox: Sandbox, options: RunOptions): Promise<SmallSystemd> {
  const { code, stderr } = await runPipd(sandbox, ["daemon", "install-service"], options);
  if (code !== 0) throw new Error(`the units were not installed: ${stderr}`);
  const words = [join(import.meta.dirname, "small-systemd.py"), unitsFolder(sandbox), join(sandbox.folder, "run")];
  const child = spawn("python3", words, { env: { ...sandbox.env }, stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const watcher of watchers) watcher();
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const systemd: SmallSystemd = {
    lines,
    say: (command) => void child.stdin.write(`${command}\n`),
    seen: (start, from = 0) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no "${start}": ${JSON.stringify(lines)}`)), 20_000);
        const look = (): void => {
          const line = lines.slice(from).find((each) => each.startsWith(start));
          if (line === undefined) return;
          watchers.delete(look);
          clearTimeout(timer);
          resolve(line);
        };
        watchers.add(look);
        look();
      }),
    journal: () => readFileSync(join(sandbox.folder, "run/journal"), "utf8"),
    close: async () => {
      child.stdin.end("quit\n");
      await ended;
    },
  };
  await systemd.seen("listening");
  return systemd;
}
