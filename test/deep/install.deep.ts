/** Kills an installation at 200 points: at every change that the main thread makes, and at random times while workers link. */
import { test } from "node:test";
import { createKiller } from "../install/killed.ts";

test("killed at every change", async (t) => {
  const killer = await createKiller(t, 40);
  for (let change = 0; change < killer.changes; change++) await killer.killAt({ change });
});

test("killed at random times while workers link", async (t) => {
  const killer = await createKiller(t, 3000);
  for (let index = 0; index < 100; index++) await killer.killAt({ afterMs: Math.random() * 300 });
});
