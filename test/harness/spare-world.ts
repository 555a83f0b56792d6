/** Wheels whose linked trees lie ready in the store of a daemon that can be disturbed while it uses them. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus } from "./daemon-runner.ts";
import { installationIn } from "./installation.ts";
import { NEWEST } from "./interpreters.ts";
import { type Finished, PIPD, type RunOptions, runPipd } from "./run-cli.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { snapshotTree, type Tree, treeDifferences } from "./tree.ts";
import { type WheelSpec, writeWheel } from "./wheel-maker.ts";

const SPECS: readonly WheelSpec[] = [
  {
    name: "plain",
    files: { "plain/__init__.py": "", "plain/deep/er/mod.py": "y = 2\n", "plain_more/__init__.py": "" },
  },
  {
    name: "mixed",
    files: { "mixed/__init__.py": "", "mixed_top.py": "z = 3\n", "space/mixed/a.py": "" },
    data: { data: { "share/m/i.txt": "i" } },
    entryPoints: { console_scripts: { mixed: "mixed:main" } },
  },
  { name: "other", files: { "space/other/b.py": "", "other/__init__.py": "", "other/data.txt": "d" } },
];
const NAMES = SPECS.map(({ name }) => name);

export interface SpareWorld extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly program: string;
  /** The environment: of nothing, and of all wheels. */
  readonly root: string;
  readonly pristine: Tree;
  readonly complete: Tree;
  /** The folder with the trees. */
  readonly spares: string;
  readonly pipd: (args: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** Installs all wheels, into this environment or another. */
  readonly install: (options?: RunOptions, root?: string) => Promise<Finished>;
  /** Installs and uninstalls, so that nothing is installed and all trees lie ready. */
  readonly lay: () => Promise<void>;
  /** What happens to the daemon: at the rename of the n-th folder of a tree (from 0) it is killed, or all such renames fail, or the disk is full. */
  readonly disturb: (what: number | "EXDEV" | "full") => void;
  /** Ends that; tells whether it has happened. */
  readonly calm: () => boolean;
  /** Whether what was installed last came out of a tree that lay ready. */
  readonly used: () => boolean;
}

/** In front of the daemon's bundle. `fuse` is a file with what is to happen. */
const hook = (fuse: string): string => `
  const fuse = ${JSON.stringify(fuse)};
  const { existsSync, readFileSync, renameSync, statfsSync, writeFileSync } = __fs;
  const read = () => (existsSync(fuse) ? readFileSync(fuse, "utf8") : "");
  const burn = () => writeFileSync(fuse + ".burnt", "");
  __fs.renameSync = (from, to) => {
    const what = String(from).includes("/.spare/") && !String(to).includes("/wheels-v1/") ? read() : "";
    if (what === "EXDEV") {
      burn();
      throw Object.assign(new Error("EXDEV: cross-device link not permitted"), { code: "EXDEV", path: from });
    }
    if (what === "0") {
      burn();
      process.kill(process.pid, "SIGKILL");
    }
    if (Number(what) > 0) writeFileSync(fuse, String(Number(what) - 1));
    return renameSync(from, to);
  };
  __fs.statfsSync = (...args) => {
    const found = statfsSync(...args);
    if (read() !== "full") return found;
    burn();
    return { ...found, bavail: 0 };
  };
`;

/** Of a folder, wherever it is moved. The numbers of folders that were deleted come again. */
function identityOf(path: string): string {
  const { ino, mtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${mtimeNs}`;
}

export async function createSpareWorld(): Promise<SpareWorld> {
  const sandbox = createSandbox({ PYTHONDONTWRITEBYTECODE: "1", PIP_ROOT_USER_ACTION: "ignore" });
  const root = join(realpathSync(sandbox.makeFolder("project")), "env");
  const wheels = sandbox.makeFolder("wheels");
  for (const spec of SPECS) await writeWheel(wheels, spec);
  const { program, hookDaemon } = installationIn(sandbox, "install", undefined, PIPD);
  const fuse = join(sandbox.folder, "fuse");
  hookDaemon(hook(fuse));
  const spares = join(sandbox.cache, "wheels-v1/.spare");
  const folders = new Set<string>();
  const pipd: SpareWorld["pipd"] = (args, run) => runPipd(sandbox, args, { program, ...run });
  const works = async (finished: Promise<Finished>): Promise<Finished> => {
    const { code, stderr } = await finished;
    assert.deepEqual([code, stderr], [0, ""]);
    return finished;
  };
  const install: SpareWorld["install"] = (run, into = root) =>
    pipd(["--python", into, "install", "--no-compile", "--no-index", "--find-links", wheels, ...NAMES], run);
  const whenLaid = async (): Promise<void> => {
    for (let looks = 0; ; looks++) {
      const status = await daemonStatus(sandbox, { program });
      if (status?.program?.caches.spareTrees.entries === NAMES.length) break;
      assert.ok(looks < 500, "trees are made while nothing else is to be done");
      await sleep(20);
    }
    folders.clear();
    for (const name of readdirSync(spares, { recursive: true, encoding: "utf8" }))
      if (name.endsWith("/plain")) folders.add(identityOf(join(spares, name)));
  };
  await works(pipd(["venv", "-p", NEWEST.executable, root]));
  const pristine = snapshotTree(root);
  await works(install());
  await whenLaid();
  const complete = snapshotTree(root);
  const uninstall = (): Promise<Finished> => works(pipd(["--python", root, "uninstall", "-y", ...NAMES]));
  await uninstall();
  const site = [...complete.keys()].find((path) => path.endsWith("/plain")) ?? "";
  return {
    sandbox,
    program,
    root,
    pristine,
    complete,
    spares,
    pipd,
    install,
    async lay() {
      if (treeDifferences(snapshotTree(root), pristine).length === 0) await works(install());
      await whenLaid();
      await uninstall();
      assert.deepEqual(treeDifferences(snapshotTree(root), pristine), []);
    },
    disturb(what) {
      rmSync(`${fuse}.burnt`, { force: true });
      writeFileSync(fuse, String(what));
    },
    calm() {
      rmSync(fuse, { force: true });
      return existsSync(`${fuse}.burnt`);
    },
    used: () => folders.has(identityOf(join(root, site))),
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

/** Kills the daemon at the rename of the n-th folder: the next command finds the old environment. False when there are not so many renames. */
export async function killAtFolder(world: SpareWorld, point: number): Promise<boolean> {
  await world.lay();
  world.disturb(point);
  const { code, stderr } = await world.install();
  if (!world.calm()) {
    assert.deepEqual([code, treeDifferences(snapshotTree(world.root), world.complete)], [0, []]);
    assert.ok(world.used(), "trees that lay ready were used");
    return false;
  }
  assert.equal(code, 1);
  assert.match(stderr, /is left half changed/);
  const next = await world.pipd(["--python", world.root, "freeze"]);
  assert.match(next.stderr, /Repaired what an interrupted command had left/);
  assert.equal(next.stdout, "");
  assert.deepEqual(treeDifferences(snapshotTree(world.root), world.pristine), [], `killed at folder ${point}`);
  const again = await world.install();
  assert.deepEqual([again.code, treeDifferences(snapshotTree(world.root), world.complete)], [0, []]);
  return true;
}
