/**
 * Applies a plan and dies at a given change of the disk, as if it were killed there.
 * Arguments: a file with the plan and the target (v8.serialize), the number of the change (-1: not at all), and the file of worker.ts or "-".
 */
import { readFileSync } from "node:fs";
import { deserialize } from "node:v8";
import type { Plan } from "../../daemon/install/plan.ts";
import type { InstallTarget } from "../../daemon/install/target.ts";
import { applyPlan } from "../../daemon/install/transaction.ts";
import { SILENT_REPORTER } from "../../daemon/std/call.ts";
import { createWorkerPool } from "../../daemon/std/worker-pool.ts";
import { beforeEachChange } from "./fault-injection.ts";

const [file = "", point = "", worker = "-"] = process.argv.slice(2);
const { plan, target } = deserialize(readFileSync(file)) as { plan: Plan; target: InstallTarget };
const pool = worker === "-" ? undefined : createWorkerPool({ size: 2, file: new URL(worker), idleMs: 100 });
const call = { cwd: "/", env: {}, umask: 0o022, signal: new AbortController().signal, reporter: SILENT_REPORTER };
let changes = 0;
const end = beforeEachChange(
  (path) => path.startsWith(target.root),
  (count) => {
    changes = count + 1;
    if (count === Number(point)) process.kill(process.pid, "SIGKILL");
  },
);
process.stdout.write("ready\n");
await applyPlan(plan, target, call, { pool });
end();
await pool?.close();
process.stdout.write(`${changes}\n`);
