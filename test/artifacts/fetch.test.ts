import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { createWheelFetcher, type WheelFetcher, type WheelFetcherPorts } from "../../daemon/artifacts/fetch.ts";
import type { ProjectFile } from "../../daemon/index/project-files.ts";
import type { Call, ProgressEvent } from "../../daemon/std/call.ts";
import { createTemporaryWheelStore, type WheelStore } from "../../daemon/store/wheel-store.ts";
import { type WheelSpec, writeWheel } from "../harness/wheel-maker.ts";
import { callWith, contentsOf, indexFile, openWorkshop } from "./unpacking.ts";

const hex = (algorithm: string, path: string): string => createHash(algorithm).update(readFileSync(path)).digest("hex");

/** The entry of an index page for a wheel file. */
const fileOf = (path: string, fields: Partial<ProjectFile> = {}): ProjectFile => ({
  ...indexFile(basename(path), hex("sha256", path)),
  ...fields,
});

describe("fetching wheels", () => {
  const { pool, folder, newFolder, newStore } = openWorkshop();
  let bit = 0;
  const made = (spec: Partial<WheelSpec> = {}): Promise<string> =>
    writeWheel(newFolder(), { name: "demo", files: { "demo.py": `n = ${++bit}\n` }, ...spec });

  /** A server that has the given files and counts what it is asked for. */
  const serving = (paths: readonly string[], change: Partial<WheelFetcherPorts> = {}) => {
    const downloads: string[] = [];
    const store = newStore();
    const fetcher = createWheelFetcher({
      store,
      pool,
      async download(file, destination, call) {
        downloads.push(file.filename);
        await sleep(20, undefined, { signal: call.signal });
        const path = paths.find((path) => basename(path) === file.filename);
        if (path === undefined) throw new Error(`404 ${file.url}`);
        call.reporter.progress({ phase: "download", name: file.filename, done: 1 });
        copyFileSync(path, destination);
        return { sha256: hex("sha256", path), size: 1 };
      },
      ...change,
    });
    return { fetcher, downloads, store };
  };

  const fails = async (fetching: Promise<unknown>, code: string, message: RegExp, store: WheelStore): Promise<void> => {
    await assert.rejects(fetching, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(
      contentsOf(store).filter((path) => path !== ".stage"),
      [],
    );
  };

  it("downloads once, then finds the wheel in the store, also through another index", async () => {
    const path = await made();
    const { fetcher, downloads, store } = serving([path]);
    const first = await fetcher.fetchWheel(fileOf(path), callWith());
    const second = await fetcher.fetchWheel(fileOf(path, { url: "https://mirror.test/x.whl" }), callWith());
    assert.equal(first, second);
    assert.equal(readFileSync(join(first.tree, "demo.py"), "utf8"), readFileSync(join(second.tree, "demo.py"), "utf8"));
    assert.deepEqual(downloads, ["demo-1.0-py3-none-any.whl"]);
    assert.deepEqual(
      contentsOf(store).filter((entry) => entry.startsWith(".stage/")),
      [],
    );
  });

  it("shares the work between all who want the same wheel, and tells them all how it goes", async () => {
    const path = await made();
    const { fetcher, downloads } = serving([path]);
    const heard: ProgressEvent[] = [];
    const reporter = { message: () => {}, progress: (event: ProgressEvent) => heard.push(event) };
    const calls = [
      callWith({ reporter }),
      callWith({ reporter: { ...reporter } }),
      callWith({ reporter: { ...reporter } }),
    ];
    const wheels = await Promise.all(calls.map((call) => fetcher.fetchWheel(fileOf(path), call)));
    assert.equal(new Set(wheels).size, 1);
    assert.equal(downloads.length, 1);
    assert.equal(heard.length, 3);
  });

  it("goes on for the others when one leaves, and stops when all have left", async () => {
    const path = await made();
    const { fetcher, downloads, store } = serving([path]);
    const leaving = new AbortController();
    const both = [
      fetcher.fetchWheel(fileOf(path), callWith({ signal: leaving.signal })),
      fetcher.fetchWheel(fileOf(path), callWith()),
    ] as const;
    setTimeout(() => leaving.abort(new Error("ctrl-c")), 5);
    await assert.rejects(both[0], { message: "ctrl-c" });
    assert.equal((await both[1]).manifest.name, "demo");
    assert.equal(downloads.length, 1);

    const other = await made();
    const alone = serving([other]);
    const signal = AbortSignal.timeout(5);
    await assert.rejects(alone.fetcher.fetchWheel(fileOf(other), callWith({ signal })), { name: "TimeoutError" });
    // A download that is left before its turn comes has not even made the folder of the stages.
    const left = (): readonly string[] => contentsOf(alone.store).filter((entry) => entry !== ".stage");
    for (let tries = 0; left().length > 0 && tries < 500; tries++) await sleep(10);
    assert.deepEqual(left(), []);
    assert.equal(contentsOf(store).filter((entry) => entry.startsWith(".stage/")).length, 0);
  });

  it("ends the unpacking of a great wheel when it is cancelled, and removes what was written", async () => {
    const files = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`demo/m${index}.py`, "x"]));
    const path = await made({ files });
    const { fetcher, store } = serving([]);
    const controller = new AbortController();
    const fetching = fetcher.fetchWheel(path, callWith({ signal: controller.signal }));
    for (;;) {
      if (contentsOf(store).some((entry) => entry.endsWith(".py"))) break;
      await sleep(1);
    }
    controller.abort(new Error("ctrl-c"));
    await assert.rejects(fetching, { message: "ctrl-c" });
    for (let tries = 0; contentsOf(store).length > 1 && tries < 500; tries++) await sleep(10);
    assert.deepEqual(contentsOf(store), [".stage"]);
  });

  it("tries again for one who joined a download that failed for another one's reasons", async () => {
    const path = await made();
    let tries = 0;
    const { fetcher } = serving([path], {
      async download(file, destination) {
        await sleep(5);
        if (++tries === 1) throw new Error(`401 ${file.filename}`);
        copyFileSync(path, destination);
        return { sha256: hex("sha256", path), size: 1 };
      },
    });
    const results = await Promise.allSettled([1, 2].map(() => fetcher.fetchWheel(fileOf(path), callWith())));
    assert.deepEqual(
      results.map((result) => result.status),
      ["rejected", "fulfilled"],
    );
  });

  describe("holds a wheel against its hashes:", () => {
    const demand = (algorithm: string, digest: string): readonly string[] => [`${algorithm}:${digest}`];
    const wrong = "0".repeat(64);

    it("the index's sha256", async () => {
      const path = await made();
      const { fetcher, store } = serving([path]);
      const file = fileOf(path, { hashes: { sha256: wrong } });
      await fails(
        fetcher.fetchWheel(file, callWith()),
        "hash-mismatch",
        /Expected sha256 0{64}\n +Got +[0-9a-f]{64}$/,
        store,
      );
    });

    it("another algorithm of the index", async () => {
      const path = await made();
      const { fetcher, store } = serving([path]);
      const file = fileOf(path, { hashes: { sha512: wrong } });
      await fails(fetcher.fetchWheel(file, callWith()), "hash-mismatch", /Expected sha512 0{64}/, store);
      const right = fileOf(path, { hashes: { SHA512: hex("sha512", path).toUpperCase(), blake9: "x" } });
      assert.equal((await fetcher.fetchWheel(right, callWith())).sha256, hex("sha256", path));
    });

    it("the user's, before anything is downloaded", async () => {
      const path = await made();
      const { fetcher, downloads, store } = serving([path]);
      const demands = [demand("sha256", wrong)];
      await fails(fetcher.fetchWheel(fileOf(path), callWith(), { demands }), "hash-mismatch", /Expected/, store);
      assert.deepEqual(downloads, []);
    });

    it("any of the user's, of any algorithm, also when the wheel is in the store", async () => {
      const path = await made();
      const { fetcher, downloads } = serving([path]);
      const good = ["sha256:" + wrong, `sha384:${hex("sha384", path)}`];
      for (let round = 0; round < 2; round++) {
        assert.equal((await fetcher.fetchWheel(fileOf(path), callWith(), { demands: [good] })).manifest.name, "demo");
      }
      assert.equal(downloads.length, 2);
      await assert.rejects(fetcher.fetchWheel(path, callWith(), { demands: [["sha384:00"]] }), {
        code: "hash-mismatch",
      });
    });

    it("what was downloaded, when the index gives none", async () => {
      const path = await made();
      const { fetcher } = serving([path]);
      assert.equal((await fetcher.fetchWheel(fileOf(path, { hashes: {} }), callWith())).sha256, hex("sha256", path));
    });
  });

  describe("of this machine", () => {
    it("reads them where they lie, by path or file URL, without a download", async () => {
      const path = await made();
      const { fetcher, downloads, store } = serving([]);
      const wheel = await fetcher.fetchWheel(path, callWith());
      const url = pathToFileURL(path).href;
      assert.equal(await fetcher.fetchWheel(fileOf(path, { url }), callWith()), wheel);
      assert.deepEqual(downloads, []);
      assert.equal(store.list().length, 1);
    });

    it("does not read them again while they are unchanged, even in a new process", async () => {
      const path = await made();
      utimesSync(path, 1000, 1000);
      const { fetcher, store } = serving([]);
      const wheel = await fetcher.fetchWheel(path, callWith());
      // Unreadable content (root reads everything, so a chmod is not enough): the same size, time and inode, other bytes.
      const size = readFileSync(path).length;
      writeFileSync(path, Buffer.alloc(size));
      utimesSync(path, 1000, 1000);
      const later = createWheelFetcher({ store, pool, download: () => Promise.reject(new Error("no")) });
      assert.equal((await later.fetchWheel(path, callWith())).sha256, wheel.sha256);
    });

    it("reads them again once they have changed", async () => {
      const path = await made();
      utimesSync(path, 1000, 1000);
      const { fetcher } = serving([]);
      const before = await fetcher.fetchWheel(path, callWith());
      const other = await made();
      utimesSync(other, 1000, 1000);
      renameSync(other, path);
      assert.notEqual((await fetcher.fetchWheel(path, callWith())).sha256, before.sha256);
    });

    it("says which file cannot be read", async () => {
      const { fetcher, store } = serving([]);
      const missing = join(folder, "gone-1.0-py3-none-any.whl");
      await assert.rejects(fetcher.fetchWheel(missing, callWith()), {
        code: "unreadable-file",
        message: /gone-1.*ENOENT/,
      });
      mkdirSync(missing);
      await assert.rejects(fetcher.fetchWheel(missing, callWith()), { code: "unreadable-file", message: /not a file/ });
      assert.equal(store.list().length, 0);
    });
  });

  describe("when the store", () => {
    /** A store whose folder cannot be made: a file stands there. Root may write anywhere else. */
    const blocked = (fetcherOf: (store: WheelStore) => WheelFetcher): WheelFetcher => {
      const store = newStore();
      mkdirSync(join(store.folder, ".."), { recursive: true });
      writeFileSync(store.folder, "");
      return fetcherOf(store);
    };
    const download = (): Promise<never> => Promise.reject(new Error("no"));

    it("cannot be written, says so", async () => {
      const fetcher = blocked((store) => createWheelFetcher({ store, pool, download }));
      await assert.rejects(fetcher.fetchWheel(await made(), callWith()), { code: "store-unwritable" });
    });

    it("cannot be written, goes on with the fallback and warns once a command", async () => {
      const fallback = newStore();
      let asked = 0;
      const fallbackStore = (): WheelStore => {
        asked++;
        return fallback;
      };
      const fetcher = blocked((store) => createWheelFetcher({ store, pool, download, fallbackStore }));
      const warnings: string[] = [];
      const call: Call = callWith({ reporter: { message: (_, text) => warnings.push(text), progress: () => {} } });
      const paths = [await made(), await made()];
      for (const path of [...paths, ...paths])
        assert.equal((await fetcher.fetchWheel(path, call)).manifest.name, "demo");
      assert.equal(fallback.list().length, 2);
      assert.equal(asked, 1);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? "", /cannot be written.*Going on without it/);
    });

    it("is deleted while it is in use, fills it again", async () => {
      const path = await made();
      const { fetcher, store } = serving([]);
      await fetcher.fetchWheel(path, callWith());
      rmSync(store.folder, { recursive: true });
      const wheel = await fetcher.fetchWheel(path, callWith());
      assert.equal(readFileSync(join(wheel.tree, "demo.py"), "utf8").startsWith("n = "), true);
    });

    it("is not to be used, leaves it alone and takes the one given for this run", async () => {
      const path = await made();
      const { fetcher, store } = serving([path]);
      const temporary = createTemporaryWheelStore(newFolder(), Date.now);
      const wheel = await fetcher.fetchWheel(fileOf(path), callWith(), { store: temporary.store });
      assert.ok(wheel.folder.startsWith(temporary.store.folder));
      assert.equal(store.list().length, 0);
      await temporary[Symbol.asyncDispose]();
      assert.deepEqual(temporary.store.list(), []);
    });
  });
});
