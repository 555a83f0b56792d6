import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import type { WorkDoneProgress } from "../../protocol/methods.ts";
import { startIndexServer } from "../harness/index-server.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { servedWheels } from "../harness/twins.ts";

const ROOT = join(import.meta.dirname, "../..");
const sandbox = createSandbox();
after(() => sandbox.close());

/** Runs a program that uses the API, as a user of the sandbox, and gives what it printed as JSON. */
async function program(body: string): Promise<unknown> {
  const source = `
    import { connectToPipd } from "./client/api.ts";
    for (const daemon of [true, false]) {
      const pipd = await connectToPipd({ daemon });
      const seen = [];
      ${body}
      pipd.close();
      console.log(JSON.stringify(seen));
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    cwd: ROOT,
    env: sandbox.env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

test("a program runs commands and asks questions, with the daemon and without", async () => {
  const seen = await program(`
    const output = (fd, text) => seen.push([fd, text.split(" ")[0]]);
    seen.push((await pipd.run(["--version"], { output })).exitCode);
    seen.push((await Promise.all([pipd.run(["--version"]), pipd.run(["no-such-command"])])).map(({ exitCode }) => exitCode));
    seen.push(typeof (await pipd.request("ping", {})).pid);
    seen.push(await pipd.request("no/such", {}).catch((error) => error.message));
    seen.push(await pipd.request("environment/resolve", { cwd: "relative", env: {} }).catch((error) => error.facts.code));
  `);
  const expected = [[1, "pipd"], 0, [0, 1], "number", "no such method: no/such", "invalid-params"];
  assert.deepEqual(seen, [expected, expected]);
});

test("R41 a program is told how far a run is: one begin, at most 20 reports a second, one end before the answer", async () => {
  const bulk = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * 7919 * (index % 251)) % 256));
  const files = await servedWheels([{ name: "thing", version: "1.0", files: { "thing/bulk.bin": bulk } }]);
  const [[name, { bytes }]] = Object.entries(files) as [[string, { bytes: Uint8Array }]];
  const server = await startIndexServer({ files, bandwidth: bytes.length });
  const seen = (await program(`
    const watch = async (argv, signal) => {
      const values = [];
      const start = Date.now();
      const progress = (value) => values.push(value);
      const { exitCode } = await pipd.run(argv, { progress, signal }).catch((error) => ({ exitCode: error.facts.code }));
      seen.push({ exitCode, values, elapsed: Date.now() - start });
    };
    const install = ["--no-cache-dir", "install", "-i", ${JSON.stringify(server.url)}, "--target", ${JSON.stringify(sandbox.home)} + "/thing-" + daemon];
    await watch([...install, "thing"]);
    await watch([...install, "--upgrade", "thing"], AbortSignal.timeout(500));
    await watch([...install, "nothing"]);
    await watch(["list"]);
  `)) as { exitCode: unknown; values: WorkDoneProgress[]; elapsed: number }[][];
  await server.close();
  for (const runs of seen) {
    assert.deepEqual(
      runs.map(({ exitCode }) => exitCode),
      [0, "request-cancelled", 1, 0],
    );
    for (const { values, elapsed } of runs) {
      assert.deepEqual([values[0]!.kind, values.at(-1)!.kind], ["begin", "end"]);
      const reports = values.slice(1, -1);
      assert.ok(reports.every(({ kind }) => kind === "report"));
      assert.ok(reports.length <= elapsed / 50 + 2, `${reports.length} in ${elapsed} ms`);
    }
    const reports = runs[0]!.values.filter((value) => value.kind === "report");
    const downloads = reports.filter(({ data }) => data.phase === "download");
    assert.ok(downloads.length > 2);
    for (const { message, data, percentage } of downloads) {
      assert.equal(message, `Downloading ${name}`);
      assert.deepEqual([data.name, data.total, data.unit], [name, bytes.length, "bytes"]);
      assert.equal(percentage, Math.floor((data.done! / bytes.length) * 100));
    }
    assert.deepEqual(
      reports.map(({ data }) => data.phase).filter((phase) => !["resolve", "download", "install"].includes(phase)),
      [],
    );
  }
});
