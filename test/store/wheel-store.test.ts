import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  type BigIntStats,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writeManifest } from "../../daemon/store/wheel-folder.ts";
import { bytecodeFolder, createWheelStore, type StoredWheel, type WheelStore } from "../../daemon/store/wheel-store.ts";
import { contentOf, fillStage, manifestOf, sha256Of } from "./made-wheel.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("the wheel store", () => {
  const root = mkdtempSync(join(tmpdir(), "pipd-test-"));
  after(() => rmSync(root, { recursive: true, force: true }));
  let count = 0;
  /** A new store whose clock the test moves. */
  const open = (maxFilesInMemory?: number) => {
    const clock = { now: Date.now() };
    const options = { folder: join(root, String(++count)), clock: () => clock.now };
    const store = createWheelStore({ ...options, ...(maxFilesInMemory === undefined ? {} : { maxFilesInMemory }) });
    /** Another process's view of the same folder. */
    const again = (): WheelStore => createWheelStore(options);
    return { store, clock, again, folder: options.folder };
  };
  const add = (store: WheelStore, seed: string, files = 3): Promise<StoredWheel> =>
    store.add(fillStage(store, seed, files), sha256Of(seed));
  const hidden = (store: WheelStore, name: string): string[] => {
    try {
      return readdirSync(join(store.folder, name));
    } catch {
      return [];
    }
  };

  it("gives back what was added, in this process and in others", async () => {
    const { store, again } = open();
    assert.equal(store.find(sha256Of("a")), undefined);
    const wheel = await add(store, "a");
    assert.deepEqual(wheel.manifest, manifestOf("a", 3));
    assert.equal(store.find(sha256Of("a")), wheel);
    assert.deepEqual(again().find(sha256Of("a")), wheel);
    assert.equal(wheel.folder, join(store.folder, wheel.sha256.slice(0, 2), wheel.sha256));
    assert.equal(readFileSync(join(wheel.tree, "pkg", "m2.py"), "utf8"), contentOf("a", 2));
    assert.deepEqual(hidden(store, ".stage"), []);
  });

  it("keeps every field of a manifest", async () => {
    const { store, again } = open();
    const point = { group: "gui_scripts", name: "x", value: "a:b [c]", module: "a", attrs: "b", extras: ["c"] };
    const file = { path: 'ü, "例"', size: 0, hash: "sha512=abc", executable: true, pythonScript: false };
    const manifest = {
      ...manifestOf("full", 0),
      build: "1a",
      dataFolder: "full-1.0.data",
      rootIsPurelib: false,
      consoleScripts: [{ ...point, group: "console_scripts", extras: [] }],
      guiScripts: [point],
      files: [
        file,
        { ...file, path: "b", pythonScript: true },
        { ...file, path: "c", hash: "sha256=abc-_=", executable: false, pythonScript: true },
        { ...file, path: "d", hash: "sha256=abc-_" },
        { ...file, path: "d/RECORD", hash: "", size: 2 ** 40 },
      ],
      directories: ["d"],
      warnings: ["careful"],
    };
    const stage = store.createStage();
    writeManifest(stage, manifest);
    await store.add(stage, manifest.sha256);
    assert.deepEqual(again().find(manifest.sha256)?.manifest, manifest);
  });

  it("does not see damaged wheels, and replaces them", async () => {
    const { store, again } = open();
    const damage: readonly ((wheel: StoredWheel) => void)[] = [
      ({ folder }) => rmSync(join(folder, "manifest.json")),
      ({ folder }) => truncateSync(join(folder, "manifest.json"), 0),
      ({ folder }) => truncateSync(join(folder, "manifest.json"), 50),
      ({ folder }) => writeFileSync(join(folder, "manifest.json"), "null"),
      ({ folder }) => writeFileSync(join(folder, "manifest.json"), '{"format":99}'),
      ({ folder }) => writeFileSync(join(folder, "manifest.json"), '{"format":1}'),
      ({ folder }) => {
        rmSync(folder, { recursive: true });
        writeFileSync(folder, "");
      },
    ];
    for (const [index, hurt] of damage.entries()) {
      const wheel = await add(store, `d${index}`);
      hurt(wheel);
      assert.equal(store.find(wheel.sha256), undefined, String(index));
      assert.equal(again().find(wheel.sha256), undefined);
      assert.deepEqual((await add(again(), `d${index}`)).manifest, wheel.manifest);
      assert.equal(store.find(wheel.sha256)?.manifest.name, `d${index}`);
    }
    assert.deepEqual(hidden(store, ".trash"), []);
  });

  it("finds nothing under what is no hash", () => {
    const { store } = open();
    for (const name of ["", "..", "../../etc", "A".repeat(64), "0".repeat(63)])
      assert.equal(store.find(name), undefined);
  });

  it("takes the first of several who add the same wheel", async () => {
    const { store, again } = open();
    const wheels = await Promise.all([store, again(), again(), store].map((each) => add(each, "same", 20)));
    assert.equal(new Set(wheels.map((wheel) => wheel.folder)).size, 1);
    assert.equal(store.list().length, 1);
    assert.deepEqual(hidden(store, ".stage"), []);
  });

  it("forgets a wheel that somebody deletes, and the manifests used least", async () => {
    const { store } = open(10);
    const first = await add(store, "one", 6);
    await add(store, "two", 6);
    assert.notEqual(store.find(first.sha256), first);
    assert.deepEqual(store.find(first.sha256)?.manifest, first.manifest);
    rmSync(first.folder, { recursive: true });
    assert.equal(store.find(first.sha256), undefined);
  });

  it("lists wheels by name and version, and counts bytes with byte code", async () => {
    const { store } = open();
    for (const seed of ["zeta", "Alpha", "beta"]) await add(store, seed);
    const wheel = store.find(sha256Of("beta"));
    assert.ok(wheel);
    assert.equal(bytecodeFolder(wheel, "cpython-311"), join(wheel.folder, "pyc-cpython-311"));
    mkdirSync(join(bytecodeFolder(wheel, "cpython-311"), "pkg"), { recursive: true });
    writeFileSync(join(bytecodeFolder(wheel, "cpython-311"), "pkg", "m0.pyc"), Buffer.alloc(1000));
    const plain = manifestOf("beta", 3).totalSize;
    assert.deepEqual(
      store.list().map(({ name, bytes }) => [name, bytes]),
      [
        ["Alpha", plain + 3],
        ["beta", plain + 1000],
        ["zeta", plain],
      ],
    );
    assert.deepEqual(store.totals(), { wheels: 3, bytes: 3 * plain + 1003 });
  });

  it("removes one wheel, or all, but not what is held", async () => {
    const { store } = open();
    for (const seed of ["a", "b", "c"]) await add(store, seed);
    const bytes = manifestOf("a", 3).totalSize;
    assert.deepEqual(await store.remove(sha256Of("a")), { wheels: 1, bytes });
    assert.deepEqual(await store.remove(sha256Of("a")), { wheels: 0, bytes: 0 });
    assert.deepEqual(await store.remove("../.."), { wheels: 0, bytes: 0 });
    {
      using _hold = store.hold(sha256Of("b"));
      using _again = store.hold(sha256Of("b"));
      assert.deepEqual(await store.purge(), { wheels: 1, bytes });
      assert.equal(store.find(sha256Of("b"))?.manifest.name, "b");
    }
    assert.deepEqual(await store.purge(), { wheels: 1, bytes });
    assert.deepEqual(store.list(), []);
    assert.deepEqual(hidden(store, ".trash"), []);
  });

  it("shrinks by removing what was used least recently, sparing what is in use", async () => {
    const { store, clock, again } = open();
    const bytes = manifestOf("a", 3).totalSize;
    for (const seed of ["a", "b", "c", "d"]) {
      await add(store, seed);
      clock.now += HOUR;
    }
    again().find(sha256Of("a"));
    clock.now += HOUR;
    using _hold = store.hold(sha256Of("b"));
    assert.deepEqual(await store.shrink(4 * bytes), { wheels: 0, bytes: 0 });
    assert.deepEqual(await store.shrink(3 * bytes), { wheels: 1, bytes });
    assert.deepEqual(names(store), ["a", "b", "d"]);
    assert.deepEqual(await store.shrink(2 * bytes), { wheels: 1, bytes });
    assert.deepEqual(names(store), ["a", "b"]);
    again().find(sha256Of("a"));
    assert.deepEqual(await store.shrink(0), { wheels: 0, bytes: 0 });
    clock.now += HOUR;
    assert.deepEqual(await store.shrink(0), { wheels: 1, bytes });
    assert.deepEqual(names(store), ["b"]);
  });

  it("sweeps away what killed processes left, and nothing else", async () => {
    const { store, clock } = open();
    const own = store.createStage();
    const mark = basename(own).replace(/-[^-]*$/, "");
    const earlier = join(
      store.folder,
      ".stage",
      `${mark.replace(/-(\d*)-/, (_, start: string) => `-${Number(start) - 1}-`)}-0`,
    );
    const dead = join(store.folder, ".stage", `${mark.replace(/^\d+/, "999999999")}-0`);
    const ancient = join(store.folder, ".stage", `${mark}-ancient`);
    const elsewhere = join(store.folder, ".stage", `${mark.replace(/\d*$/, "1")}-0`);
    const once = join(store.folder, "..", `pipd-wheels-${basename(dead)}`);
    for (const folder of [join(dead, "files"), earlier, ancient, elsewhere, once])
      mkdirSync(folder, { recursive: true });
    mkdirSync(join(store.folder, ".trash", "left", "over"), { recursive: true });
    await store.recover();
    assert.deepEqual(hidden(store, ".stage"), [own, ancient, elsewhere].map((path) => basename(path)).sort());
    assert.deepEqual(hidden(store, ".trash"), []);
    assert.ok(!existsSync(once));
    clock.now += HOUR;
    for (const path of [ancient, elsewhere]) utimesSync(path, 0, 0);
    await store.sweep();
    assert.deepEqual(hidden(store, ".stage"), [basename(own)]);
    await store.discard(own);
    assert.deepEqual(hidden(store, ".stage"), []);
  });

  it("remembers the hash of a local file until it changes or nobody asks for a month", async () => {
    const { store, clock, again } = open();
    const path = join(root, "file.whl");
    const stat = (): BigIntStats => statOf(path);
    writeFileSync(path, "one");
    utimesSync(path, 1000, 1000);
    const before = stat();
    assert.equal(store.localHash(before, path), undefined);
    store.rememberLocalHash(before, path, sha256Of("one"));
    assert.equal(again().localHash(stat(), path), sha256Of("one"));
    assert.equal(store.localHash(stat(), `${path}x`), undefined);
    utimesSync(path, 1001, 1001);
    assert.equal(store.localHash(stat(), path), undefined);
    writeFileSync(path, "two");
    clock.now = Date.now();
    store.rememberLocalHash(stat(), path, sha256Of("two"));
    assert.equal(store.localHash(stat(), path), undefined, "too fresh to be trusted");
    await store.sweep();
    assert.equal(store.localHash(before, path), sha256Of("one"));
    clock.now += 31 * 24 * HOUR;
    await store.sweep();
    assert.equal(store.localHash(before, path), undefined);
  });

  it("says so when it cannot be written", async () => {
    const { store, folder } = open();
    writeFileSync(folder, "a file where the folder should be");
    assert.throws(() => store.createStage(), { code: "store-unwritable" });
    assert.equal(store.find(sha256Of("a")), undefined);
    assert.deepEqual(store.list(), []);
    await store.sweep();
    assert.deepEqual(await store.purge(), { wheels: 0, bytes: 0 });
  });

  describe("used by several processes", () => {
    const script = fileURLToPath(new URL("./add-wheels.ts", import.meta.url));
    const start = async (folder: string, ...args: readonly string[]): Promise<ChildProcess> => {
      const child = spawn(process.execPath, [script, folder, ...args], { stdio: ["ignore", "pipe", "inherit"] });
      await once(child.stdout, "data");
      return child;
    };
    const ended = async (child: ChildProcess): Promise<number | null> => {
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      return child.exitCode;
    };

    it("has each wheel once, whoever was first", async () => {
      const { store, folder } = open();
      const children = await Promise.all([1, 2].map(() => start(folder, "w", "30", "5")));
      assert.deepEqual(await Promise.all(children.map(ended)), [0, 0]);
      assert.equal(store.list().length, 30);
      assert.deepEqual(hidden(store, ".stage"), []);
      assertComplete(store);
    });

    it("is whole after a process was killed at any moment", async () => {
      const { store, clock, folder } = open();
      await add(store, "before");
      for (let round = 0; round < 6; round++) {
        const child = await start(folder, `r${round}-`, "100000", "40");
        await sleep(3 + 17 * round);
        // On a busy machine nothing may have come that far.
        if (round === 5) while (store.list().length < 2) await sleep(5);
        child.kill("SIGKILL");
        await ended(child);
        assertComplete(store);
      }
      assert.ok(store.list().length > 1);
      clock.now += HOUR;
      await store.sweep();
      assert.deepEqual(hidden(store, ".stage"), []);
      assert.equal((await add(store, "afterwards")).manifest.name, "afterwards");
    });
  });
});

const names = (store: WheelStore): string[] => store.list().map((wheel) => wheel.name);

const statOf = (path: string): BigIntStats => statSync(path, { bigint: true });

/** Every wheel that can be seen has all its files, with all their content. */
function assertComplete(store: WheelStore): void {
  const folders = readdirSync(store.folder).filter((name) => name.length === 2);
  const wheels = folders.flatMap((name) => readdirSync(join(store.folder, name)));
  assert.deepEqual(
    store
      .list()
      .map((wheel) => wheel.sha256)
      .toSorted(),
    wheels.toSorted(),
  );
  for (const { name, folder } of store.list()) {
    const files = readdirSync(join(folder, "files", "pkg"));
    assert.equal(files.length, store.find(sha256Of(name))?.manifest.files.length);
    for (const file of files) {
      const content = readFileSync(join(folder, "files", "pkg", file), "utf8");
      assert.equal(content, contentOf(name, Number(file.slice(1, -3))));
    }
  }
}
