/** After an installation the daemon reads what the next command will ask, and sees what has changed since. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { installationIn } from "../harness/installation.ts";
import { NEWEST } from "../harness/interpreters.ts";
import { PIPD, runPipd } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { writeWheel } from "../harness/wheel-maker.ts";
import { until } from "../server/daemon-files.ts";

/** Notes the METADATA files that a daemon reads. */
const hook = (notes: string): string => `
  const { appendFileSync, readFileSync } = __fs;
  __fs.readFileSync = (path, ...options) => {
    if (String(path).endsWith("/METADATA")) appendFileSync(${JSON.stringify(notes)}, path + "\\n");
    return readFileSync(path, ...options);
  };
`;

test("the first command after an installation reads no METADATA, unless it has changed", async () => {
  await using sandbox = createSandbox();
  const wheels = sandbox.makeFolder("wheels");
  const names = Array.from({ length: 20 }, (_, at) => `thing${10 + at}`);
  for (const name of names) await writeWheel(wheels, { name });
  const { program, hookDaemon } = installationIn(sandbox, "install", undefined, PIPD);
  const notes = join(sandbox.folder, "notes");
  hookDaemon(hook(notes));
  const root = join(sandbox.folder, "env");
  const pipd = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runPipd(sandbox, args, { program });
    assert.deepEqual([code, stderr], [0, ""]);
    return stdout;
  };
  const read = (): readonly string[] =>
    existsSync(notes)
      ? readFileSync(notes, "utf8")
          .split("\n")
          .filter((path) => path.startsWith(root))
      : [];
  await pipd("venv", "-p", NEWEST.executable, root);
  await pipd("--python", root, "install", "--no-compile", "--no-index", "--find-links", wheels, ...names);
  await until(() => new Set(read()).size === names.length);
  rmSync(notes);
  const freeze = (renamed = "thing17"): string =>
    names.map((name) => `${name === "thing17" ? renamed : name}==1.0\n`).join("");
  assert.equal(await pipd("--python", root, "freeze"), freeze());
  assert.deepEqual(read(), []);
  const site = join(root, "lib", readdirSync(join(root, "lib"))[0] ?? "", "site-packages");
  const metadata = join(site, "thing17-1.0.dist-info/METADATA");
  writeFileSync(metadata, readFileSync(metadata, "utf8").replace("Name: thing17", "Name: THING17"));
  assert.equal(await pipd("--python", root, "freeze"), freeze("THING17"));
  assert.deepEqual([...new Set(read())], [metadata]);
});
