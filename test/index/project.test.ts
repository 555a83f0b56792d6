import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { normalizeName } from "../../daemon/standards/name.ts";
import { collectGarbage } from "../../daemon/std/collect-garbage.ts";
import { callOf, createWorld, DEMO, demoWheel, serve, sourcesOf, temporaryFolder } from "./world.ts";

const NAMES = ["demo-1.0-py3-none-any.whl", "demo-2.0-cp311-cp311-manylinux_2_17_x86_64.whl", "demo-1.5.tar.gz"];
const bytes = Buffer.from("not looked at");
const files = {
  [NAMES[0] as string]: { bytes, requiresPython: ">=3.8", metadata: "Name: demo\n", yanked: "bad <build>" },
  [NAMES[1] as string]: { bytes },
  [NAMES[2] as string]: { bytes, yanked: true },
  "other-1.0-py3-none-any.whl": { bytes },
};

for (const format of ["json", "html"] as const) {
  for (const gzip of [false, true]) {
    test(`a page in ${format}${gzip ? ", compressed" : ""} gives the files of the project with all their fields`, async (t) => {
      const world = createWorld(t);
      const server = await serve(t, { files, format, gzip });
      const found = await world.index.project(DEMO, sourcesOf(server.url), callOf());
      assert.deepEqual(
        found.files.map((file) => [file.filename, file.version.text, file.sdist, file.wheel?.tags.length]),
        [
          [NAMES[0], "1.0", false, 1],
          [NAMES[1], "2.0", false, 1],
          [NAMES[2], "1.5", true, undefined],
        ],
      );
      const [first, second, third] = found.files;
      assert.equal(first?.url, `${server.origin}/files/${NAMES[0]}`);
      assert.equal(first?.requiresPython, ">=3.8");
      assert.match(String(first?.hashes["sha256"]), /^[0-9a-f]{64}$/);
      assert.match(String(first?.coreMetadata), /^[0-9a-f]{64}$/);
      assert.equal(first?.yanked, "bad <build>");
      assert.equal(second?.yanked, false);
      assert.equal(second?.requiresPython, undefined);
      assert.equal(third?.yanked, "");
      assert.equal(first?.size, format === "json" ? bytes.length : undefined);
      assert.equal(found.found, true);
      assert.deepEqual(found.unreachable, []);
    });
  }
}

test("a page within its max-age is not asked for again, and is the same object; after it, a 304 makes it fresh again", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const sources = sourcesOf(server.url);
  const first = await world.index.project(DEMO, sources, callOf());
  assert.equal(await world.index.project(DEMO, sources, callOf()), first);
  assert.equal(server.counters().requests, 1);
  world.turn(601_000);
  assert.equal(await world.index.project(DEMO, sources, callOf()), first);
  assert.deepEqual([server.counters().pages, server.counters().notModified], [1, 1]);
  world.turn(300_000);
  await world.index.project(DEMO, sources, callOf());
  assert.equal(server.counters().requests, 2);
});

test("a page of an earlier daemon is used from the disk; one that has changed is fetched anew", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  await world.index.project(DEMO, sourcesOf(server.url), callOf());
  const later = world.restart();
  assert.equal((await later.index.project(DEMO, sourcesOf(server.url), callOf())).files.length, 3);
  assert.equal(server.counters().requests, 1);
  server.set({ files: { ...files, "demo-3.0-py3-none-any.whl": { bytes } } });
  later.turn(601_000);
  assert.equal((await later.index.project(DEMO, sourcesOf(server.url), callOf())).files.length, 4);
});

test("without Cache-Control each command asks again, conditionally; within a command there is one answer", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, maxAge: undefined });
  const call = callOf();
  const sources = sourcesOf(server.url);
  await world.index.project(DEMO, sources, call);
  await world.index.project(DEMO, sources, call);
  assert.equal(server.counters().requests, 1);
  await world.index.project(DEMO, sources, callOf());
  assert.equal(server.counters().notModified, 1);
});

test("--refresh-package asks for a fresh page, --no-cache-dir neither reads nor keeps one", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  await world.index.project(DEMO, sourcesOf(server.url), callOf());
  await world.index.project(DEMO, sourcesOf(server.url, { refresh: new Set(["other"]) }), callOf());
  assert.equal(server.counters().requests, 1);
  await world.index.project(DEMO, sourcesOf(server.url, { refresh: new Set(["demo"]) }), callOf());
  await world.index.project(DEMO, sourcesOf(server.url, { refresh: "all" }), callOf());
  assert.deepEqual([server.counters().requests, server.counters().notModified], [3, 2]);
  await world.index.project(DEMO, sourcesOf(server.url, { cacheDisabled: true }), callOf());
  await world.index.project(DEMO, sourcesOf(server.url, { cacheDisabled: true }), callOf());
  assert.equal(server.counters().pages, 3);
});

test("a project that does not exist is not found, and that is remembered like a page", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const found = await world.index.project(normalizeName("nothing"), sourcesOf(server.url), callOf());
  assert.deepEqual([found.found, found.files.length, found.unreachable], [false, 0, []]);
});

test("several indexes are merged version by version, too", async (t) => {
  const world = createWorld(t);
  const wheel = "demo-1.0-py3-none-any.whl";
  const one = await serve(t, { files: { [wheel]: { bytes }, "demo-1.0.0.tar.gz": { bytes } } });
  const two = await serve(t, { files: { "demo-2.0-py3-none-any.whl": { bytes }, "demo-1.0.tar.gz": { bytes } } });
  const indexes = [one.url, two.url, one.url.replace(/\/$/, "")];
  const { byVersion } = await world.index.project(DEMO, sourcesOf(indexes), callOf());
  assert.deepEqual(
    [...(byVersion?.values() ?? [])].map(({ version, files }) => [
      version.text,
      ...files.map(({ filename, origin }) => [filename, origin]),
    ]),
    [
      ["1.0", [wheel, one.url], ["demo-1.0.0.tar.gz", one.url], ["demo-1.0.tar.gz", two.url]],
      ["2.0", ["demo-2.0-py3-none-any.whl", two.url]],
    ],
  );
});

test("R59 what is forgotten is not held by anything else: pages of indexes, of folders and of links", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const folder = temporaryFolder();
  writeFileSync(join(folder, "demo-4.0-py3-none-any.whl"), bytes);
  const links = await serve(t, { files: { "demo-5.0-py3-none-any.whl": { bytes } } });
  const held = await (async () => {
    const findLinks = [folder, `${links.url}demo/`];
    const { byVersion } = await world.index.project(DEMO, sourcesOf(server.url, { findLinks }), callOf());
    assert.equal(byVersion?.size, 5);
    return [...(byVersion?.values() ?? [])].map((version) => new WeakRef(version));
  })();
  await nextTurn();
  collectGarbage(1);
  assert.deepEqual(
    held.filter((version) => version.deref() === undefined),
    [],
    "the next command finds them",
  );
  await nextTurn();
  world.index.clear();
  collectGarbage(1);
  assert.deepEqual(
    held.map((version) => version.deref()?.version.text),
    held.map(() => undefined),
  );
});

test("several indexes are merged in their order; the same file counts once", async (t) => {
  const world = createWorld(t);
  const one = await serve(t, { files: { "demo-1.0-py3-none-any.whl": { bytes } } });
  const two = await serve(t, { files: { "demo-2.0-py3-none-any.whl": { bytes } } });
  const found = await world.index.project(DEMO, sourcesOf([one.url, two.url, one.url.replace(/\/$/, "")]), callOf());
  assert.deepEqual(
    found.files.map((file) => [file.version.text, file.origin]),
    [
      ["1.0", one.url],
      ["2.0", two.url],
    ],
  );
});

test("ten clients that want the same page at the same time cost one request; one that leaves does not disturb the others", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, latency: 60 });
  const leaving = new AbortController();
  const lost = world.index.project(DEMO, sourcesOf(server.url), callOf({ signal: leaving.signal }));
  const others = Array.from({ length: 9 }, () => world.index.project(DEMO, sourcesOf(server.url), callOf()));
  setTimeout(() => leaving.abort(new Error("gone")), 20);
  await assert.rejects(lost, /gone/);
  for (const found of await Promise.all(others)) {
    assert.equal(found.files.length, 3);
  }
  assert.equal(server.counters().requests, 1);
});

test("no more requests are under way at a host that speaks HTTP/1.1 than the settings allow", async (t) => {
  const world = createWorld(t, { concurrency: 5 });
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`p${at}-1.0-py3-none-any.whl`, { bytes }]));
  const server = await serve(t, { files: many, latency: 150 });
  const keys = Object.keys(many).map((name) => normalizeName(name.split("-")[0] ?? ""));
  const sources = sourcesOf(server.url);
  const call = callOf();
  const found = await Promise.all(keys.map((key) => world.index.project(key, sources, call)));
  assert.ok(found.every(({ files: [file] }) => file !== undefined));
  assert.equal(server.counters().requests, 30);
  assert.equal(server.counters().maxInFlight, 5);
  assert.ok(server.counters().connections <= 5);
});

test("over HTTP/2 one connection carries more requests at once", async (t) => {
  const world = createWorld(t);
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`p${at}-1.0-py3-none-any.whl`, { bytes }]));
  const server = await serve(t, { files: many, latency: 30, tls: "h2" });
  const keys = Object.keys(many).map((name) => normalizeName(name.split("-")[0] ?? ""));
  const sources = sourcesOf(server.url, { options: { cert: server.certificatePath } });
  const call = callOf();
  const found = await Promise.all(keys.map((key) => world.index.project(key, sources, call)));
  assert.ok(found.every(({ files: [file] }) => file !== undefined));
  assert.ok(server.counters().maxInFlight > 20, `${server.counters().maxInFlight} at once`);
  assert.equal(server.counters().connections, 1);
});

test("an index that cannot be reached is named in one warning, asked once, and asked again after a moment; the others answer", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const closed = createServer();
  await new Promise<void>((resolve) => void closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  const attempts = { made: 0 };
  await new Promise((resolve) => closed.close(resolve));
  const sources = sourcesOf([`http://user:secret@127.0.0.1:${port}/simple`, server.url]);
  const call = callOf();
  const found = await world.index.project(DEMO, sources, call);
  await world.index.project(normalizeName("other"), sources, call);
  assert.equal(found.files.length, 3);
  assert.equal(found.unreachable.length, 1);
  assert.match(found.unreachable[0]?.url ?? "", /^http:\/\/user:\*\*\*\*@127/);
  assert.match(found.unreachable[0]?.reason ?? "", /connection refused/);
  assert.deepEqual(
    call.messages.map(([level]) => level),
    ["warning"],
  );
  assert.doesNotMatch(JSON.stringify([call.messages, found.unreachable]), /secret/);

  // It comes up, but is not asked for a second.
  const revived = createServer((socket) => {
    attempts.made += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => void revived.listen(port, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => revived.close(resolve)));
  const again = callOf();
  await world.index.project(DEMO, sources, again);
  assert.equal(attempts.made, 0);
  assert.equal(again.messages.length, 1);
  world.turn(1_001);
  await world.index.project(DEMO, sources, callOf());
  assert.ok(attempts.made > 0);
});

test("a host whose name cannot be resolved fails at once", async (t) => {
  const world = createWorld(t);
  const found = await world.index.project(DEMO, sourcesOf("https://no-such-host.invalid/simple"), callOf());
  assert.match(found.unreachable[0]?.reason ?? "", /cannot be resolved/);
});

test("errors of the server are asked again, then told; the project may exist", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, {
    files,
    faults: { "/simple/demo/": { status: 503, times: 2 }, "/simple/other/": { status: 500 } },
  });
  assert.equal((await world.index.project(DEMO, sourcesOf(server.url), callOf())).files.length, 3);
  assert.equal(server.counters().requests, 3);
  const broken = await world.index.project(normalizeName("other"), sourcesOf(server.url), callOf());
  assert.equal(broken.found, false);
  assert.match(broken.unreachable[0]?.reason ?? "", /status 500/);
  assert.equal(server.counters().requests, 7);
});

test("Retry-After is obeyed, and 429 halves the requests under way", async (t) => {
  const world = createWorld(t, { concurrency: 5 });
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`p${at}-1.0-py3-none-any.whl`, { bytes }]));
  const server = await serve(t, {
    files: { ...files, ...many },
    latency: 5,
    faults: { "/simple/demo/": { status: 429, retryAfter: 1, times: 1 } },
  });
  const started = performance.now();
  await world.index.project(DEMO, sourcesOf(server.url), callOf());
  assert.ok(performance.now() - started >= 990);
  server.resetCounters();
  const call = callOf();
  const sources = sourcesOf(server.url);
  await Promise.all(
    Object.keys(many).map((name) => world.index.project(normalizeName(name.split("-")[0] ?? ""), sources, call)),
  );
  assert.equal(server.counters().maxInFlight, 2);
});

test("a connection that breaks in the middle of a page is mended", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files, faults: { "/simple/demo/": { resetAfter: 30, times: 2 } } });
  assert.equal((await world.index.project(DEMO, sourcesOf(server.url), callOf())).files.length, 3);
});

test("a server that stalls is given up after the idle time-out, not before a slow but steady one has finished", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, {
    files,
    bandwidth: 4_000,
    faults: { "/simple/other/": { stall: { after: 10, milliseconds: 8_000 } } },
  });
  const patient = sourcesOf(server.url, { options: { timeout: 0.6, retries: 0 } });
  assert.equal((await world.index.project(DEMO, patient, callOf())).files.length, 3);
  const stalled = await world.index.project(normalizeName("other"), patient, callOf());
  assert.match(stalled.unreachable[0]?.reason ?? "", /stopped sending/);
});

test("redirects are followed, links are relative to where they end, loops and other schemes are refused", async (t) => {
  const world = createWorld(t);
  const target = await serve(t, { files });
  const server = await serve(t, {
    faults: {
      "/simple/demo/": { redirect: `${target.url}demo/` },
      "/simple/other/": { redirect: "/simple/other/" },
      "/simple/local/": { redirect: "file:///etc/passwd" },
    },
  });
  const found = await world.index.project(DEMO, sourcesOf(server.url), callOf());
  assert.equal(found.files[0]?.url, `${target.origin}/files/${NAMES[0]}`);
  const reasonOf = async (name: string) =>
    (await world.index.project(normalizeName(name), sourcesOf(server.url), callOf())).unreachable[0]?.reason ?? "";
  assert.match(await reasonOf("other"), /redirected more than 20 times/);
  assert.match(await reasonOf("local"), /which is not followed/);
});

test("what is no page of an index is said, and does not hide the other sources", async (t) => {
  const world = createWorld(t);
  const server = await serve(t, { files });
  const strange = await serve(t, {
    pages: {
      "/a/demo/": { type: "application/pdf", body: "%PDF" },
      "/b/demo/": { type: "application/vnd.pypi.simple.v1+json", body: "{" },
      "/c/demo/": { type: "text/html", body: '<meta name="pypi:repository-version" content="2.0">' },
    },
  });
  const urls = ["a", "b", "c"].map((path) => `${strange.origin}/${path}`);
  const found = await world.index.project(DEMO, sourcesOf([...urls, server.url]), callOf());
  assert.equal(found.files.length, 3);
  assert.deepEqual(
    found.unreachable.map(({ url }) => url),
    urls,
  );
});

test("plain http from elsewhere is ignored with pip's warning unless its host is trusted", async (t) => {
  const world = createWorld(t);
  const call = callOf();
  const found = await world.index.project(DEMO, sourcesOf("http://index.invalid/simple"), call);
  assert.deepEqual(found.unreachable, []);
  assert.match(call.messages[0]?.[1] ?? "", /^The repository located at index.invalid is not a trusted or secure host/);
  const trusting = await world.index.project(
    DEMO,
    sourcesOf("http://index.invalid/simple", { options: { trustedHosts: ["index.invalid"] } }),
    callOf(),
  );
  assert.equal(trusting.unreachable.length, 1);
});

test("a page of 3,000 files is made of the rows alone, and each file is whole when looked at", async (t) => {
  const world = createWorld(t);
  const wheel = await demoWheel();
  const many = Object.fromEntries(
    Array.from({ length: 3000 }, (_, at) => [`demo-1.${at}-py3-none-any.whl`, { bytes: wheel.bytes }]),
  );
  const server = await serve(t, { files: many });
  const found = await world.index.project(DEMO, sourcesOf(server.url), callOf());
  assert.equal(found.files.length, 3000);
  assert.equal(found.files[2999]?.wheel?.version.text, "1.2999");
});
