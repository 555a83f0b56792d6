import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Database, openDatabase } from "../../daemon/store/database.ts";
import { openExclusiveLock } from "../../daemon/store/exclusive-lock.ts";

const MIGRATIONS = ["CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT)"];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pipd-database-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function open(t: TestContext, path: string, migrations: readonly string[] = MIGRATIONS): Database {
  const database = openDatabase(path, { migrations });
  t.after(() => database.close());
  return database;
}

const put = (database: Database, name: string, value: string) =>
  database.use((sql) => sql.prepare("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)").run(name, value));
const get = (database: Database, name: string) =>
  database.use((sql) => sql.prepare("SELECT value FROM fact WHERE name = ?").pluck().get(name));

test("what is put is there in the next process, in a folder for the user alone", (t) => {
  const path = join(folderOf(t), "deep", "er", "x.db");
  const first = open(t, path);
  put(first, "a", "1");
  first.close();
  const second = open(t, path);
  assert.equal(get(second, "a"), "1");
  assert.deepEqual([second.inMemory, second.takeWarnings()], [false, []]);
});

test("a database of an older version is brought forward, one of a newer version set aside", (t) => {
  const path = join(folderOf(t), "x.db");
  const old = open(t, path);
  put(old, "a", "1");
  old.close();
  const newer = open(t, path, [...MIGRATIONS, "ALTER TABLE fact ADD COLUMN more TEXT DEFAULT 'new'"]);
  assert.deepEqual(
    newer.use((sql) => sql.prepare("SELECT name, value, more FROM fact").raw().all()),
    [["a", "1", "new"]],
  );
  newer.close();
  const older = open(t, path);
  assert.equal(get(older, "a"), undefined);
  assert.match(older.takeWarnings().join(), /of a newer pipd; it was set aside as .*x\.db\.corrupt/);
});

test("a file of this version with other tables is set aside and begun anew, with one warning", (t) => {
  const path = join(folderOf(t), "x.db");
  open(t, path, ["CREATE TABLE fact (name TEXT PRIMARY KEY, amount TEXT)"]).close();
  const database = open(t, path);
  put(database, "a", "1");
  assert.equal(get(database, "a"), "1");
  assert.equal(database.takeWarnings().length, 1);
});

const GARBAGE: Readonly<Record<string, (content: Buffer) => Buffer>> = {
  garbage: () => Buffer.from("this is no database, but it is long enough to be read as one. ".repeat(100)),
  "cut off": (content) => content.subarray(0, 5_000),
  "overwritten in the middle": (content) =>
    Buffer.concat([content.subarray(0, 1_000), Buffer.alloc(content.length - 1_000, 7)]),
};

for (const [what, spoil] of Object.entries(GARBAGE)) {
  test(`a corrupt file (${what}) is set aside and begun anew, with one warning`, (t) => {
    const path = join(folderOf(t), "x.db");
    const before = open(t, path);
    for (let at = 0; at < 500; at++) {
      put(before, `name ${at}`, "value ".repeat(20));
    }
    before.use((sql) => sql.pragma("wal_checkpoint(TRUNCATE)"));
    before.close();
    writeFileSync(path, spoil(readFileSync(path)));
    const database = open(t, path);
    put(database, "a", "1");
    database.use((sql) => sql.prepare("SELECT * FROM fact ORDER BY value").all());
    put(database, "a", "1");
    assert.equal(get(database, "a"), "1");
    assert.equal(database.takeWarnings().length, 1);
    assert.ok(existsSync(`${path}.corrupt`));
    assert.equal(database.inMemory, false);
  });
}

test("a file that becomes corrupt while in use is begun anew, with one warning", (t) => {
  const path = join(folderOf(t), "x.db");
  const database = open(t, path);
  for (let at = 0; at < 500; at++) {
    put(database, `name ${at}`, "value ".repeat(20));
  }
  database.use((sql) => sql.pragma("wal_checkpoint(TRUNCATE)"));
  const size = readFileSync(path).length;
  const writing = spawnSync("dd", [
    "if=/dev/urandom",
    `of=${path}`,
    "bs=1024",
    `count=${Math.floor(size / 1024)}`,
    "conv=notrunc",
  ]);
  assert.equal(writing.status, 0);
  database.use((sql) => sql.pragma("shrink_memory"));
  assert.equal(get(database, "name 3") ?? "gone", "gone");
  put(database, "a", "1");
  assert.equal(get(database, "a"), "1");
  assert.equal(database.takeWarnings().length, 1);
});

test("a file that is deleted while in use is made again, with one warning", (t) => {
  const folder = join(folderOf(t), "cache");
  const path = join(folder, "x.db");
  const database = open(t, path);
  put(database, "a", "1");
  rmSync(folder, { recursive: true });
  assert.equal(get(database, "a"), undefined);
  put(database, "a", "2");
  assert.equal(get(database, "a"), "2");
  assert.match(database.takeWarnings().join(), /deleted while in use/);
  assert.ok(existsSync(path));
});

test("a full disk or a file that cannot be written: it goes on in memory, with one warning", (t) => {
  const path = join(folderOf(t), "x.db");
  const database = open(t, path);
  database.use((sql) => sql.pragma("max_page_count = 8"));
  put(database, "big", "x".repeat(100_000));
  assert.equal(database.inMemory, true);
  assert.equal(String(get(database, "big")).length, 100_000);
  assert.match(database.takeWarnings().join(), /cannot be used \(SQLITE_FULL\); pipd goes on without it/);

  const readOnly = open(t, join(folderOf(t), "x.db"));
  readOnly.use((sql) => sql.pragma("query_only = 1"));
  put(readOnly, "a", "1");
  assert.equal(get(readOnly, "a"), "1");
  assert.match(readOnly.takeWarnings().join(), /SQLITE_READONLY/);
});

test("where there can be no file it is in memory from the start, with one warning", (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "x.db"));
  writeFileSync(join(folder, "file"), "");
  for (const path of [join(folder, "x.db"), join(folder, "file", "x.db"), "/proc/pipd/x.db"]) {
    const database = open(t, path);
    put(database, "a", "1");
    assert.equal(get(database, "a"), "1");
    assert.equal(database.inMemory, true);
    assert.equal(database.takeWarnings().length, 1);
  }
});

test("two processes share a file", async (t) => {
  const path = join(folderOf(t), "x.db");
  const database = open(t, path);
  const script = `
    const { openDatabase } = await import(${JSON.stringify(new URL("../../daemon/store/database.ts", import.meta.url).href)});
    const database = openDatabase(${JSON.stringify(path)}, { migrations: ${JSON.stringify(MIGRATIONS)} });
    for (let at = 0; at < 100; at++) database.use((sql) => sql.prepare("INSERT INTO fact VALUES (?, ?)").run("theirs " + at, "x"));
    database.close();`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  const ended = new Promise((resolve) => other.once("exit", resolve));
  for (let at = 0; at < 100; at++) {
    put(database, `ours ${at}`, "x");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(await ended, 0);
  assert.equal(
    database.use((sql) => sql.prepare("SELECT count(*) FROM fact").pluck().get()),
    200,
  );
  assert.deepEqual(database.takeWarnings(), []);
});

const LOCKER = `
  const { openExclusiveLock } = await import(${JSON.stringify(new URL("../../daemon/store/exclusive-lock.ts", import.meta.url).href)});
  const lock = openExclusiveLock(process.argv[1]);
  console.log(lock === "busy" ? "busy" : "held");
  // Whoever holds a lock holds on to it: one that is garbage is free.
  if (lock !== "busy") setInterval(() => lock.release.name, 1000);`;

function startLocker(path: string) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", LOCKER, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const said = new Promise<string>((resolve) =>
    child.stdout.once("data", (data: Buffer) => resolve(data.toString().trim())),
  );
  return { child, said };
}

test("one of many starters gets the lock, the others are told; the kernel frees it when the holder is killed", async (t) => {
  const path = join(folderOf(t), "run", "lock.db");
  const starters = Array.from({ length: 6 }, () => startLocker(path));
  const said = await Promise.all(starters.map((starter) => starter.said));
  assert.deepEqual([...said].sort(), ["busy", "busy", "busy", "busy", "busy", "held"]);
  assert.equal(openExclusiveLock(path), "busy");
  const holder = starters[said.indexOf("held")];
  const dead = new Promise((resolve) => holder?.child.once("exit", resolve));
  holder?.child.kill("SIGKILL");
  await dead;
  const lock = openExclusiveLock(path);
  assert.notEqual(lock, "busy");
  assert.equal(openExclusiveLock(path), "busy");
  assert.equal(await startLocker(path).said, "busy");
  if (lock !== "busy") {
    lock.release();
  }
  const next = openExclusiveLock(path);
  assert.notEqual(next, "busy");
  if (next !== "busy") {
    next.release();
  }
});

test("a lock that cannot be made is told", (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => openExclusiveLock(join(folder, "file", "lock.db")), { code: "lock-failed" });
});
