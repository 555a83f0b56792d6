/** Wheels that are unpacked while they are still coming: nothing may be otherwise than if they had been there from the beginning. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { linkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createWheelFetcher } from "../../daemon/artifacts/fetch.ts";
import { PipdError } from "../../daemon/std/errors.ts";
import type { StoredWheel, WheelStore } from "../../daemon/store/wheel-store.ts";
import { noise } from "../harness/noise.ts";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { makeWheel, type WheelSpec, wheelFilename } from "../harness/wheel-maker.ts";
import { HOSTILE_WHEELS } from "./hostile-wheels.ts";
import { callWith, contentsOf, indexFile, openWorkshop } from "./unpacking.ts";

const SPEC: WheelSpec = {
  name: "demo",
  files: {
    "demo/__init__.py": "",
    "demo/tool.sh": { content: "#!/bin/sh\n", mode: 0o755 },
    "demo/deep/er/data.bin": noise(300_000, 1),
    "demo/ünï.txt": "umlauts\n".repeat(1000),
    "demo/large.bin": noise(900_000, 2),
    "top.py": "x = 1\n",
  },
  data: { scripts: { tool: "#!python\nprint(1)\n" } },
  entryPoints: { console_scripts: { demo: "demo.cli:main" } },
  folderEntries: true,
};
const FILENAME = wheelFilename(SPEC);

/** What has come of a file at one moment. */
type Moment = Uint8Array;

interface Coming {
  readonly filename?: string;
  /** Milliseconds from one moment to the next. */
  readonly pause?: number;
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

/** The file in `count` pieces of one size, each moment with one more. */
const growing = (bytes: Uint8Array, count: number): Moment[] =>
  Array.from({ length: count }, (_, index) => bytes.subarray(0, Math.ceil((bytes.length * (index + 1)) / count)));

describe("a wheel that is unpacked while it is coming", () => {
  const { pool, newFolder, newStore, fetcher: whole } = openWorkshop();

  const unpackedFiles = (store: WheelStore): readonly string[] =>
    contentsOf(store).filter((path) => path.includes("/files/demo/"));

  /** Fetches a file that comes as these moments tell; gives the store, and the files that were unpacked before the last moment. */
  async function fetchComing(
    moments: readonly Moment[],
    { filename = FILENAME, pause = 30, sha256, signal }: Coming = {},
  ): Promise<{ readonly wheel: Promise<StoredWheel>; readonly store: WheelStore; readonly early: Set<string> }> {
    const store = newStore();
    const early = new Set<string>();
    const last = moments.at(-1) ?? new Uint8Array();
    const got = createHash("sha256").update(last).digest("hex");
    const fetcher = createWheelFetcher({
      store,
      pool,
      smallestEarly: 1,
      async download(_file, destination, call, arrived) {
        const part = join(newFolder(), "part");
        for (const moment of moments) {
          writeFileSync(part, moment);
          arrived?.(part, moment.length);
          await sleep(pause, undefined, { signal: call.signal });
          if (moment !== last) for (const path of unpackedFiles(store)) early.add(path.replace(/^.*\/files\//, ""));
        }
        linkSync(part, destination);
        rmSync(part);
        return { sha256: got, size: last.length };
      },
    });
    const file = { ...indexFile(filename, sha256 ?? got), size: Math.max(last.length, 1) };
    const wheel = fetcher.fetchWheel(file, callWith(signal === undefined ? {} : { signal }));
    await wheel.catch(() => {});
    return { wheel, store, early };
  }

  const honest = async (): Promise<{ readonly bytes: Buffer; readonly expected: StoredWheel }> => {
    const bytes = await makeWheel(SPEC);
    const path = join(newFolder(), FILENAME);
    writeFileSync(path, bytes);
    return { bytes, expected: await whole.fetchWheel(path, callWith(), { store: newStore() }) };
  };
  const isLike = (wheel: StoredWheel, expected: StoredWheel): void => {
    assert.deepEqual(wheel.manifest, expected.manifest);
    assert.deepEqual(treeDifferences(snapshotTree(wheel.tree), snapshotTree(expected.tree)), []);
  };

  it("is what it would be otherwise, however it comes, and half of it is there before its end", async () => {
    const { bytes, expected } = await honest();
    for (const count of [1, 2, 7]) {
      const { wheel, early } = await fetchComing(growing(bytes, count));
      isLike(await wheel, expected);
      if (count === 7) assert.ok(early.has("demo/deep/er/data.bin"), [...early].join("\n"));
    }
  });

  it("is begun anew when the file is, or when what came first was of another file", async () => {
    const { bytes, expected } = await honest();
    const other = await makeWheel({ ...SPEC, files: { ...SPEC.files, "demo/__init__.py": "other = 1\n" } });
    const cut = growing(other, 3).slice(0, 2);
    for (const moments of [
      [...cut, ...growing(bytes, 3)],
      [...cut, bytes],
      [noise(200_000, 3), bytes],
    ]) {
      const { wheel } = await fetchComing(moments);
      isLike(await wheel, expected);
    }
  });

  it("is refused for a wrong hash, and nothing is left", async () => {
    const { bytes } = await honest();
    const { wheel, store } = await fetchComing(growing(bytes, 4), { sha256: "0".repeat(64) });
    await assert.rejects(wheel, { code: "hash-mismatch" });
    assert.deepEqual(contentsOf(store), [".stage"]);
  });

  it("is given up with the call, and nothing is left", async () => {
    const { bytes } = await honest();
    const { wheel, store } = await fetchComing(growing(bytes, 20), { signal: AbortSignal.timeout(200) });
    await assert.rejects(wheel, { name: "TimeoutError" });
    for (let tries = 0; contentsOf(store).length > 1 && tries < 500; tries++) await sleep(10);
    assert.deepEqual(contentsOf(store), [".stage"]);
  });

  for (const { title, filename = "demo-1.0-py3-none-any.whl", wheel: made, problem } of HOSTILE_WHEELS) {
    it(`is refused with ${title}, and nothing is left`, async () => {
      const bytes = await (typeof made === "function" ? made() : makeWheel(made));
      const { wheel, store } = await fetchComing(growing(bytes, 3), { filename, pause: 5 });
      await assert.rejects(wheel, (error) => {
        assert.ok(error instanceof PipdError, String(error));
        assert.equal(error.code, "invalid-wheel", error.message);
        assert.match(error.message, problem);
        return true;
      });
      assert.deepEqual(contentsOf(store), [".stage"]);
    });
  }
});
