import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { daemonCommand, daemonVariables } from "../../client/start-daemon.ts";
import { TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";

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

test("a daemon finds its own modules compiled by the build, with the flags that it has", async () => {
  await using sandbox = createSandbox();
  const build = join(dirname(TEST_PIPD), "../.build");
  const places = { runtime: sandbox.runtime, state: sandbox.home, cache: sandbox.home, config: sandbox.config };
  // For a client that has gone already, so that it ends by itself.
  const [first, ...words] = daemonCommand(build, places, ["--stdio"]);
  const modules = (env: Readonly<Record<string, string>>): readonly string[] => {
    const told = { ...env, NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
    const { stderr, status } = spawnSync(process.execPath, [first!, ...words], {
      env: told,
      input: "",
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    return stderr.split("\n").filter((line) => line.includes(`${build}/`));
  };
  const found = modules(daemonVariables(build));
  assert.ok(found.filter((line) => line.includes("was accepted")).length > 3, found.join("\n"));
  assert.deepEqual(
    found.filter((line) => /rejected|writing cache/.test(line)),
    [],
  );
  // The other outcome can be seen.
  const elsewhere = modules({ NODE_COMPILE_CACHE: join(sandbox.home, "code") });
  assert.deepEqual(
    elsewhere.filter((line) => line.includes("was accepted")),
    [],
  );
  assert.ok(elsewhere.filter((line) => line.includes("writing cache")).length > 3, elsewhere.join("\n"));
});
