import type { DaemonStatus } from "../../protocol/methods.ts";
import { type RunOptions, runPipd } from "./run-cli.ts";
import type { Sandbox } from "./sandbox.ts";

/** Starts the sandbox's daemon, if it does not run, and gives its pid. */
export async function startDaemon(sandbox: Sandbox, options: RunOptions = {}): Promise<number> {
  const { stdout, stderr, code } = await runPipd(sandbox, ["daemon", "start"], options);
  const pid = /pid (\d+)/.exec(stdout)?.[1];
  if (code !== 0 || pid === undefined) throw new Error(`the daemon did not start: ${stdout}${stderr}`);
  return Number(pid);
}

/** What the sandbox's daemon says of itself, or undefined when none runs. */
export async function daemonStatus(sandbox: Sandbox, options: RunOptions = {}): Promise<DaemonStatus | undefined> {
  const { stdout } = await runPipd(sandbox, ["daemon", "status", "--json"], options);
  const status = JSON.parse(stdout) as DaemonStatus | { readonly state: "stopped" };
  return status.state === "stopped" ? undefined : status;
}

/** Stops the sandbox's daemon, if one runs. */
export async function stopDaemon(sandbox: Sandbox, options: RunOptions = {}): Promise<void> {
  await runPipd(sandbox, ["daemon", "stop"], options);
}
