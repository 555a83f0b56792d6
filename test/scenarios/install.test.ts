import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { snapshotTree, treeDifferences } from "../harness/tree.ts";
import { comparable, createTwins, type Twins } from "../harness/twins.ts";
import { makeWheel, wheelFilename } from "../harness/wheel-maker.ts";
import { checkAgreement, telling } from "./agreement.ts";
import { INDEX, SCENARIOS } from "./suite.ts";

for (const [name, commands] of Object.entries(SCENARIOS))
  test(`pip and pipd agree: ${name}`, async () => await checkAgreement(commands));

describe("in one environment", () => {
  let twins: Twins;
  before(async () => {
    twins = await createTwins({ files: INDEX });
  });
  after(() => twins[Symbol.asyncDispose]());

  test("the installed scripts run", async () => {
    const { code, stderr } = await twins.pipd(["install", "app"]);
    assert.equal(code, 0, stderr);
    for (const [script, text] of [
      ["app-run", "app runs\n"],
      ["app-script", "script runs\n"],
      ["app-shell", "shell runs\n"],
    ] as const) {
      assert.equal(execFileSync(join(twins.root, "bin", script), { encoding: "utf8" }), text);
    }
  });

  test("the second identical install asks no index", async () => {
    const before = twins.server.counters().requests;
    const { stdout, code } = await twins.pipd(["install", "app"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Requirement already satisfied: app in .*\(2\.0\)$/m);
    assert.equal(twins.server.counters().requests, before);
  });

  test("uninstall leaves the tree as it was before the install", async () => {
    await twins.pipd(["uninstall", "-y", "app", "lib"]);
    const empty = snapshotTree(twins.root);
    assert.equal((await twins.pipd(["install", "app[more]"])).code, 0);
    assert.notDeepEqual(treeDifferences(snapshotTree(twins.root), empty), []);
    assert.equal((await twins.pipd(["uninstall", "-y", "app", "lib", "extra-lib"])).code, 0);
    assert.deepEqual(treeDifferences(snapshotTree(twins.root), empty), []);
  });

  test("a version that does not exist: exit 1, the versions there are, nothing changed", async () => {
    const tree = snapshotTree(twins.root);
    const { code, stderr } = await twins.pipd(["install", "lib==999"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Could not find a version that satisfies the requirement lib==999 \(from versions: 1\.0, 1\.5, 2\.0, 3\.0b1\)/,
    );
    assert.match(stderr, /No matching distribution found for lib==999/);
    assert.deepEqual(treeDifferences(snapshotTree(twins.root), tree), []);
  });

  test("a conflict is explained from the user's own requirements on", async () => {
    const { code, stdout, stderr } = await twins.pipd(["install", "needs-old", "needs-new"]);
    assert.equal(code, 1);
    assert.match(stderr, /ERROR: Cannot install .*conflicting dependencies/);
    assert.match(stdout, /[Bb]ecause/);
  });
});

describe("requirements from elsewhere", () => {
  test("files with options, nested files, constraints, comments and variables", async () => {
    await using twins = await createTwins({ files: INDEX });
    const { home } = twins.sandbox;
    writeFileSync(join(home, "base.txt"), "# base\n-c limits.txt\napp \\\n  [more] # comment\n");
    writeFileSync(join(home, "limits.txt"), "lib<2\n");
    writeFileSync(join(home, "all.txt"), `--index-url ${twins.server.url}\n-r base.txt\nmixed.case-name==\${WANTED}\n`);
    const env = { WANTED: "1.0" };
    process.env["WANTED"] = "1.0";
    const pip = await (async () => {
      writeFileSync(join(home, "all-pip.txt"), readFileSync(join(home, "all.txt"), "utf8").replace("${WANTED}", "1.0"));
      return await twins.pip(["install", "-r", "all-pip.txt"]);
    })();
    const pipd = await twins.pipd(["install", "-r", "all.txt"], { env });
    assert.equal(pipd.code, pip.code, pipd.stderr + pip.stderr);
    assert.deepEqual(telling(pipd, twins), telling(pip, twins));
    assert.deepEqual(twins.differences(), []);
    assert.match(
      (await twins.pipd(["install", "-r", "all.txt"], { env })).stdout,
      /lib>=1 in .*\(from app\[more\]->-r base\.txt \(line \d\)\) \(1\.5\)|lib.*\(1\.5\)/,
    );
  });

  test("a missing file is named", async () => {
    await using twins = await createTwins();
    const { pip, pipd } = await twins.both(["install", "-r", "missing.txt"]);
    assert.equal(pipd.code, pip.code);
    assert.match(
      pipd.stderr,
      /Could not open requirements file: \[Errno 2\] No such file or directory: 'missing\.txt'/,
    );
  });

  test("local wheels and wheel URLs, with direct_url.json", async () => {
    await using twins = await createTwins({ files: INDEX });
    const { home } = twins.sandbox;
    const file = wheelFilename({ name: "local-thing", version: "1.0" });
    writeFileSync(join(home, file), await makeWheel({ name: "local-thing", version: "1.0", requires: ["lib"] }));
    for (const args of [
      ["install", `./${file}`],
      ["install", `${twins.server.origin}/files/${wheelFilename({ name: "extra-lib", version: "0.1" })}`],
      ["freeze"],
      ["install", `./${file}`],
      ["install", "local-thing"],
    ]) {
      const { pip, pipd } = await twins.both(args);
      assert.equal(pipd.code, pip.code, pipd.stdout + pipd.stderr);
      assert.deepEqual(telling(pipd, twins), telling(pip, twins));
      assert.deepEqual(twins.differences(), []);
    }
  });
});

describe("other places", () => {
  const PLACES: Readonly<Record<string, readonly (readonly string[])[]>> = {
    "--target": [
      ["install", "--target", "{place}", "app"],
      ["install", "--target", "{place}", "lib==1.0"],
      ["install", "-U", "--target", "{place}", "lib==1.0"],
    ],
    "--prefix": [["install", "--prefix", "{place}", "app"]],
    "--root": [["install", "--root", "{place}", "lib"]],
  };
  for (const [name, commands] of Object.entries(PLACES)) {
    test(`${name} gets the same tree as with pip`, async () => {
      await using twins = await createTwins({ files: INDEX });
      const [theirs, ours] = [join(twins.sandbox.home, "theirs"), join(twins.sandbox.home, "ours")];
      for (const args of commands) {
        const pip = await twins.pip(args.map((word) => word.replace("{place}", theirs)));
        const pipd = await twins.pipd(args.map((word) => word.replace("{place}", ours)));
        assert.equal(pipd.code, pip.code, pipd.stdout + pipd.stderr + pip.stderr);
        const rename = (line: string): string => line.replaceAll("env-of-pip", "env").replaceAll("env-of-our", "env");
        assert.deepEqual(
          treeDifferences(comparable(ours, twins.root), comparable(theirs, twins.pipRoot))
            .map(rename)
            .filter((line) => name !== "--root" || !line.includes("env")),
          [],
        );
      }
    });
  }
});

test("no escape byte reaches a pipe, and progress is shown on a terminal", async () => {
  await using twins = await createTwins({ files: INDEX, latency: 50 });
  const piped = await twins.pipd(["install", "app"]);
  assert.doesNotMatch(piped.stdout + piped.stderr, /\u001B/);
  await twins.pipd(["uninstall", "-y", "app", "lib"]);
  const terminal = await twins.pipd(["install", "app[more]"], { pty: true, env: { TERM: "xterm" } });
  assert.match(terminal.stdout, /Resolving|Installing|Downloading/);
});
