/** A transaction happens or it does not. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { applyPlan, recoverTransactions } from "../../daemon/install/transaction.ts";
import { createTrash } from "../../daemon/install/trash.ts";
import { createChores } from "../../daemon/std/chores.ts";
import { PipdError } from "../../daemon/std/errors.ts";
import { createWorkerPool } from "../../daemon/std/worker-pool.ts";
import type { StoredWheel } from "../../daemon/store/wheel-store.ts";
import { snapshotTree, type Tree, treeDifferences } from "../harness/tree.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";
import { beforeEachChange, systemError } from "./fault-injection.ts";
import { callOf, createSandbox, removalPlan, type TestEnvironment } from "./sandbox.ts";

const OLD: WheelSpec = {
  name: "demo",
  version: "1.0",
  files: {
    "demo/__init__.py": "__version__ = '1.0'\n",
    "demo/gone/only_old.py": "",
    "shared_space/demo_part.py": "1",
    "demo_single.py": "old",
  },
  data: { data: { "share/demo/info.txt": "old" }, scripts: { "demo-run": "#!python\nprint('old')\n" } },
  entryPoints: { console_scripts: { demo: "demo:main", "demo-old": "demo:main" } },
};
const NEW: WheelSpec = {
  name: "demo",
  version: "2.0",
  files: {
    "demo/__init__.py": "__version__ = '2.0'\n",
    "demo/fresh/only_new.py": "",
    "shared_space/demo_part.py": "2",
    "demo_single.py": "new",
  },
  data: {
    data: { "share/demo/info.txt": "new", "share/other/x.txt": "new" },
    scripts: { "demo-run": "#!python\nprint('new')\n" },
  },
  entryPoints: { console_scripts: { demo: "demo:main", "demo-new": "demo:main" } },
};
const NEIGHBOUR: WheelSpec = { name: "neighbour", files: { "shared_space/neighbour_part.py": "n" } };

interface Prepared {
  readonly environment: TestEnvironment;
  readonly fresh: StoredWheel;
  /** With demo 1.0 and the neighbour; cluttered: and files in demo's folders that it does not list, and odd modes. */
  readonly before: Tree;
}

async function prepare(t: TestContext, { cluttered = false } = {}): Promise<Prepared> {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const [old, neighbour, fresh] = await sandbox.wheels(OLD, NEIGHBOUR, NEW);
  assert.ok(old && neighbour && fresh);
  await environment.install([old, neighbour], { compile: true });
  if (cluttered) {
    mkdirSync(join(environment.site, "demo/__pycache__"));
    writeFileSync(join(environment.site, "demo/__pycache__/__init__.cpython-311.opt-1.pyc"), "byte code of 1.0");
    writeFileSync(join(environment.site, "demo/gone/by_hand.txt"), "mine");
    chmodSync(join(environment.site, "demo"), 0o750);
    chmodSync(join(environment.site, "demo/__init__.py"), 0o600);
  }
  return { environment, fresh, before: snapshotTree(environment.root) };
}

/** Not the trial of a reflink: it may fail. */
const changesOf =
  ({ root }: TestEnvironment) =>
  (path: string): boolean =>
    path.startsWith(root) && !path.endsWith("/probe");

const assertSame = (environment: TestEnvironment, expected: Tree, message?: string): void =>
  assert.deepEqual(treeDifferences(snapshotTree(environment.root), expected), [], message);

test("an upgrade leaves what a fresh installation leaves, and nothing else", async (t) => {
  const { environment, fresh, before } = await prepare(t);
  await environment.install([fresh], { replace: ["demo"] });
  const upgraded = snapshotTree(environment.root);
  assert.equal(readFileSync(join(environment.site, "demo_single.py"), "utf8"), "new");
  assert.ok(!existsSync(join(environment.root, "bin/demo-old")));
  await environment.uninstall("demo");
  await environment.install([fresh]);
  assertSame(environment, upgraded);
  assert.notDeepEqual(treeDifferences(upgraded, before), []);
});

test("whatever change of the disk fails, everything is as it was", async (t) => {
  const { environment, fresh, before } = await prepare(t, { cluttered: true });
  const isOurs = changesOf(environment);
  let failed = 0;
  for (let point = 0, reached = true; reached; point++) {
    reached = false;
    const plan = environment.plan([fresh], { replace: ["demo"] });
    const end = beforeEachChange(isOurs, (count, what) => {
      if (count !== point) return;
      reached = true;
      throw systemError("ENOSPC", what);
    });
    const outcome = await applyPlan(plan, environment.target(), callOf()).then(
      () => "applied",
      (error: unknown) => error,
    );
    end();
    if (outcome === "applied") {
      // After the commit only the trash is left to fail; the next command empties it.
      await recoverTransactions([environment.root], callOf());
      assert.equal(readFileSync(join(environment.site, "demo_single.py"), "utf8"), "new", `point ${point}`);
      break;
    }
    failed += 1;
    assert.ok(
      outcome instanceof PipdError && outcome.code === "environment-unwritable",
      `point ${point}: ${String(outcome)}`,
    );
    assertSame(environment, before, `point ${point}`);
  }
  assert.ok(failed > 30, `${failed} points`);
});

test("when even going back fails, the next command goes back", async (t) => {
  const { environment, fresh, before } = await prepare(t, { cluttered: true });
  const isOurs = changesOf(environment);
  for (const point of [8, 15, 22, 30]) {
    for (const later of [0, 1, 2, 5]) {
      const plan = environment.plan([fresh], { replace: ["demo"] });
      let failedAt: number | undefined;
      const end = beforeEachChange(isOurs, (count, what) => {
        if (count === point) failedAt = count;
        if (count === point || (failedAt !== undefined && count === point + 1 + later)) throw systemError("EIO", what);
      });
      await assert.rejects(
        applyPlan(plan, environment.target(), callOf()),
        (error: unknown) => error instanceof PipdError,
      );
      end();
      await recoverTransactions([environment.root], callOf());
      assertSame(environment, before, `point ${point} and ${later} later`);
    }
  }
});

test("an abort at any file goes back; an abort before the start does nothing", async (t) => {
  const { environment, fresh, before } = await prepare(t, { cluttered: true });
  const isOurs = changesOf(environment);
  for (let point = 0; point < 60; point += 3) {
    const controller = new AbortController();
    const plan = environment.plan([fresh], { replace: ["demo"] });
    const end = beforeEachChange(isOurs, (count) => {
      if (count === point) controller.abort(new Error("stop"));
    });
    const outcome = await applyPlan(plan, environment.target(), callOf({ signal: controller.signal })).then(
      () => "applied",
      (error: unknown) => String(error),
    );
    end();
    if (outcome === "applied") break;
    assert.equal(outcome, "Error: stop");
    assertSame(environment, before, `point ${point}`);
  }
  const aborted = callOf({ signal: AbortSignal.abort(new Error("stop")) });
  await assert.rejects(environment.install([fresh], { call: aborted, replace: ["demo"] }), /stop/);
});

test("what stands in the way is said in pip's words before anything changes", async (t) => {
  const { environment, fresh } = await prepare(t);
  await environment.uninstall("demo");
  const obstacles: readonly (readonly [path: string, make: (path: string) => void, message: RegExp])[] = [
    ["demo_single.py", (path) => mkdirSync(path), /\[Errno 21\] Is a directory: '.*demo_single.py'/],
    ["demo", (path) => writeFileSync(path, "a file"), /\[Errno 17\] File exists: '.*\/demo'/],
    [
      "demo/fresh",
      (path) => {
        mkdirSync(join(path, ".."));
        symlinkSync("nowhere", path);
      },
      /\[Errno 17\] File exists: '.*\/demo\/fresh'/,
    ],
  ];
  for (const [name, make, message] of obstacles) {
    const path = join(environment.site, name);
    make(path);
    const before = snapshotTree(environment.root);
    await assert.rejects(environment.install([fresh]), { code: "environment-unwritable", message });
    assertSame(environment, before, name);
    rmSync(join(environment.site, name.split("/")[0] ?? ""), { recursive: true });
  }
});

test("existing files are replaced, without following links, and with the byte code of what they replace", async (t) => {
  const { environment, fresh } = await prepare(t);
  await environment.uninstall("demo");
  const outside = join(environment.root, "../outside.txt");
  writeFileSync(outside, "outside");
  symlinkSync(outside, join(environment.site, "demo_single.py"));
  mkdirSync(join(environment.site, "__pycache__"), { recursive: true });
  for (const name of [
    "demo_single.cpython-311.pyc",
    "demo_single.cpython-311.opt-2.pyc",
    "demo_single2.cpython-311.pyc",
  ]) {
    writeFileSync(join(environment.site, "__pycache__", name), "stale");
  }
  await environment.install([fresh]);
  assert.equal(readFileSync(outside, "utf8"), "outside");
  assert.equal(readFileSync(join(environment.site, "demo_single.py"), "utf8"), "new");
  assert.deepEqual(readdirSync(join(environment.site, "__pycache__")), ["demo_single2.cpython-311.pyc"]);
});

test("a folder that is a link is written through, and one library under two names is one", async (t) => {
  const { environment, fresh } = await prepare(t);
  await environment.uninstall("demo");
  mkdirSync(join(environment.site, "elsewhere"));
  symlinkSync("elsewhere", join(environment.site, "demo"));
  await environment.install([fresh]);
  assert.ok(existsSync(join(environment.site, "elsewhere/fresh/only_new.py")));
  const [plan] = environment.removals("demo");
  assert.ok(plan?.entries.get(join(environment.site, "elsewhere/fresh"))?.has("only_new.py"));
});

test("modes follow the caller's umask, files of the store keep theirs", async (t) => {
  const { environment, fresh } = await prepare(t);
  await environment.uninstall("demo");
  for (const umask of [0o077, 0o002, 0o022]) {
    await environment.install([fresh], { target: environment.target({}, { umask }) });
    const modeOf = (path: string): number => statSync(join(environment.root, path)).mode & 0o777;
    assert.equal(modeOf("share/other"), 0o777 & ~umask);
    assert.equal(modeOf("share/other/x.txt"), 0o666 & ~umask);
    assert.equal(modeOf("bin/demo"), (0o666 & ~umask) | 0o555);
    assert.equal(statSync(join(fresh.tree, "demo_single.py")).mode & 0o777, 0o644);
    assert.equal(
      Math.floor(statSync(join(environment.site, "demo_single.py")).mtimeMs / 1000),
      Math.floor(statSync(join(fresh.tree, "demo_single.py")).mtimeMs / 1000),
    );
    await environment.uninstall("demo");
  }
});

test("files are hard links while the source has links left, and copies where no link can be", async (t) => {
  const { environment, fresh } = await prepare(t);
  const installed = join(environment.site, "demo_single.py");
  const inode = (): number => statSync(installed).ino;
  const stored = statSync(join(fresh.tree, "demo_single.py")).ino;
  const target = environment.target({}, { linkMode: "hardlink" });
  await environment.install([fresh], { replace: ["demo"], target });
  assert.equal(inode(), stored);
  for (const errno of ["EMLINK", "EXDEV", "EPERM"]) {
    const end = beforeEachChange(
      (path) => path.startsWith(environment.root),
      (_count, what) => {
        if (what.startsWith("linkSync")) throw systemError(errno, what);
      },
    );
    await environment.install([fresh], { replace: ["demo"], target });
    end();
    assert.notEqual(inode(), stored, errno);
    assert.equal(readFileSync(installed, "utf8"), "new");
  }
});

test("where folders cannot be renamed (overlayfs) they are moved file by file, and come back the same way", async (t) => {
  const { environment, fresh, before } = await prepare(t);
  const isOurs = changesOf(environment);
  const run = async (point: number): Promise<unknown> => {
    const plan = environment.plan([fresh], { replace: ["demo"] });
    const end = beforeEachChange(isOurs, (count, what) => {
      if (count === point) throw systemError("EIO", what);
      if (/^renameSync (?!\S*\.pipd-part ).*\/trash\/\d+$/.test(what)) throw systemError("EXDEV", what);
    });
    const outcome = await applyPlan(plan, environment.target(), callOf()).catch((error: unknown) => error);
    end();
    return outcome;
  };
  let failed = 0;
  for (let point = 0; point < 500; point += 2) {
    const outcome = await run(point);
    if (!(outcome instanceof Error)) break;
    failed += 1;
    await recoverTransactions([environment.root], callOf());
    assertSame(environment, before, `point ${point}`);
  }
  assert.ok(failed > 10, `${failed} points`);
  assert.ok(!existsSync(join(environment.site, "demo/gone")));
  assert.equal(readFileSync(join(environment.site, "demo_single.py"), "utf8"), "new");
  await recoverTransactions([environment.root], callOf());
  assert.deepEqual(
    readdirSync(environment.root).filter((name) => name.startsWith(".pipd")),
    [],
  );
});

test("many files go through the workers; a foreign file in the way stops them", async (t) => {
  const sandbox = createSandbox(t);
  const environment = await sandbox.environment("env");
  const files = Object.fromEntries(
    Array.from({ length: 700 }, (_, index) => [`big/p${index % 50}/m${index}.py`, `${index}`]),
  );
  const [big] = await sandbox.wheels({ name: "big", files });
  assert.ok(big);
  const pool = createWorkerPool({ size: 2, file: new URL("../../daemon/worker.ts", import.meta.url), idleMs: 1000 });
  t.after(() => pool.close());
  const pristine = snapshotTree(environment.root);
  const seen: number[] = [];
  const reporter = { message: () => {}, progress: ({ done = 0 }: { done?: number }) => void seen.push(done) };
  await environment.install([big], { pool, call: callOf({ reporter }) });
  const installed = snapshotTree(environment.root);
  assert.equal(seen.at(-1), 700 + 4);
  assert.equal([...installed.keys()].filter((path) => path.includes("/big/p")).length, 750);

  const plan = environment.plan([big], { replace: ["big"] });
  const end = beforeEachChange(
    (path) => path.startsWith(environment.root),
    (_count, what) => {
      // The old dist-info is away; the old package follows. Somebody else makes a file of the new one.
      if (!what.endsWith("/trash/1")) return;
      end();
      writeFileSync(join(environment.site, "big-1.0.dist-info"), "foreign");
    },
  );
  await assert.rejects(applyPlan(plan, environment.target(), callOf(), { pool }), PipdError);
  const left = treeDifferences(snapshotTree(environment.root), installed);
  assert.deepEqual(left, []);

  await environment.uninstall("big");
  assertSame(environment, pristine);
});

test("what was moved away can be deleted later", async (t) => {
  const { environment } = await prepare(t);
  const put: string[] = [];
  await applyPlan(removalPlan(environment.removals("demo")), environment.target(), callOf(), {
    trash: (folder) => put.push(folder),
  });
  const journals = (): string[] => readdirSync(environment.root).filter((name) => name.startsWith(".pipd"));
  assert.equal(journals().length, 1);
  assert.equal(await recoverTransactions([environment.root], callOf()), undefined, "it belongs to a living process");
  assert.equal(journals().length, 1);
  const register = join(environment.root, "../register");
  createTrash({ chores: createChores({ pauseMs: 0, quietMs: 0, elapsed: () => 0 }), register }).put(put[0] ?? "");
  assert.equal(readdirSync(register).length, 1);
  while (readdirSync(register).length > 0) await setTimeout(5);
  assert.equal(journals().length, 0);
});

test("a folder that did not exist is made for an installation and goes with its failure", async (t) => {
  const { environment, fresh } = await prepare(t);
  const prefix = join(environment.root, "../new/prefix");
  const target = environment.target({ prefix });
  await environment.install([fresh], { target });
  assert.ok(existsSync(join(prefix, "share/other/x.txt")));
  rmSync(join(environment.root, "../new"), { recursive: true });
  const end = beforeEachChange(
    (path) => path.includes("/new/"),
    (count, what) => {
      if (count === 20) throw systemError("ENOSPC", what);
    },
  );
  await assert.rejects(environment.install([fresh], { target }), /No space left on device/);
  end();
  assert.ok(!existsSync(join(environment.root, "../new")));
});
