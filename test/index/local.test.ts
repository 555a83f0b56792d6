import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { normalizeName } from "../../daemon/standards/name.ts";
import { callOf, createWorld, DEMO, demoWheel, serve, sourcesOf, temporaryFolder, type World } from "./world.ts";

const names = async (world: World, sources: ReturnType<typeof sourcesOf>, call = callOf()) =>
  (await world.index.project(DEMO, sources, call)).files.map((file) => file.filename);

function folderIndex(folder: string, project: string, body: string): string {
  mkdirSync(join(folder, "simple", project), { recursive: true });
  writeFileSync(join(folder, "simple", project, "index.html"), `<!DOCTYPE html><html><body>${body}</body></html>`);
  return pathToFileURL(join(folder, "simple")).href;
}

test("a file:// index in PEP 503 layout is read, its files fetched in place, and a change of a page seen", async (t) => {
  const world = createWorld(t);
  const folder = temporaryFolder();
  const wheel = await demoWheel({ version: "1.5" });
  mkdirSync(join(folder, "files"));
  writeFileSync(join(folder, "files", wheel.filename), wheel.bytes);
  const link = (attributes = "") => `<a href="../../files/${wheel.filename}" ${attributes}>${wheel.filename}</a>`;
  const url = folderIndex(folder, "demo", link('data-requires-python="&gt;=3.8"'));
  const found = await world.index.project(DEMO, sourcesOf(url), callOf());
  const [file] = found.files;
  assert.ok(file);
  assert.deepEqual([file.version.text, file.requiresPython, found.found], ["1.5", ">=3.8", true]);
  assert.equal(await world.index.metadata(file, callOf()), wheel.metadata);
  assert.equal((await world.index.download(file, join(world.folder, "x.whl"), callOf())).size, wheel.bytes.length);
  assert.equal((await world.index.project(normalizeName("nothing"), sourcesOf(url), callOf())).found, false);
  folderIndex(folder, "demo", "");
  assert.deepEqual(await names(world, sourcesOf(url)), []);
  rmSync(join(folder, "simple", "demo"), { recursive: true });
  assert.equal((await world.index.project(DEMO, sourcesOf(url), callOf())).found, false);
});

test("--find-links takes folders, pages and single files, of this machine and of servers, before the indexes", async (t) => {
  const world = createWorld(t);
  const folder = temporaryFolder();
  const bytes = Buffer.from("wheel");
  const write = (path: string, content: string | Buffer = bytes) => writeFileSync(join(folder, path), content);
  mkdirSync(join(folder, "flat"));
  write("flat/demo-1.0-py3-none-any.whl");
  write("flat/Demo-1.1.tar.gz");
  write("flat/other-1.0-py3-none-any.whl");
  write("flat/notes.txt", "");
  write("flat/more.html", '<a href="demo-1.2-py3-none-any.whl">x</a>');
  write("links.html", '<base href="https://files.invalid/"><a href="demo-1.3-py3-none-any.whl#sha256=aa">x</a>');
  write("demo-1.4-py3-none-any.whl");
  const server = await serve(t, {
    files: { "demo-2.0-py3-none-any.whl": { bytes } },
    pages: {
      "/links/": {
        type: "text/html",
        body: '<a href="/files/demo-1.5-py3-none-any.whl">x</a><a href="other-9-py3-none-any.whl">x</a>',
      },
    },
  });
  const findLinks = [
    "flat",
    "~/links.html",
    pathToFileURL(join(folder, "demo-1.4-py3-none-any.whl")).href,
    `${server.origin}/links/`,
    `${server.origin}/files/demo-1.6-py3-none-any.whl#sha256=bb`,
    "missing",
  ];
  const call = callOf({ cwd: folder, env: { HOME: folder } });
  const found = await world.index.project(DEMO, sourcesOf(server.url, { findLinks }), call);
  assert.deepEqual(
    found.files.map((file) => file.version.text),
    ["1.1", "1.0", "1.2", "1.3", "1.4", "1.5", "1.6", "2.0"],
  );
  assert.equal(found.files[3]?.hashes["sha256"], "aa");
  assert.equal(found.files[3]?.url, "https://files.invalid/demo-1.3-py3-none-any.whl");
  assert.deepEqual(call.messages, [
    ["warning", "Location 'missing' is ignored: it is either a non-existing path or lacks a specific scheme."],
  ]);
  server.resetCounters();
  const only = await world.index.project(
    DEMO,
    sourcesOf(server.url, { findLinks: ["flat"], noIndex: true }),
    callOf({ cwd: folder }),
  );
  assert.equal(only.files.length, 3);
  assert.equal(server.counters().requests, 0);
  const none = await world.index.project(
    normalizeName("absent"),
    sourcesOf([], { findLinks: ["flat"] }),
    callOf({ cwd: folder }),
  );
  assert.equal(none.found, false);
});

test("a file that is added to a find-links folder is seen at once", async (t) => {
  const world = createWorld(t);
  const folder = temporaryFolder();
  const sources = sourcesOf([], { findLinks: [folder] });
  for (let at = 0; at < 20; at++) {
    writeFileSync(join(folder, `demo-1.${at}-py3-none-any.whl`), "");
    assert.equal((await names(world, sources)).length, at + 1);
  }
});

test("callers with different indexes never see each other's answers", async (t) => {
  const world = createWorld(t);
  const folder = temporaryFolder();
  const one = folderIndex(join(folder, "one"), "demo", '<a href="demo-1.0-py3-none-any.whl">x</a>');
  const two = folderIndex(join(folder, "two"), "demo", '<a href="demo-2.0-py3-none-any.whl">x</a>');
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => names(world, sourcesOf(at % 2 === 0 ? one : two))),
  );
  for (const [at, files] of answers.entries()) {
    assert.deepEqual(files, [`demo-${(at % 2) + 1}.0-py3-none-any.whl`]);
  }
});

test("the text at a URL is given, from a disk or a server", async (t) => {
  const world = createWorld(t);
  const folder = temporaryFolder();
  writeFileSync(join(folder, "r.txt"), "demo==1.0\n");
  const server = await serve(t, { pages: { "/r.txt": { type: "text/plain", body: "other\n" } } });
  const text = (url: string) => world.index.text(url, sourcesOf([]), callOf());
  assert.equal(await text(pathToFileURL(join(folder, "r.txt")).href), "demo==1.0\n");
  assert.equal(await text(`${server.origin}/r.txt`), "other\n");
  await assert.rejects(text(`${server.origin}/missing.txt`), { code: "http-status" });
  await assert.rejects(text("file:///nowhere/r.txt"), { code: "unreadable-file" });
});
