import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type IndexServer, startIndexServer } from "../harness/index-server.ts";
import { NEWEST } from "../harness/interpreters.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { servedWheels } from "../harness/twins.ts";

/** `other` has an extra that leads back to `app`, which does not count: no extra does. `zed` asks for another `lib` than there is. */
const WHEELS = await servedWheels([
  {
    name: "App",
    requires: ["lib<3,>=01.0", "other[fast]>=1", 'odd; python_version < "3"', 'zed; extra == "more"', "lib!=9.*"],
    extras: ["more"],
  },
  { name: "lib", version: "2.0" },
  { name: "other", version: "1.5", requires: ['speedy; extra == "fast"', "lib"], extras: ["fast"] },
  { name: "speedy", requires: ["app"] },
  { name: "cyc-a", requires: ["cyc-b~=1.0"] },
  { name: "cyc-b", requires: ["cyc-a", "below-cyc"] },
  { name: "below-cyc" },
  { name: "Mixed.Case_Name", requires: ["zed", "mixed.case_name", "missing"] },
  { name: "zed", requires: ["lib==9"] },
]);

const SPEEDY = ["speedy v1.0", "└── app v1.0", "    ├── lib v2.0", "    └── other v1.5", "        └── lib v2.0"];
const CYCLE = ["cyc-a v1.0", "└── cyc-b v1.0", "    ├── below-cyc v1.0", "    └── cyc-a v1.0 (*)"];
const MIXED = ["mixed-case-name v1.0", "└── zed v1.0"];
const AGAIN = "(*) Package tree already displayed";

const CASES: readonly { readonly args: readonly string[]; readonly lines: readonly string[] }[] = [
  { args: [], lines: [...CYCLE, ...MIXED, ...SPEEDY, AGAIN] },
  {
    args: ["--no-dedupe", "--prune", "APP"],
    lines: [
      ...CYCLE,
      ...MIXED,
      "other v1.5",
      "└── lib v2.0",
      "speedy v1.0",
      "(*) Package tree is a cycle and cannot be shown",
    ],
  },
  { args: ["--depth", "0"], lines: ["cyc-a v1.0", "mixed-case-name v1.0", "speedy v1.0"] },
  { args: ["-d1", "--package", "Mixed_case.name", "--package", "speedy"], lines: [...MIXED, ...SPEEDY.slice(0, 2)] },
  {
    args: ["--package", "app", "--package", "lib"],
    lines: ["app v1.0", "├── lib v2.0", "└── other v1.5", "    └── lib v2.0"],
  },
  { args: ["--package", "below-cyc"], lines: ["below-cyc v1.0"] },
  {
    args: ["--package", "cyc-b", "--prune", "below-cyc"],
    lines: ["cyc-b v1.0", "└── cyc-a v1.0", "    └── cyc-b v1.0 (*)", AGAIN],
  },
  {
    args: ["--package", "app", "--show-version-specifiers"],
    lines: [
      "app v1.0",
      "├── lib v2.0 [required: >=1.0, <3]",
      "└── other v1.5 [required: >=1]",
      "    └── lib v2.0 [required: *]",
    ],
  },
  {
    args: ["--invert", "--package", "lib", "--show-version-specifiers"],
    lines: [
      "lib v2.0",
      "├── app v1.0 [requires: lib >=1.0, <3]",
      "│   └── speedy v1.0 [requires: app *]",
      "└── other v1.5 [requires: lib *]",
      "    └── app v1.0 [requires: other >=1] (*)",
      AGAIN,
    ],
  },
];

let sandbox: Sandbox;
let server: IndexServer;
let root: string;

before(async () => {
  sandbox = createSandbox();
  server = await startIndexServer({ files: WHEELS });
  root = join(sandbox.folder, "env");
  execFileSync(NEWEST.executable, ["-m", "venv", "--without-pip", root], { env: sandbox.env });
  const names = ["app", "lib", "other", "speedy", "cyc-a", "cyc-b", "below-cyc", "mixed.case-name", "zed"];
  const { code, stderr } = await runPipd(sandbox, [
    "--python",
    root,
    "install",
    "--no-deps",
    "-i",
    server.url,
    ...names,
  ]);
  assert.equal(code, 0, stderr);
});
after(async () => {
  await server.close();
  await sandbox.close();
});

test("tree shows what depends on what, as uv draws it", async () => {
  const ends = await Promise.all(CASES.map(({ args }) => runPipd(sandbox, ["--python", root, "tree", ...args])));
  for (const [at, { stdout, stderr, code }] of ends.entries()) {
    const { args, lines } = CASES[at]!;
    const seen = { lines: stdout.trimEnd().split("\n"), stderr, code };
    assert.deepEqual(seen, { lines, stderr: "", code: 0 }, args.join(" "));
  }
});

test("tree says the same without a daemon, names what is not there, and sees what has changed", async () => {
  const args = ["--python", root, "tree", "--package", "nothing", "--package", "zed", "--invert"];
  const by = await runPipd(sandbox, args);
  const without = await runPipd(sandbox, args, { daemon: false });
  assert.deepEqual(by, without);
  assert.equal(by.stdout, "zed v1.0\n└── mixed-case-name v1.0\n");
  assert.equal(by.stderr, "WARNING: Package(s) not found: nothing\n");
  assert.equal((await runPipd(sandbox, ["--python", root, "tree", "--outdated"])).code, 2);
  const site = join(root, "lib", `python3.${NEWEST.minor}`, "site-packages");
  rmSync(join(site, "mixed_case_name-1.0.dist-info"), { recursive: true, force: true });
  rmSync(join(site, "Mixed_Case_Name-1.0.dist-info"), { recursive: true, force: true });
  assert.equal((await runPipd(sandbox, args)).stdout, "zed v1.0\n");
});
