/** An installation from trees that lie ready leaves what linking leaves, in every case, or does not use them. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCompiler } from "../../daemon/install/compile.ts";
import { spareKey, stageSpare } from "../../daemon/install/spare-stage.ts";
import { createWorkerPool } from "../../daemon/std/worker-pool.ts";
import { createSpareTrees, type SpareTrees } from "../../daemon/store/spare-trees.ts";
import type { StoredWheel } from "../../daemon/store/wheel-store.ts";
import { snapshotTree, type Tree, treeDifferences } from "../harness/tree.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";
import { beforeEachChange, systemError } from "./fault-injection.ts";
import { callOf, createSandbox, type PlanOptions, type TestEnvironment } from "./sandbox.ts";

const SPECS: readonly WheelSpec[] = [
  {
    name: "plain",
    files: { "plain/__init__.py": "x = 1\n", "plain/deep/er/mod.py": "y = 2\n", "plain/data.txt": "d" },
  },
  {
    name: "mixed",
    files: {
      "mixed/__init__.py": "",
      "mixed_top.py": "z = 3\n",
      "space/mixed/a.py": "",
      "mixed/tool": { content: "", mode: 0o755 },
    },
    data: {
      purelib: { "mixed/extra.py": "e = 1\n" },
      scripts: { "mixed-run": "#!python\n" },
      data: { "share/m/i.txt": "i", "share/all/mixed/deep/run.py": "r = 1\n", "etc/mixed.cfg": "" },
      headers: { "own/mixed.h": "" },
    },
    entryPoints: { console_scripts: { mixed: "mixed:main" } },
  },
  {
    name: "other",
    files: { "space/other/b.py": "", "other/__init__.py": "" },
    data: { data: { "share/all/other/o.txt": "o", "share/all/of-all.txt": "" }, platlib: { "other/late.py": "" } },
  },
];

interface Scene {
  readonly environment: TestEnvironment;
  readonly wheels: readonly StoredWheel[];
  readonly spares: SpareTrees;
  readonly folder: string;
  readonly pristine: Tree;
  readonly lay: () => Promise<void>;
}

async function prepare(t: TestContext, compile = true): Promise<Scene> {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const wheels = await sandbox.wheels(...SPECS);
  const compiler = createCompiler();
  t.after(() => compiler.close());
  if (compile) {
    for (const wheel of wheels) await compiler.compileInStore(wheel, environment.facts, new AbortController().signal);
  }
  const folder = join(sandbox.folder, "store/wheels-v1/.spare");
  const spares = createSpareTrees(folder, join(sandbox.folder, "store/wheels-v1/.trash"));
  const pool = createWorkerPool({ size: 1, file: new URL("file:///nothing"), idleMs: 1 });
  const tag = compile ? (environment.facts.cacheTag ?? undefined) : undefined;
  return {
    environment,
    wheels,
    spares,
    folder,
    pristine: snapshotTree(environment.root),
    lay: async () => {
      for (const wheel of wheels) await stageSpare(wheel, tag, spares, pool);
    },
  };
}

const names = SPECS.map(({ name }) => name);

/** Inodes of the spare's folders, by path. */
const inodeOf = (path: string): number => statSync(path).ino;

test("what lies ready is renamed into place and is what linking leaves", async (t) => {
  for (const compile of [true, false]) {
    const { environment, wheels, spares, folder, pristine, lay } = await prepare(t, compile);
    for (const options of [{ compile }, { compile, requested: true }] satisfies PlanOptions[]) {
      await environment.install(wheels, options);
      const linked = snapshotTree(environment.root);
      await environment.uninstall(...names);
      assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);
      await lay();
      const [plain, mixed] = wheels.map((wheel) =>
        join(folder, spareKey(wheel, compile ? (environment.facts.cacheTag ?? undefined) : undefined)),
      );
      const [deep, info, shared, own] = [
        join(plain ?? "", "plain/deep/er"),
        join(plain ?? "", "plain-1.0.dist-info"),
        join(mixed ?? "", "mixed-1.0.data/data/share/all/mixed"),
        join(mixed ?? "", "mixed-1.0.data/data/etc"),
      ].map(inodeOf);
      await environment.install(wheels, { ...options, spares });
      assert.deepEqual(treeDifferences(snapshotTree(environment.root), linked), []);
      assert.equal(inodeOf(join(environment.site, "plain/deep/er")), deep, "it is the spare's folder");
      assert.equal(inodeOf(join(environment.site, "plain-1.0.dist-info")), info);
      assert.equal(inodeOf(join(environment.root, "share/all/mixed")), shared, "below a folder of several wheels");
      assert.equal(inodeOf(join(environment.root, "etc")), own);
      await environment.uninstall(...names);
      assert.deepEqual(treeDifferences(snapshotTree(environment.root), pristine), []);
    }
    if (compile) assert.equal(environment.python("import importlib; print(1)"), "1\n");
  }
});

test("R37 a tree is not used for another umask, a folder that hands on its group, or once anybody has changed it", async (t) => {
  const { environment, wheels, spares, folder, lay } = await prepare(t);
  const used = async (options: PlanOptions & { readonly before?: () => void } = {}): Promise<boolean> => {
    await lay();
    options.before?.();
    const ready = readdirSync(folder).filter((name) => !name.endsWith(".json"));
    const inodes = ready
      .map((key) => join(folder, key, "plain"))
      .filter(existsSync)
      .map(inodeOf);
    await environment.install(wheels, { compile: true, ...options, spares });
    const is = inodes.includes(inodeOf(join(environment.site, "plain")));
    await environment.uninstall(...names);
    return is;
  };
  assert.equal(await used(), true);
  assert.equal(await used({ target: environment.target({}, { umask: 0o077 }) }), false);
  assert.equal(await used({ target: environment.target({}, { linkMode: "copy" }) }), false);
  const change = (): void => {
    for (const key of readdirSync(folder)) {
      const place = join(folder, key, "plain/deep");
      if (existsSync(place)) writeFileSync(join(place, "foreign.py"), "");
    }
  };
  assert.equal(await used({ before: change }), false);
  assert.equal(await used(), true, "there is a new one");
  chmodSync(environment.site, 0o2755);
  assert.equal(await used(), false, "new folders inherit a group");
  chmodSync(environment.site, 0o755);
  assert.ok(!existsSync(join(environment.site, "plain")));
  mkdirSync(join(environment.site, "plain"));
  writeFileSync(join(environment.site, "plain/mine.txt"), "");
  assert.equal(await used(), false, "the folder is there already");
});

test("R56 whatever change of the disk fails, an installation from spare trees happens or does not", async (t) => {
  const { environment, wheels, spares, pristine, lay } = await prepare(t);
  await environment.install(wheels, { compile: true });
  const complete = snapshotTree(environment.root);
  await environment.uninstall(...names);
  let failed = 0;
  for (let point = 0, reached = true; reached; point += 3) {
    reached = false;
    await lay();
    const end = beforeEachChange(
      (path) => path.startsWith(environment.root),
      (count, what) => {
        if (count !== point) return;
        reached = true;
        throw systemError("ENOSPC", what);
      },
    );
    const outcome = await environment.install(wheels, { compile: true, spares, call: callOf() }).then(
      () => complete,
      () => pristine,
    );
    end();
    if (outcome === pristine) failed += 1;
    assert.deepEqual(
      treeDifferences(snapshotTree(environment.root), outcome).filter(
        (line) => !/\.pipd-(transaction|trash)/.test(line),
      ),
      [],
      `point ${point}`,
    );
    if (outcome === complete) await environment.uninstall(...names);
  }
  assert.ok(failed > 5, `${failed} points`);
});

test("trees are bounded, and go with their wheel", async (t) => {
  const { wheels, folder, spares, lay } = await prepare(t, false);
  await lay();
  assert.deepEqual(spares.count().trees, wheels.length);
  assert.ok(spares.count().bytes > 0);
  await spares.drop(wheels[0]?.sha256);
  assert.equal(spares.count().trees, wheels.length - 1);
  const few = createSpareTrees(folder, `${folder}.gone`, { trees: 1, bytes: 1e9 });
  const pool = createWorkerPool({ size: 1, file: new URL("file:///nothing"), idleMs: 1 });
  for (const wheel of wheels) await stageSpare(wheel, undefined, few, pool);
  assert.equal(few.count().trees, 1);
  await few.drop();
  assert.equal(few.count().trees, 0);
});
