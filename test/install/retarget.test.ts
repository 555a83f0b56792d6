/** `--target` against pip. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { planInstall } from "../../daemon/install/plan.ts";
import { readTargetFolder, retarget } from "../../daemon/install/retarget.ts";
import { applyPlan } from "../../daemon/install/transaction.ts";
import { loadWheelContent } from "../../daemon/install/wheel-content.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";
import { callOf, createSandbox, isCurrentPip } from "./sandbox.ts";

const SPEC: WheelSpec = {
  name: "aim",
  version: "2.0",
  files: { "aim/__init__.py": "new", "aim_single.py": "new", "linked/x.py": "new", "fresh/y.py": "new" },
  data: {
    data: { "share/aim.txt": "new", "lib/lost.txt": "new" },
    headers: { "aim.h": "new" },
    scripts: { "aim-run": "#!python\n" },
  },
  entryPoints: { console_scripts: { aim: "aim:main" } },
};

test("a target folder as pip leaves it, with its warnings", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const [wheel] = await sandbox.wheels(SPEC);
  assert.ok(wheel);
  const start = join(sandbox.folder, "start");
  for (const path of ["aim", "aim-1.0.dist-info", "bin", "elsewhere"])
    mkdirSync(join(start, path), { recursive: true });
  for (const path of ["aim/old.py", "aim-1.0.dist-info/METADATA", "bin/other", "aim_single.py", "elsewhere/z"]) {
    writeFileSync(join(start, path), "old");
  }
  symlinkSync("elsewhere", join(start, "linked"));
  const folder = join(sandbox.folder, "target");
  const compared = {
    normalize: (path: string, content: Buffer): Buffer | string =>
      path.endsWith("INSTALLER") || path.endsWith("RECORD") || (!isCurrentPip && path === "bin/aim") ? "" : content,
  };
  for (const [existing, upgrade] of [
    [false, false],
    [true, false],
    [true, true],
  ] as const) {
    const reset = (): void => {
      rmSync(folder, { recursive: true, force: true });
      if (existing) cpSync(start, folder, { recursive: true, verbatimSymlinks: true });
    };
    reset();
    const flags = ["--no-index", "--no-deps", "--no-compile", "-f", sandbox.wheelhouse, ...(upgrade ? ["-U"] : [])];
    const output = environment.pip(["install", "--target", folder, ...flags, "aim"]);
    const expected = snapshotTree(folder, compared);
    const said = [...output.matchAll(/^WARNING: (Target directory .*)$/gm)].map(([, text]) => text);

    reset();
    const target = environment.target({ home: folder });
    const plan = planInstall({
      target,
      removals: [],
      compile: false,
      wheels: [
        {
          wheel,
          content: loadWheelContent(wheel, target.cacheTag),
          name: "aim",
          requested: true,
          directUrl: undefined,
        },
      ],
    });
    const moved = retarget(plan, target, folder, readTargetFolder(folder), upgrade);
    await applyPlan(moved.plan, target, callOf());
    assert.deepEqual(
      treeDifferences(snapshotTree(folder, compared), expected),
      [],
      `existing ${existing}, upgrade ${upgrade}`,
    );
    assert.deepEqual(new Set(moved.warnings), new Set(said));
  }
  writeFileSync(join(sandbox.folder, "file"), "");
  assert.throws(() => readTargetFolder(join(sandbox.folder, "file")), { code: "target-not-folder" });
});
