/** A process that is killed anywhere in a transaction leaves the old state or the new one to the next command (R56). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createKiller } from "./killed.ts";

test("R56 killed at changes from the first to the last", async (t) => {
  const killer = await createKiller(t, 40);
  const states = new Set<string>();
  const points = 15;
  for (let index = 0; index < points; index++) {
    states.add(await killer.killAt({ change: Math.round((index * (killer.changes - 1)) / (points - 1)) }));
  }
  states.add(await killer.killAt({ change: killer.changes + 1 }));
  assert.deepEqual([...states].sort(), ["new", "old"]);
});

test("R56 killed at any time while workers link", async (t) => {
  const killer = await createKiller(t, 700);
  for (const afterMs of [5, 20, 40, 80]) await killer.killAt({ afterMs });
});
