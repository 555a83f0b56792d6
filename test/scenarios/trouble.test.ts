import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { createTwins, servedWheels } from "../harness/twins.ts";

const INDEX = await servedWheels([
  { name: "app", version: "1.0", requires: ["lib"] },
  { name: "lib", version: "1.0" },
]);
/** Nobody listens there. */
const DEAD = "http://127.0.0.1:9/simple";

test("a dead index is named once, and the others answer", async () => {
  await using twins = await createTwins({ files: INDEX });
  const { code, stderr } = await twins.pipd(["install", "-i", DEAD, "--extra-index-url", twins.server.url, "app"]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/127\.0\.0\.1:9\b/g)?.length, 2, `one line that names the index and its host: ${stderr}`);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
});

test("when only a dead index could have a project, the error says so", async () => {
  await using twins = await createTwins({ files: INDEX });
  const { code, stderr } = await twins.pipd(["install", "-i", DEAD, "app"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^ERROR: Could not look for app in http:\/\/127\.0\.0\.1:9\/simple: Could not reach http:\/\/127\.0\.0\.1:9: connection refused\nhint: .*\n$/,
  );
});

test("uninstall asks, and does as it is told", async () => {
  await using twins = await createTwins({ files: INDEX });
  await twins.pipd(["install", "--no-compile", "app"]);
  const before = snapshotTree(twins.root);
  const no = await twins.pipd(["uninstall", "app"], { stdin: "what\nn\n" });
  assert.equal(no.code, 0, no.stderr);
  assert.match(
    no.stdout,
    /Would remove:\n.*\nProceed \(Y\/n\)\? Your response \('what'\) was not one of the expected responses: y, n, \nProceed/s,
  );
  const ended = await twins.pipd(["uninstall", "app"]);
  assert.equal(ended.code, 2, ended.stdout + ended.stderr);
  assert.deepEqual(treeDifferences(snapshotTree(twins.root), before), []);
  const yes = await twins.pipd(["uninstall", "app"], { stdin: "\n" });
  assert.match(yes.stdout, /Successfully uninstalled app-1\.0/);
  assert.deepEqual((await twins.pipd(["freeze"])).stdout, "lib==1.0\n");
});

test("what is not there yet says so and exits with 2", async () => {
  await using twins = await createTwins({});
  mkdirSync(join(twins.sandbox.home, "project"));
  const refused = [
    ["install", "-e", "project"],
    ["install", "--platform", "any", "x"],
    ["install", "--group", "dev"],
    ["freeze", "-r", "x.txt"],
    ["wheel", "x"],
    ["download", "x"],
    ["--keyring-provider", "import", "install", "x"],
  ];
  for (const args of refused) {
    const { code, stderr } = await twins.pipd(args);
    assert.deepEqual([code, /not supported by pipd yet/.test(stderr)], [2, true], `${args.join(" ")}: ${stderr}`);
  }
});

test("a faulty settings file is named with line and key, and the command goes on", async () => {
  await using twins = await createTwins({ files: INDEX });
  mkdirSync(twins.sandbox.config, { recursive: true });
  writeFileSync(join(twins.sandbox.config, "config.toml"), '# mine\nidle-timeout = "3h"\nconcurency = 7\n');
  const { code, stderr } = await twins.pipd(["install", "lib"]);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /config\.toml are not used: line 3: concurency is not a setting of pipd \(there are: daemon, idle-timeout, .*concurrency/,
  );
});
