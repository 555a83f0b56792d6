import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { removeInTheEnd } from "../../daemon/std/remove-in-the-end.ts";

test("a folder that somebody makes again after its end goes a moment later; one that nobody watches stays", async (t) => {
  const parent = mkdtempSync(join(tmpdir(), "pipd-remove-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const [watched, other] = [join(parent, "watched"), join(parent, "other")];
  const make = (folder: string): void => {
    mkdirSync(join(folder, "deep"), { recursive: true });
    writeFileSync(join(folder, "deep", "file"), "");
  };
  for (const folder of [watched, other]) {
    make(folder);
    await removeInTheEnd(folder, folder === watched);
    assert.ok(!existsSync(folder));
    make(folder);
  }
  for (let waited = 0; existsSync(watched) && waited < 5000; waited += 20) await sleep(20);
  assert.deepEqual([existsSync(watched), existsSync(other)], [false, true]);
});

test("what is not there, or cannot be deleted, is no error", async () => {
  await removeInTheEnd(join(tmpdir(), "pipd-remove-nothing"));
  await removeInTheEnd("/dev/null/below");
  await removeInTheEnd("/proc/self/status");
});
