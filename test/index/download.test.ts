import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { ProjectFile } from "../../daemon/index/project-files.ts";
import type { IndexServer, IndexServerOptions, ServedFile } from "../harness/index-server.ts";
import { until } from "../server/daemon-files.ts";
import { callOf, createWorld, DEMO, demoWheel, serve, sourcesOf, type World } from "./world.ts";

const SIZE = 1_000_000;
const { filename, bytes } = await demoWheel({}, SIZE);
const PATH = `/files/${filename}`;
const SHA256 = createHash("sha256").update(bytes).digest("hex");

interface Offer {
  readonly world: World;
  readonly server: IndexServer;
  readonly file: ProjectFile;
  readonly target: string;
}

async function offer(
  t: TestContext,
  options: IndexServerOptions = {},
  served: Partial<ServedFile> = {},
  given = {},
): Promise<Offer> {
  const world = createWorld(t);
  const server = await serve(t, { files: { [filename]: { bytes, ...served } }, ...options });
  const { files } = await world.index.project(DEMO, sourcesOf(server.url, given), callOf());
  assert.ok(files[0]);
  server.resetCounters();
  return { world, server, file: files[0], target: join(world.folder, filename) };
}

function partials(world: World): readonly string[] {
  try {
    return readdirSync(join(world.folder, "cache", "partial"));
  } catch {
    return [];
  }
}

test("a file arrives whole and verified, with progress, and nothing is left behind", async (t) => {
  const { world, server, file, target } = await offer(t, { bandwidth: 10_000_000 });
  const call = callOf();
  assert.deepEqual(await world.index.download(file, target, call), { sha256: SHA256, size: bytes.length });
  assert.ok(readFileSync(target).equals(bytes));
  assert.deepEqual(partials(world), []);
  assert.deepEqual(readdirSync(world.folder).sort(), ["cache", filename]);
  assert.equal(server.counters().files, 1);
  assert.deepEqual(call.progress.at(-1), {
    phase: "download",
    name: filename,
    done: bytes.length,
    total: bytes.length,
    unit: "bytes",
    finished: true,
  });
  assert.equal(call.progress[0]?.total, bytes.length);
});

test("a connection that breaks is resumed where it broke", async (t) => {
  const { world, server, file, target } = await offer(t, { faults: { [PATH]: { resetAfter: 600_000, times: 1 } } });
  assert.equal((await world.index.download(file, target, callOf())).sha256, SHA256);
  assert.deepEqual([server.counters().files, server.counters().ranges], [2, 1]);
  const [, second] = server.seen.get(PATH) ?? [];
  assert.match(String(second?.["range"]), /^bytes=[1-9]\d+-$/);
  assert.match(String(second?.["if-range"]), /^"/);
});

test("what an earlier command began is gone on with by a later one, in another daemon", async (t) => {
  const { world, server, file, target } = await offer(
    t,
    { faults: { [PATH]: { resetAfter: 700_000 } } },
    {},
    { options: { resumeRetries: 0 } },
  );
  await assert.rejects(world.index.download(file, target, callOf()), { code: "request-failed" });
  assert.equal(partials(world).length, 1);
  server.set({ faults: {} });
  assert.equal((await world.restart().index.download(file, target, callOf())).sha256, SHA256);
  assert.equal(server.counters().ranges, 1);
  assert.deepEqual(partials(world), []);
});

test("a file that has changed in between is fetched from the beginning", async (t) => {
  const { world, server, target } = await offer(t);
  const other = await demoWheel({ summary: "another build" }, SIZE);
  server.set({ files: { [filename]: { bytes, sha256: false } }, faults: { [PATH]: { resetAfter: 700_000 } } });
  const sources = sourcesOf(server.url, { refresh: "all", options: { resumeRetries: 0 } });
  const [file] = (await world.index.project(DEMO, sources, callOf())).files;
  assert.ok(file);
  await assert.rejects(world.index.download(file, target, callOf()), { code: "request-failed" });
  server.set({ files: { [filename]: { bytes: other.bytes, sha256: false } }, faults: {} });
  await world.index.download(file, target, callOf());
  assert.ok(readFileSync(target).equals(other.bytes));
});

test("bytes of an earlier attempt that were wrong cost one more transfer, not an error", async (t) => {
  const { world, server, file, target } = await offer(
    t,
    { faults: { [PATH]: { resetAfter: 700_000 } } },
    {},
    { options: { resumeRetries: 0 } },
  );
  await assert.rejects(world.index.download(file, target, callOf()), { code: "request-failed" });
  const [name] = partials(world);
  const path = join(world.folder, "cache", "partial", String(name));
  writeFileSync(path, Buffer.alloc(readFileSync(path).length));
  server.set({ faults: {} });
  assert.equal((await world.index.download(file, target, callOf())).sha256, SHA256);
});

test("a server without ranges starts over", async (t) => {
  const { world, server, file, target } = await offer(t, {
    ranges: false,
    faults: { [PATH]: { resetAfter: 600_000, times: 1 } },
  });
  assert.equal((await world.index.download(file, target, callOf())).sha256, SHA256);
  assert.equal(server.counters().ranges, 0);
});

test("errors of the server are asked again, Retry-After included; a lasting one is told", async (t) => {
  const { world, server, file, target } = await offer(t, {
    faults: { [PATH]: { status: 503, retryAfter: 0, times: 2 } },
  });
  await world.index.download(file, target, callOf());
  assert.equal(server.counters().files, 3);
  server.set({ faults: { [PATH]: { status: 404 } } });
  await assert.rejects(world.index.download(file, target, callOf()), { code: "http-status" });
});

test("a wrong hash is refused in pip's words and nothing of the file is kept", async (t) => {
  const { world, file, target } = await offer(t, {}, { sha256: "ab".repeat(32) });
  await assert.rejects(world.index.download(file, target, callOf()), (error: Error & { code?: string }) => {
    assert.equal(error.code, "hash-mismatch");
    assert.match(error.message, /^THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE\./);
    assert.match(error.message, new RegExp(`Expected sha256 ${"ab".repeat(32)}\n {13}Got {8}${SHA256}$`));
    return true;
  });
  assert.deepEqual(partials(world), []);
  assert.deepEqual(readdirSync(world.folder), ["cache"]);
});

test("a body that is shorter than announced is not taken for the file", async (t) => {
  const { world, file, target } = await offer(
    t,
    { ranges: false, faults: { [PATH]: { body: "short", contentLength: 100 } } },
    {},
    { options: { resumeRetries: 1 } },
  );
  await assert.rejects(world.index.download(file, target, callOf()), { code: "request-failed" });
});

test("two clients that want the same file cost one transfer; a third that leaves does not disturb them", async (t) => {
  const { world, server, file, target } = await offer(t, { bandwidth: 4_000_000 });
  const leaving = new AbortController();
  const calls = [callOf(), callOf()];
  const lost = world.index.download(file, `${target}.0`, callOf({ signal: leaving.signal }));
  const both = calls.map((call, at) => world.index.download(file, `${target}.${at + 1}`, call));
  setTimeout(() => leaving.abort(new Error("gone")), 50);
  await assert.rejects(lost, /gone/);
  await Promise.all(both);
  assert.ok(readFileSync(`${target}.1`).equals(bytes) && readFileSync(`${target}.2`).equals(bytes));
  assert.equal(server.counters().files, 1);
  assert.ok(calls.every((call) => call.progress.length > 0));
  assert.ok(!readdirSync(world.folder).includes(`${filename}.0`));
});

test("the last client that leaves ends the transfer; what came is kept", async (t) => {
  const { world, file, target } = await offer(t, { bandwidth: 2_000_000 });
  const leaving = new AbortController();
  const lost = world.index.download(file, target, callOf({ signal: leaving.signal }));
  const kept = () => partials(world).filter((name) => name.endsWith(".part"));
  void until(() => partials(world).length > 0).then(() => leaving.abort(new Error("gone")));
  await assert.rejects(lost, /gone/);
  await until(() => kept().length > 0);
  assert.equal(kept().length, 1);
});

test("a cache folder that cannot be used does not keep a file from being downloaded", async (t) => {
  const { world, file, target } = await offer(t);
  mkdirSync(join(world.folder, "cache"), { recursive: true });
  writeFileSync(join(world.folder, "cache", "partial"), "a file");
  assert.equal((await world.index.download(file, target, callOf())).sha256, SHA256);
  assert.deepEqual(readdirSync(world.folder).sort(), ["cache", filename]);
});

test("a destination that cannot be written is told", async (t) => {
  const { world, file } = await offer(t);
  await assert.rejects(world.index.download(file, join(world.folder, "nowhere", filename), callOf()), {
    code: "download-not-saved",
  });
});

test("a file of this machine is copied and verified", async (t) => {
  const world = createWorld(t);
  const source = join(world.folder, filename);
  writeFileSync(source, bytes);
  const url = pathToFileURL(source).href;
  const sources = sourcesOf([]);
  const target = join(world.folder, "copy.whl");
  assert.deepEqual(
    await world.index.download(world.index.fileOfUrl(`${url}#sha256=${SHA256}`, sources), target, callOf()),
    {
      sha256: SHA256,
      size: bytes.length,
    },
  );
  const wrong = world.index.fileOfUrl(`${url}#sha256=${"0".repeat(64)}`, sources);
  await assert.rejects(world.index.download(wrong, join(world.folder, "wrong.whl"), callOf()), {
    code: "hash-mismatch",
  });
  const missing = world.index.fileOfUrl(`file:///nowhere/${filename}`, sources);
  await assert.rejects(world.index.download(missing, target, callOf()), { code: "unreadable-file" });
  assert.deepEqual(readdirSync(world.folder).sort(), ["copy.whl", filename]);
});
