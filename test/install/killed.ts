import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serialize } from "node:v8";
import { recoverTransactions } from "../../daemon/install/transaction.ts";
import { snapshotTree, type Tree, treeDifferences } from "../harness/tree.ts";
import type { WheelFiles } from "../harness/wheel-maker.ts";
import { callOf, createSandbox } from "./sandbox.ts";

const CHILD = join(import.meta.dirname, "apply-child.ts");
const WORKER = new URL("../../daemon/worker.ts", import.meta.url).href;

export interface Killer {
  /** Changes of the disk in one whole run, without the workers'. */
  readonly changes: number;
  /** Kills a run at this change (or after so many milliseconds from its start) and repairs; the tree must be the old or the new one. */
  killAt(point: { readonly change: number } | { readonly afterMs: number }): Promise<"old" | "new">;
}

/** An environment with demo 1.0, and demo 2.0 in the store with this many files. More than 500 are linked by workers. */
export async function createKiller(t: TestContext, size: number): Promise<Killer> {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const files = (text: string, from: number): WheelFiles =>
    Object.fromEntries(
      Array.from({ length: size }, (_, index) => [
        `demo/p${(index + from) % 20}/m${index + from}.py`,
        `${text} ${index}`,
      ]),
    );
  const share = (text: string): Record<string, WheelFiles> => ({ data: { "share/demo/info.txt": text } });
  const [old, fresh] = await sandbox.wheels(
    { name: "demo", version: "1.0", files: { ...files("old", 0), "demo.pth": "#old" }, data: share("old") },
    { name: "demo", version: "2.0", files: { ...files("new", 10), "demo.pth": "#new" }, data: share("new") },
  );
  assert.ok(old && fresh);
  await environment.install([old]);
  const before = snapshotTree(environment.root);
  const backup = join(sandbox.folder, "backup");
  cpSync(environment.root, backup, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const planFile = join(sandbox.folder, "plan");
  const target = environment.target();
  writeFileSync(planFile, serialize({ plan: environment.plan([fresh], { replace: ["demo"] }), target }));
  const worker = size > 500 ? WORKER : "-";

  const run = async (point: number, afterMs?: number): Promise<string> => {
    const child = spawn(process.execPath, [CHILD, planFile, String(point), worker], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { NODE_COMPILE_CACHE: join(sandbox.folder, "compile-cache") },
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      const first = output === "";
      output += chunk.toString();
      if (first && afterMs !== undefined) void sleep(afterMs).then(() => child.kill("SIGKILL"));
    });
    await once(child, "close");
    return output;
  };
  const restore = (): void => {
    rmSync(environment.root, { recursive: true });
    cpSync(backup, environment.root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  };

  const changes = Number((await run(-1)).split("\n")[1]);
  assert.ok(changes > 5, `${changes} changes`);
  const after: Tree = snapshotTree(environment.root);
  restore();
  return {
    changes,
    async killAt(point) {
      if ("change" in point) await run(point.change);
      else await run(-1, point.afterMs);
      const repaired = await recoverTransactions([environment.root], callOf());
      const left = snapshotTree(environment.root);
      const [fromOld, fromNew] = [treeDifferences(left, before), treeDifferences(left, after)];
      const state = fromOld.length === 0 ? "old" : fromNew.length === 0 ? "new" : undefined;
      assert.ok(state, `${JSON.stringify(point)} left neither:\nold ${fromOld.join("\n")}\nnew ${fromNew.join("\n")}`);
      if (repaired !== undefined) assert.equal(state, "old");
      assert.deepEqual(
        readdirSync(environment.root).filter((name) => name.startsWith(".pipd")),
        [],
      );
      if (state === "new") restore();
      return state;
    },
  };
}
