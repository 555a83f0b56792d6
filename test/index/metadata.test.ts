import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { ProjectFile } from "../../daemon/index/project-files.ts";
import type { IndexServer, IndexServerOptions } from "../harness/index-server.ts";
import { callOf, createWorld, DEMO, demoWheel, type MadeWheel, serve, sourcesOf, type World } from "./world.ts";

interface Offer {
  readonly world: World;
  readonly server: IndexServer;
  readonly file: ProjectFile;
}

/** A server that offers one wheel, and the wheel as its page shows it. */
async function offer(
  t: TestContext,
  wheel: MadeWheel,
  served: object = {},
  options: IndexServerOptions = {},
): Promise<Offer> {
  const world = createWorld(t);
  const server = await serve(t, { files: { [wheel.filename]: { bytes: wheel.bytes, ...served } }, ...options });
  const { files } = await world.index.project(DEMO, sourcesOf(server.url), callOf());
  const [file] = files;
  assert.ok(file);
  server.resetCounters();
  return { world, server, file };
}

test("the metadata file beside a wheel is enough; what it says is kept for good", async (t) => {
  const wheel = await demoWheel({ requires: ["other>=1"] });
  const { world, server, file } = await offer(t, wheel, { metadata: wheel.metadata });
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  await world.index.metadata(file, callOf());
  assert.equal(await world.restart().index.metadata(file, callOf()), wheel.metadata);
  assert.deepEqual([server.counters().metadata, server.counters().files], [1, 0]);
});

test("many who want the metadata of a wheel at once cost one request", async (t) => {
  const wheel = await demoWheel();
  const { world, server, file } = await offer(t, wheel, { metadata: wheel.metadata }, { latency: 30 });
  await Promise.all(Array.from({ length: 8 }, () => world.index.metadata(file, callOf())));
  assert.equal(server.counters().requests, 1);
});

test("a metadata file with a wrong hash is refused in pip's words", async (t) => {
  const wheel = await demoWheel();
  const { world, file } = await offer(t, wheel, { metadata: wheel.metadata, metadataHash: "00".repeat(32) });
  await assert.rejects(world.index.metadata(file, callOf()), (error: Error & { code?: string }) => {
    assert.equal(error.code, "hash-mismatch");
    assert.match(error.message, /Expected sha256 0000[\s\S]*Got {8}[0-9a-f]{64}$/);
    return true;
  });
});

test("a metadata file that is announced and not there: the wheel is read instead", async (t) => {
  const wheel = await demoWheel();
  const path = `/files/${wheel.filename}.metadata`;
  const { world, server, file } = await offer(
    t,
    wheel,
    { metadata: wheel.metadata },
    { faults: { [path]: { status: 404 } } },
  );
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  assert.equal(server.counters().ranges, 1);
});

test("without a metadata file the end of the wheel is read", async (t) => {
  const wheel = await demoWheel({ requires: ["other"] }, 400_000);
  const { world, server, file } = await offer(t, wheel);
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  assert.deepEqual([server.counters().files, server.counters().ranges], [1, 1]);
});

test("METADATA that lies before the end of a wheel costs one more range", async (t) => {
  const wheel = await demoWheel({ alter: (entries) => [...entries].reverse() }, 400_000);
  const { world, server, file } = await offer(t, wheel);
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  assert.equal(server.counters().ranges, 2);
});

test("a server without ranges costs one transfer of the wheel, which serves the download too", async (t) => {
  const wheel = await demoWheel({}, 2_000_000);
  const { world, server, file } = await offer(t, wheel, {}, { ranges: false });
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  const before = server.counters().files;
  const done = await world.index.download(file, join(world.folder, wheel.filename), callOf());
  assert.equal(done.size, wheel.bytes.length);
  assert.equal(server.counters().files, before);
});

test("a wheel on this machine is read in place", async (t) => {
  const world = createWorld(t);
  const wheel = await demoWheel({ version: "3.1" });
  const path = join(world.folder, wheel.filename);
  writeFileSync(path, wheel.bytes);
  const file = world.index.fileOfUrl(pathToFileURL(path).href, sourcesOf([]));
  assert.equal(file.version.text, "3.1");
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
});

const BROKEN: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  "not a zip": () => Buffer.from("<html>sorry</html>"),
  empty: () => Buffer.alloc(0),
  "cut off": (bytes) => bytes.subarray(0, bytes.length - 30),
  "a directory outside the file": (bytes) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt32LE(0x7fffffff, copy.length - 6);
    return copy;
  },
};

for (const [what, alter] of Object.entries(BROKEN)) {
  test(`a wheel that is broken (${what}) is told`, async (t) => {
    const world = createWorld(t);
    const wheel = await demoWheel();
    const path = join(world.folder, wheel.filename);
    writeFileSync(path, alter(wheel.bytes));
    const file = world.index.fileOfUrl(pathToFileURL(path).href, sourcesOf([]));
    await assert.rejects(world.index.metadata(file, callOf()), { code: "invalid-wheel" });
  });
}

test("METADATA of another project is not taken for the wheel's", async (t) => {
  const world = createWorld(t);
  const wheel = await demoWheel();
  const path = join(world.folder, "different-1.0-py3-none-any.whl");
  writeFileSync(path, wheel.bytes);
  const file = world.index.fileOfUrl(pathToFileURL(path).href, sourcesOf([]));
  await assert.rejects(world.index.metadata(file, callOf()), /'demo-1.0.dist-info' does not start with 'different'/);
});

test("an sdist has no metadata without building it, and what is neither wheel nor sdist is no file", (t) => {
  const world = createWorld(t);
  const sdist = world.index.fileOfUrl("https://x.invalid/demo-1.0.tar.gz#sha256=abc", sourcesOf([]));
  assert.deepEqual([sdist.sdist, sdist.hashes["sha256"], sdist.wheel], [true, "abc", undefined]);
  assert.throws(() => world.index.fileOfUrl("https://u:secret@x.invalid/readme.txt", sourcesOf([])), {
    code: "invalid-filename",
    message: "https://u:****@x.invalid/readme.txt does not name a wheel or a source distribution.",
  });
  return assert.rejects(world.index.metadata(sdist, callOf()), { code: "no-metadata" });
});
