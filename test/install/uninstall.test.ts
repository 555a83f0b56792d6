/** Removals of everything that is not an ordinary wheel, and what stays. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { createFolderReader } from "../../daemon/install/folder-reader.ts";
import { pathsOf } from "../../daemon/install/path-set.ts";
import { removalListing, removalMoves } from "../../daemon/install/removal-paths.ts";
import { planUninstall } from "../../daemon/install/uninstall.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { createSandbox, type TestEnvironment } from "./sandbox.ts";

function put(environment: TestEnvironment, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(environment.site, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
}

const entriesOf = (paths: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map(
    [...Map.groupBy(paths, dirname)].map(([folder, all]) => [folder, new Set(all.map((path) => basename(path)))]),
  );

const METADATA = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n";

test("setuptools' flat egg-info: installed-files.txt, else top_level.txt without namespaces", async (t) => {
  const environment = await createSandbox(t).environment("env");
  const pristine = snapshotTree(environment.root);
  put(environment, {
    "thing-1.0-py3.11.egg-info/PKG-INFO": METADATA,
    "thing-1.0-py3.11.egg-info/installed-files.txt": "../thing/__init__.py\nPKG-INFO\n../../../../bin/thing\n",
    "thing/__init__.py": "",
    "thing/__pycache__/__init__.cpython-311.pyc": "",
    "../../../bin/thing": "",
  });
  await environment.uninstall("thing");
  assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);
  put(environment, {
    "thing-1.0-py3.11.egg-info/PKG-INFO": METADATA,
    "thing-1.0-py3.11.egg-info/top_level.txt": "thing\nshared\nsingle\n",
    "thing-1.0-py3.11.egg-info/namespace_packages.txt": "shared\n",
    "thing/deep/__init__.py": "",
    "single.py": "",
    "shared/other.py": "",
  });
  await environment.uninstall("thing");
  assert.deepEqual(
    treeDifferences(snapshotTree(environment.root), pristine).map((line) => line.replace(/.*site-packages\//, "")),
    ["shared (folder)", "shared/other.py (file)"],
  );
});

test("setup.py develop: the egg-link and its line of easy-install.pth, never the project", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const project = join(sandbox.folder, "project");
  mkdirSync(join(project, "thing.egg-info"), { recursive: true });
  writeFileSync(join(project, "thing.egg-info/PKG-INFO"), METADATA);
  for (const lineEnd of ["\n", "\r\n"]) {
    put(environment, {
      "thing.egg-link": `${project}\n.`,
      "easy-install.pth": ["/elsewhere", project, "./other.egg"].join(lineEnd),
    });
    await environment.uninstall("thing");
    assert.equal(existsSync(join(environment.site, "thing.egg-link")), false);
    assert.equal(
      readFileSync(join(environment.site, "easy-install.pth"), "utf8"),
      ["/elsewhere", "./other.egg", ""].join(lineEnd),
    );
    assert.ok(existsSync(join(project, "thing.egg-info/PKG-INFO")));
  }
});

test("refusals in pip's words", async (t) => {
  const environment = await createSandbox(t).environment("env");
  put(environment, { "thing-1.0.dist-info/METADATA": METADATA });
  assert.throws(() => environment.removals("thing"), {
    code: "uninstall-no-record-file",
    message: "Cannot uninstall thing 1.0\nThe package's contents are unknown: no RECORD file was found for thing.",
    hint: "You might be able to recover from this via: pip install --ignore-installed --no-deps thing==1.0",
  });
  put(environment, { "thing-1.0.dist-info/INSTALLER": "\nconda \n" });
  assert.throws(() => environment.removals("thing"), {
    hint: "The package was installed by conda. You should check if it can uninstall the package.",
  });
  rmSync(join(environment.site, "thing-1.0.dist-info"), { recursive: true });
  put(environment, { "thing-1.0.egg-info": METADATA });
  assert.throws(() => environment.removals("thing"), {
    code: "uninstall-distutils-installed-package",
    message: /^Cannot uninstall thing 1.0\nIt is a distutils/,
  });
});

test("nothing outside the environment, whatever RECORD says", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const outside = join(sandbox.folder, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "precious.txt"), "");
  writeFileSync(join(sandbox.folder, "env-sibling.txt"), "");
  symlinkSync(outside, join(environment.site, "linked"));
  put(environment, {
    "thing-1.0.dist-info/METADATA": METADATA,
    "thing-1.0.dist-info/RECORD": [
      "thing-1.0.dist-info/METADATA,,",
      "thing-1.0.dist-info/RECORD,,",
      `${outside}/precious.txt,,`,
      "../../../../outside/precious.txt,,",
      "linked/precious.txt,,",
      "../../../../env-sibling.txt,,",
      "linked,,",
      "..,,",
      "../../..,,",
      "",
    ].join("\n"),
  });
  const [plan] = environment.removals("thing");
  assert.deepEqual(plan?.refused, [join(sandbox.folder, "env-sibling.txt"), join(outside, "precious.txt")].sort());
  assert.deepEqual(
    pathsOf(plan.entries),
    ["linked", "thing-1.0.dist-info/METADATA", "thing-1.0.dist-info/RECORD"].map((path) =>
      join(environment.site, path),
    ),
  );
  await environment.uninstall("thing");
  assert.ok(existsSync(join(outside, "precious.txt")));
  assert.ok(existsSync(join(environment.root, "pyvenv.cfg")));
  const base = planUninstall(
    { name: "thing", version: "1.0", location: outside, infoFolder: join(outside, "thing-1.0.dist-info") },
    environment.scope,
  );
  assert.equal(base.notice, `Not uninstalling thing at ${outside}, outside environment ${environment.root}`);
  assert.equal(base.entries.size, 0);
});

test("which renames take paths away, and what stays", (t) => {
  const { folder } = createSandbox(t);
  const make = (...paths: readonly string[]): string[] =>
    paths.map((path) => {
      const full = join(folder, path);
      mkdirSync(dirname(full), { recursive: true });
      if (!path.endsWith("/")) writeFileSync(full, "");
      else mkdirSync(full, { recursive: true });
      return full;
    });
  const ours = make(
    "site/pkg/a.py",
    "site/pkg/sub/b.py",
    "site/ns/one/c.py",
    "site/part/d.py",
    "share/man/man1/x.1",
    "site/e.py",
  );
  make("site/pkg/empty/", "site/ns/two/other.py", "site/part/foreign.txt", "share/empty/");
  const moves = removalMoves(entriesOf(ours), [join(folder, "site")], createFolderReader());
  assert.deepEqual(moves.map((path) => path.slice(folder.length + 1)).sort(), [
    "share/man",
    "site/e.py",
    "site/ns/one",
    "site/part/d.py",
    "site/pkg",
  ]);
  const listing = removalListing({ paths: ours, refused: [] }, true, createFolderReader());
  assert.deepEqual(
    listing.wouldMove.map((path) => path.slice(folder.length + 1)),
    ["share/man/man1/", "site/e.py", "site/ns/one/", "site/part/d.py", "site/pkg/"],
  );
});
