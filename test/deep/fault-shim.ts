import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonStatus } from "../../protocol/methods.ts";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import type { FaultyDaemon } from "../harness/killing.ts";
import type { Sandbox } from "../harness/sandbox.ts";

/** Whether this machine can compile the shim. */
export const HAS_COMPILER = spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0;

/** Daemons of a sandbox whose changes of the disk can be made to fail or to be their last, by fault-shim.c. */
export async function prepareFaultyDaemon(
  sandbox: Sandbox,
  program: string,
  folders: readonly string[],
): Promise<FaultyDaemon> {
  const shim = join(sandbox.folder, "fault-shim.so");
  const source = join(import.meta.dirname, "fault-shim.c");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"]);
  const control = join(sandbox.folder, "fault-control");
  writeFileSync(control, Buffer.alloc(16));
  const descriptor = openSync(control, "r+");
  await startDaemon(sandbox, { program });
  const places = JSON.stringify(((await daemonStatus(sandbox, { program })) as DaemonStatus).folders);
  await stopDaemon(sandbox, { program });
  const command = [
    "--max-semi-space-size=8",
    join(dirname(dirname(program)), ".build/daemon.js"),
    `--folders=${places}`,
  ];
  const env = { ...sandbox.env, LD_PRELOAD: shim, FAULT_CONTROL: control, FAULT_FOLDERS: folders.join(":") };
  let pid: number | undefined;
  const write = (left: number, error: number, sticky: number): void => {
    writeSync(descriptor, new Int32Array([left, error, sticky, 0]), 0, 16, 0);
  };
  return {
    async start() {
      write(0, 0, 0);
      const running = (await daemonStatus(sandbox, { program }))?.pid;
      if (running !== undefined && running === pid) return running;
      await stopDaemon(sandbox, { program });
      const child = spawn(process.execPath, command, { env, cwd: "/", detached: true, stdio: "ignore" });
      child.unref();
      pid = child.pid!;
      for (;;) {
        if ((await daemonStatus(sandbox, { program }))?.pid === pid) return pid;
        if (child.exitCode !== null) await once(child, "exit");
        await sleep(20);
      }
    },
    arm: (call, error, sticky = false) => write(call, error === undefined ? 0 : constants.errno[error], sticky ? 1 : 0),
    disarm() {
      const state = new Int32Array(4);
      readSync(descriptor, state, 0, 16, 0);
      write(0, 0, 0);
      return { fired: state[0]! <= 0, calls: state[3]! };
    },
    isLoaded: () => readFileSync(`/proc/${pid}/maps`, "utf8").includes("fault-shim.so"),
  };
}
