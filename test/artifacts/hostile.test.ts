import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PipdError } from "../../daemon/std/errors.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";
import { HOSTILE_WHEELS } from "./hostile-wheels.ts";
import { callWith, contentsOf, openWorkshop } from "./unpacking.ts";

describe("a wheel is refused, and leaves nothing behind, with", () => {
  const { fetcher, newFolder, store } = openWorkshop();

  for (const { title, filename = "demo-1.0-py3-none-any.whl", wheel, problem } of HOSTILE_WHEELS) {
    it(title, async () => {
      const path = join(newFolder(), filename);
      writeFileSync(path, await (typeof wheel === "function" ? wheel() : makeWheel(wheel)));
      await assert.rejects(fetcher.fetchWheel(path, callWith()), (error) => {
        assert.ok(error instanceof PipdError, String(error));
        assert.equal(error.code, "invalid-wheel", error.message);
        assert.match(error.message, problem);
        assert.ok(error.message.startsWith(`${filename} `), error.message);
        assert.ok((error.hint ?? "").length > 0);
        return true;
      });
      assert.deepEqual(contentsOf(store), [".stage"]);
    });
  }

  it("nothing at all: the honest wheel is accepted", async () => {
    const path = join(newFolder(), wheelFilename({ name: "demo" }));
    writeFileSync(path, await makeWheel({ name: "demo", alter: (entries) => entries }));
    assert.equal((await fetcher.fetchWheel(path, callWith())).manifest.name, "demo");
  });
});
