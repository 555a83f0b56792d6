/** A disk that is full, read-only or somebody else's: a command works, or it fails once, says where and what to do, and changes nothing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { INTERPRETERS, NEWEST, type TestInterpreter } from "../harness/interpreters.ts";
import { type Mounts, openMounts, throughNobody } from "../harness/mounts.ts";
import { type Finished, PIPD, runPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";

let mounts: Mounts | undefined;
before(async () => {
  mounts = await openMounts();
});
after(() => mounts?.[Symbol.asyncDispose]());

interface Place {
  readonly sandbox: Sandbox;
  readonly root: string;
  readonly wheels: string;
  readonly site: string;
  readonly python: TestInterpreter;
  pipd(args: readonly string[]): Promise<Finished>;
}

/** A sandbox with wheels that take room, and a command to run there: in the view of `mounts`, if there is one, or through other words. */
async function openPlace(
  sandbox: Sandbox,
  through: readonly string[] = mounts?.through ?? [],
  python: TestInterpreter = NEWEST,
): Promise<Place> {
  const wheels = sandbox.makeFolder("wheels");
  const noise = Array.from({ length: 10_000 }, (_, index) => Math.imul(index, 2_654_435_761).toString(36)).join("");
  for (const version of ["1.0", "2.0"]) {
    const parts = Array.from({ length: 12 }, (_, index) => [`big/part${index}.py`, `# ${version}\n"""${noise}"""\n`]);
    const files = { "single.py": `v = "${version}"\n`, ...(Object.fromEntries(parts) as Record<string, string>) };
    writeFileSync(
      join(wheels, wheelFilename({ name: "big", version })),
      await makeWheel({ name: "big", version, files }),
    );
  }
  const root = join(realpathSync(sandbox.makeFolder("project")), "env");
  const [major, minor] = python.version.split(".");
  return {
    sandbox,
    root,
    wheels,
    python,
    site: join(root, `lib/python${major}.${minor}/site-packages`),
    pipd: (args) => runPipd(sandbox, args, { through }),
  };
}

const install = ({ root, wheels }: Place, version: string): readonly string[] => {
  const options = ["--no-compile", "--root-user-action", "ignore", "--no-index", "--find-links", wheels];
  return ["--python", root, "install", ...options, `big==${version}`];
};
const venv = ({ root, python }: Place): readonly string[] => ["venv", "-p", python.executable, root];
const works = ({ code, stderr }: Finished): void => assert.deepEqual([code, stderr], [0, ""]);

/** What is left of commands that failed, as seen from outside the view. */
function leftovers({ sandbox, root }: Place, seen: (path: string) => string): readonly string[] {
  const names = (path: string): readonly string[] => (existsSync(seen(path)) ? readdirSync(seen(path)) : []);
  return [
    ...names(root).filter((name) => name.startsWith(".pipd")),
    ...names(join(root, "..")).filter((name) => name !== basename(root)),
    ...names(join(sandbox.cache, "wheels-v1/.stage")),
    ...names(join(sandbox.cache, "wheels-v1/.trash")),
    ...names(join(sandbox.runtime, "locks")),
  ];
}

interface Fault {
  readonly args: readonly string[];
  /** What the error must say, besides one of the paths below. */
  readonly says: RegExp;
  readonly names: string;
  readonly heal: () => void;
}

/** The command fails once, clearly, and changes nothing; when the fault is gone, it works. */
async function failsOnce(
  place: Place,
  { args, says, names, heal }: Fault,
  seen: (path: string) => string = mounts?.seen ?? ((path) => path),
): Promise<void> {
  const earlier = snapshotTree(seen(place.root));
  const { code, stderr } = await place.pipd(args);
  assert.equal(code, 1, stderr);
  assert.match(stderr, says);
  assert.ok(stderr.includes(names), `it names ${names}: ${stderr}`);
  assert.equal(stderr.match(/^ERROR: /gm)?.length, 1, stderr);
  assert.match(stderr, /^hint: |Check the permissions/m);
  assert.deepEqual(treeDifferences(snapshotTree(seen(place.root)), earlier), []);
  assert.deepEqual(leftovers(place, seen), []);
  heal();
  works(await place.pipd(args));
  assert.deepEqual(leftovers(place, seen), []);
}

/** Where there can be no mounts, a limit on the size of files stands in for a full disk: both come while a file is being written. */
const LIMITED = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh"];

test("R56 a full disk under the environment, under the store, and under a new environment", async (t) => {
  await using sandbox = createSandbox();
  if (mounts === undefined) {
    t.diagnostic("no mounts here: a limit on the size of files instead");
    const [free, limited] = [await openPlace(sandbox, []), await openPlace(sandbox, LIMITED)];
    works(await free.pipd(venv(free)));
    await free.pipd(["daemon", "stop"]);
    const { code, stderr } = await limited.pipd(install(limited, "1.0"));
    assert.equal(code, 1, stderr);
    assert.match(stderr, /EFBIG|File too large/);
    assert.deepEqual(
      leftovers(free, (path) => path),
      [],
    );
    await free.pipd(["daemon", "stop"]);
    return works(await free.pipd(install(free, "1.0")));
  }
  const place = await openPlace(sandbox);
  const { root } = place;
  const project = join(root, "..");
  mounts.small(project, 8192);
  await failsOnce(place, {
    args: venv(place),
    says: /ENOSPC/,
    names: root,
    heal: () => mounts!.resize(project, 500_000),
  });
  // The store can be filled, the environment cannot: whatever comes is copied from one disk to the other.
  const heal = (): void => mounts!.resize(project, 50_000_000);
  await failsOnce(place, {
    args: install(place, "1.0"),
    says: /\[Errno 28\] No space left on device/,
    names: root,
    heal,
  });
  mkdirSync(sandbox.cache, { recursive: true });
  await place.pipd(["daemon", "stop"]);
  mounts.small(sandbox.cache, 250_000);
  await failsOnce(place, {
    args: install(place, "2.0"),
    says: /ENOSPC|no space left/i,
    names: sandbox.cache,
    heal: () => mounts!.resize(sandbox.cache, 50_000_000),
  });
});

test("R56 a read-only site-packages, and one file that cannot go away", async (t) => {
  await using sandbox = createSandbox();
  const place = await openPlace(sandbox);
  const { site, root } = place;
  works(await place.pipd(venv(place)));
  works(await place.pipd(install(place, "1.0")));
  const uninstall = ["--python", root, "uninstall", "-y", "--root-user-action", "ignore", "big"];
  if (mounts === undefined) return t.diagnostic("no mounts here: the next test does the same with modes or chattr");
  const { pin, unpin } = mounts;
  const closing = (path: string, readOnly: boolean, says: RegExp) => {
    pin(path, readOnly);
    return { says, names: path, heal: () => unpin(path) };
  };
  await failsOnce(place, { args: install(place, "2.0"), ...closing(site, true, /\[Errno 30\] Read-only file system/) });
  await failsOnce(place, { args: uninstall, ...closing(site, true, /\[Errno 30\] Read-only file system/) });
  works(await place.pipd(install(place, "1.0")));
  // Nothing tells beforehand that this one will not go: half of the work is undone.
  await failsOnce(place, {
    args: install(place, "2.0"),
    ...closing(join(site, "single.py"), false, /\[Errno 16\] Device or resource busy/),
  });
});

test("R56 folders whose modes forbid writing, or that the system protects from root as well", async (t) => {
  const python = INTERPRETERS.findLast(
    ({ executable }) => throughNobody(PIPD, process.execPath, executable) !== undefined,
  );
  const isRoot = process.geteuid?.() === 0;
  const nobody = isRoot && python !== undefined ? throughNobody(PIPD) : undefined;
  await using sandbox = createSandbox();
  const place = await openPlace(sandbox, nobody ?? [], python);
  const { site, root } = place;
  if (nobody !== undefined) execFileSync("chown", ["-R", "65534:65534", sandbox.folder]);
  const isProtected = isRoot && nobody === undefined;
  t.diagnostic(isProtected ? "as root: chattr +i" : "not as root: modes");
  const close = (path: string): (() => void) => {
    const earlier = statSync(path).mode;
    if (isProtected) execFileSync("chattr", ["+i", path]);
    else chmodSync(path, 0o555);
    return () => {
      if (isProtected) execFileSync("chattr", ["-i", path]);
      else chmodSync(path, earlier);
    };
  };
  works(await place.pipd(venv(place)));
  works(await place.pipd(install(place, "1.0")));
  const says = isProtected ? /\[Errno 1\] Operation not permitted/ : /\[Errno 13\] Permission denied/;
  for (const path of [site, root, join(site, "big")]) {
    const heal = close(path);
    await failsOnce(place, { args: install(place, "2.0"), says, names: path, heal }, (each) => each);
    works(await place.pipd(install(place, "1.0")));
  }
});
