/** The same wheels, installed by pip and by pipd at the same path: the same files, modes and RECORD. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createCompiler } from "../../daemon/install/compile.ts";
import { createFolderReader } from "../../daemon/install/folder-reader.ts";
import { pathsOf } from "../../daemon/install/path-set.ts";
import { planInstall } from "../../daemon/install/plan.ts";
import { removalListing } from "../../daemon/install/removal-paths.ts";
import { readTargetFolder, retarget } from "../../daemon/install/retarget.ts";
import { applyPlan } from "../../daemon/install/transaction.ts";
import { loadWheelContent } from "../../daemon/install/wheel-content.ts";
import { isCurrentPip } from "../harness/pip.ts";
import { type SnapshotOptions, snapshotTree, treeDifferences } from "../harness/tree.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";
import { callOf, createSandbox } from "./sandbox.ts";

const SPECS: readonly WheelSpec[] = [
  {
    name: "Every-Thing",
    version: "1.2",
    files: {
      "every_thing/__init__.py": "x = 1\n",
      "every_thing/sub/mod.py": "def main():\n    print('main ran')\n",
      "every_thing/sub/broken.py": "def (:\n",
      "every_thing/data, with comma.txt": "comma\n",
      "every_thing/ünïcödé 字.txt": "text\n",
      "every_thing/tool": { content: "#!/bin/sh\n", mode: 0o755 },
      "every_thing/__pycache__/shipped.cpython-27.pyc": "old",
      "space/nested/part_one.py": "one = 1\n",
      "every_thing_link.pth": "# nothing\n",
      "top_module.py": "top = True\n",
    },
    data: {
      scripts: {
        "plain-script": "#!/bin/sh\necho hi\n",
        "py-script": { content: "#!python -u\nprint('rewritten')\n", mode: 0o755 },
        "plain.py": "#!/usr/bin/env python3\nprint(1)\n",
        "pyw-script": "#!pythonw\nprint('rewritten')",
        "every-tool": "#!python\nold wrapper of setuptools\n",
        "every-tool-script.py": "#!python\nold wrapper of setuptools\n",
      },
      data: { "share/man/man1/every.1": "manual\n", "etc/every.conf": "conf\n" },
      headers: { "every.h": "#define X\n", "sub/more.h": "#define Y\n" },
      purelib: { "every_thing/from_data.py": "y = 2\n", "top_module.py": "top = 'data wins'\n" },
      platlib: { "every_native.py": "z = 3\n" },
    },
    entryPoints: {
      console_scripts: { "every-tool": "every_thing.sub.mod:main", "every-extra": "every_thing.sub.mod:main [extra]" },
      gui_scripts: { "every-gui": "every_thing.sub.mod:main" },
      other: { ignored: "a:b" },
    },
    distInfoFiles: { "licenses/LICENSE.txt": "free\n" },
  },
  {
    name: "native",
    rootIsPurelib: false,
    files: {
      "native/__init__.py": "",
      "space/nested/part_two.py": "two = 2\n",
      "every_thing/__init__.py": "x = 'earlier loses'\n",
    },
  },
  {
    name: "pip",
    version: "99.0",
    files: { "pip_fake.py": "" },
    entryPoints: {
      console_scripts: { pip: "pip_fake:f", pip2: "pip_fake:f", "pip3.99": "pip_fake:f", pipx: "pip_fake:f" },
    },
  },
];
/** Among projects without dependencies pip installs the last name first. */
const NAMES = ["Every-Thing", "native", "pip"];
const KEYS = ["every-thing", "native", "pip"];

/** What may differ: byte code (file names are compared), who installed, and the first two again where RECORD has their hashes. */
const COMPARED: SnapshotOptions = {
  normalize(path, content) {
    if (path.endsWith(".pyc") || path.endsWith("/INSTALLER")) return "";
    // Before 24 pip wrote its scripts with another template.
    if (!isCurrentPip && /^bin\/(every-|pip)/.test(path)) return "";
    if (!path.endsWith("/RECORD")) return content;
    const text = content.toString().replace(/^(.*\/INSTALLER),.*$/gm, "$1");
    return isCurrentPip ? text : text.replace(/^(\.\.\/\.\.\/\.\.\/bin\/(?:every-|pip).*?),.*$/gm, "$1");
  },
};

const PIP_INSTALL = ["install", "--no-index", "--no-deps", "--no-warn-script-location"];

test("pip's tree removed, made again, and removed by pip", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const wheels = await sandbox.wheels(...SPECS);
  const pristine = snapshotTree(environment.root);
  environment.pip([...PIP_INSTALL, "-f", sandbox.wheelhouse, ...NAMES]);
  const expected = snapshotTree(environment.root, COMPARED);

  await environment.uninstall(...KEYS);
  assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);

  const compiler = createCompiler();
  t.after(() => compiler.close());
  for (const wheel of wheels) await compiler.compileInStore(wheel, environment.facts, new AbortController().signal);
  await environment.install(wheels.toReversed(), { requested: true, compile: true });
  assert.deepEqual(treeDifferences(snapshotTree(environment.root, COMPARED), expected), []);
  assert.equal(readFileSync(join(environment.site, "Every_Thing-1.2.dist-info/INSTALLER"), "utf8"), "pipd\n");
  assert.equal(
    environment.python("import every_thing, top_module; print(every_thing.x, top_module.top)"),
    "1 data wins\n",
  );

  writeFileSync(join(environment.site, "every_thing/by_hand.txt"), "mine");
  const [plan] = environment.removals("every-thing");
  assert.ok(plan);
  const shown = environment.pip(["uninstall", "every-thing"], { input: "n\n" });
  const listed = shown.slice(shown.indexOf("\n") + 1, shown.indexOf("Proceed"));
  const { wouldRemove, wouldSkip } = removalListing(
    { paths: pathsOf(plan.entries), refused: plan.refused },
    false,
    createFolderReader(),
  );
  const lines = [
    "Uninstalling Every-Thing-1.2:",
    "  Would remove:",
    ...wouldRemove.map((path) => `    ${path}`),
    "  Would not remove (might be manually added):",
    ...wouldSkip.map((path) => `    ${path}`),
  ];
  assert.deepEqual(listed.trimEnd().split("\n"), lines);
  rmSync(join(environment.site, "every_thing/by_hand.txt"));

  environment.pip(["uninstall", "-y", ...NAMES]);
  // pip leaves parents of folders that it moved whole (pipd takes them along), and takes site-packages when it is empty (pipd does not).
  const leftByPip = treeDifferences(snapshotTree(environment.root), pristine);
  assert.deepEqual(
    leftByPip.filter((line) => !/^(?:\+ (?:share|include\/site)\S*|- lib\/\S+\/site-packages) \(folder\)$/.test(line)),
    [],
  );
});

test("scripts for an interpreter that no kernel takes in a first line", async (t) => {
  const sandbox = createSandbox(t);
  const wheels = await sandbox.wheels(...SPECS);
  for (const name of ["with space", "long".repeat(40)]) {
    const environment = await sandbox.environment(name);
    environment.pip([...PIP_INSTALL, "--no-compile", "-f", sandbox.wheelhouse, ...NAMES]);
    const expected = snapshotTree(environment.root, COMPARED);
    renameSync(environment.root, `${environment.root} of pip`);
    await sandbox.environment(name);
    await environment.install(wheels.toReversed(), { requested: true });
    assert.deepEqual(treeDifferences(snapshotTree(environment.root, COMPARED), expected), []);
    assert.equal(execFileSync(join(environment.root, "bin/every-tool"), { encoding: "utf8", env: {} }), "main ran\n");
  }
});

const AIM: WheelSpec = {
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

test("a --target folder as pip leaves it, with its warnings", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const [wheel] = await sandbox.wheels(AIM);
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
