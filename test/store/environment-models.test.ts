import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createEnvironmentModels } from "../../daemon/store/environment-models.ts";

const folder = mkdtempSync(join(tmpdir(), "pipd-models-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("texts outlive the process, and those used longest ago are dropped", () => {
  const path = join(folder, "models.db");
  let time = 0;
  const open = () => createEnvironmentModels(path, () => ++time, 3);
  const models = open();
  for (const key of ["a", "b", "c"]) models.set(key, `${key} text`);
  assert.equal(models.get("a"), "a text");
  models.set("d", "d text");
  models.set("c", "c again");
  const again = open();
  assert.deepEqual(
    ["a", "b", "c", "d"].map((key) => again.get(key)),
    ["a text", undefined, "c again", "d text"],
  );
});
