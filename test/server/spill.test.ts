import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSpill } from "../../daemon/server/spill.ts";
import { createSandbox } from "../harness/sandbox.ts";

const sandbox = createSandbox();
after(() => sandbox.close());

test("R45 output that waits on disk comes back in order, in a folder that was deleted, too", () => {
  const folder = join(sandbox.folder, "gone/deep");
  const spill = createSpill(folder);
  const pieces = Array.from({ length: 50 }, (_, index) => ({
    fd: (index % 2) + 1 === 1 ? (1 as const) : (2 as const),
    text: `${index} é💡`.repeat(index),
  }));
  for (const piece of pieces) spill.push(piece);
  assert.deepEqual(readdirSync(folder), []);
  assert.deepEqual(
    pieces.map(() => spill.shift()),
    pieces,
  );
  assert.deepEqual([spill.empty, spill.shift()], [true, undefined]);
  spill.close();
});

test("R45 what the disk does not take is named in its place", () => {
  const spill = createSpill("/dev/null/folder");
  spill.push({ fd: 1, text: "lost" });
  spill.push({ fd: 2, text: "é" });
  assert.equal(spill.empty, false);
  assert.deepEqual(spill.shift(), {
    fd: 2,
    text: "\npipd: 6 bytes of output are missing here: nobody read them, and they could not be kept (/dev/null/folder: ENOTDIR)\n",
  });
  assert.equal(spill.empty, true);
});
