import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CacheRequest, createHttpCache, type HttpCache } from "../../daemon/store/http-cache.ts";

const REQUEST: CacheRequest = {
  key: "k",
  url: "https://i.example/simple/x/",
  headers: { accept: "json", "accept-encoding": "gzip" },
};
const ANSWER = {
  headers: { "content-type": "application/json" },
  body: Buffer.from('{"files": []}'),
  url: "https://i.example/simple/demo/",
};

interface Turned {
  readonly cache: HttpCache;
  readonly path: string;
  readonly turn: (seconds: number) => void;
}

function cacheOf(t: TestContext): Turned {
  const folder = mkdtempSync(join(tmpdir(), "pipd-cache-"));
  const path = join(folder, "index.db");
  let now = Date.UTC(2026, 0, 1);
  const cache = createHttpCache(path, () => now);
  t.after(() => {
    cache.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    cache,
    path,
    turn: (seconds) => {
      now += seconds * 1000;
    },
  };
}

const CASES: readonly {
  readonly headers: Readonly<Record<string, string>>;
  /** Seconds at which it is fresh, and at which it is not. */
  readonly fresh?: number;
  readonly stale?: number;
  readonly conditions?: Readonly<Record<string, string>>;
  readonly kept?: false;
}[] = [
  {
    headers: { "cache-control": "max-age=600, public", etag: '"a"' },
    fresh: 599,
    stale: 601,
    conditions: { "if-none-match": '"a"' },
  },
  { headers: { "cache-control": "max-age=600", age: "500" }, fresh: 99, stale: 101, conditions: {} },
  {
    headers: { expires: "Thu, 01 Jan 2026 00:10:00 GMT", date: "Thu, 01 Jan 2026 00:00:00 GMT" },
    fresh: 590,
    stale: 601,
  },
  { headers: { etag: 'W/"a"' }, stale: 0, conditions: { "if-none-match": 'W/"a"' } },
  {
    headers: { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" },
    stale: 0,
    conditions: { "if-modified-since": "Mon, 01 Jan 2024 00:00:00 GMT" },
  },
  { headers: { "cache-control": "no-cache", etag: '"a"' }, stale: 0, conditions: { "if-none-match": '"a"' } },
  { headers: { "cache-control": "no-store", etag: '"a"' }, kept: false },
  { headers: { "cache-control": "private, max-age=60" }, fresh: 59, stale: 61 },
  { headers: {}, kept: false },
  { headers: { vary: "*", "cache-control": "max-age=600" }, kept: false },
];

for (const { headers, fresh, stale, conditions, kept } of CASES) {
  test(`an answer with ${JSON.stringify(headers)}`, (t) => {
    const { cache, turn } = cacheOf(t);
    cache.store(REQUEST, { status: 200, headers }, ANSWER);
    const found = cache.find(REQUEST);
    assert.equal(found === undefined, kept === false);
    if (fresh !== undefined) {
      turn(fresh);
      assert.deepEqual([cache.find(REQUEST)?.fresh, cache.find(REQUEST)?.answer.content()], [true, ANSWER]);
      turn(-fresh);
    }
    if (stale !== undefined) {
      turn(stale);
      assert.equal(cache.find(REQUEST)?.fresh, false);
      assert.deepEqual(cache.find(REQUEST)?.conditions, conditions ?? cache.find(REQUEST)?.conditions);
    }
  });
}

for (const repeated of [{ "cache-control": "max-age=100", etag: '"a"' }, { "cache-control": "max-age=100" }]) {
  test(`a 304 with ${JSON.stringify(repeated)} makes an answer fresh again, however often, and its ETag is kept`, (t) => {
    const { cache, turn } = cacheOf(t);
    cache.store(REQUEST, { status: 200, headers: { etag: '"a"', "cache-control": "max-age=600", age: "300" } }, ANSWER);
    for (let round = 0; round < 5; round++) {
      turn(100_000);
      const found = cache.find(REQUEST);
      assert.deepEqual([found?.fresh, found?.conditions], [false, { "if-none-match": '"a"' }]);
      cache.refresh(REQUEST, { status: 304, headers: repeated });
      assert.equal(cache.find(REQUEST)?.fresh, true);
      turn(101);
      assert.equal(cache.find(REQUEST)?.fresh, false);
    }
    assert.deepEqual(cache.find(REQUEST)?.answer.content(), ANSWER);
  });
}

test("what a key names does not answer for another, and no-store takes back what was kept", (t) => {
  const { cache } = cacheOf(t);
  cache.store(REQUEST, { status: 200, headers: { "cache-control": "max-age=600" } }, ANSWER);
  assert.equal(cache.find({ ...REQUEST, key: "other" }), undefined);
  cache.store(REQUEST, { status: 200, headers: { "cache-control": "no-store" } }, ANSWER);
  assert.equal(cache.find(REQUEST), undefined);
});

test("texts stay for good; pages that nobody asks for are forgotten; clear forgets all", (t) => {
  const { cache, turn } = cacheOf(t);
  cache.store(REQUEST, { status: 404, headers: { "cache-control": "max-age=60" } }, { ...ANSWER, body: Buffer.of() });
  cache.storeText("hash", "Name: x\n");
  assert.equal(cache.find(REQUEST)?.answer.status, 404);
  assert.deepEqual([cache.size().pages, cache.size().texts], [1, 1]);
  turn(100 * 24 * 3600);
  cache.close();
  assert.equal(cache.find(REQUEST), undefined);
  assert.equal(cache.findText("hash"), "Name: x\n");
  assert.equal(cache.clear(), 1);
  assert.equal(cache.findText("hash"), undefined);
});

test("a cache that is lost warns once and goes on", (t) => {
  const { cache, path } = cacheOf(t);
  cache.storeText("a", "1");
  cache.close();
  writeFileSync(path, "garbage ".repeat(1000));
  assert.equal(cache.findText("a"), undefined);
  cache.storeText("a", "2");
  assert.equal(cache.findText("a"), "2");
  assert.equal(cache.takeWarnings().length, 1);
  assert.deepEqual(cache.takeWarnings(), []);
});
