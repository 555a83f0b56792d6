import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSandbox } from "../harness/sandbox.ts";

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
