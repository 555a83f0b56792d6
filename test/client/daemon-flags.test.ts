import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { daemonCommand } from "../../client/start-daemon.ts";

/** Prints how many of Node's own modules were compiled with the code that its binary has for them, and how many without. */
const COUNT = `
  const { getCacheUsage } = require("internal/test/binding").internalBinding("builtins");
  for (const name of ["http2", "worker_threads", "zlib"]) require(name);
  const { compiledWithCache, compiledWithoutCache } = getCacheUsage();
  console.log(JSON.stringify({ withCode: compiledWithCache.size, without: compiledWithoutCache.size }));
`;

test("the daemon's flags leave Node the compiled code of its own modules", () => {
  const count = (flags: readonly string[]): { readonly withCode: number; readonly without: number } =>
    JSON.parse(
      execFileSync(process.execPath, [...flags, "--expose-internals", "--no-warnings", "-e", COUNT], {
        encoding: "utf8",
        env: {},
      }),
    );
  const folders = { runtime: "/r", state: "/s", cache: "/c", config: "/f" };
  const command = daemonCommand("/build", folders, []);
  const flags = command.slice(0, command.indexOf("/build/daemon.js"));
  assert.notDeepEqual(flags, []);
  const { withCode, without } = count(flags);
  assert.equal(without, 0);
  assert.ok(withCode > 10, `${withCode}`);
  // The other outcome can be seen.
  assert.ok(count([...flags, "--heap-growing-percent=50"]).without > 10);
});
