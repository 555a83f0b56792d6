import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { NEWEST } from "../harness/interpreters.ts";
import { type Finished, runPipd, startPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";

/** Nobody listens there. */
const DEAD = "127.0.0.1:9";
/** What a command prints for the person who typed it is what pip prints: of a URL only the user's part is hidden, and not its query. */
const PRINTED_BY_PIP = "canary-argv-query in output of command 0";
/** Secrets by the way they come in; each names its own leak. */
const ENV = {
  PATH: `${dirname(NEWEST.executable)}:/usr/bin:/bin`,
  PIP_INDEX_URL: `http://user:canary-env-index@${DEAD}/simple`,
  PIP_EXTRA_INDEX_URL: `http://canary-env-token@${DEAD}/simple http://u:canary%2Denv%2Dencoded@${DEAD}/x`,
  HTTPS_PROXY: `http://user:canary-env-proxy@${DEAD}`,
  DEPLOY_TOKEN: "canary-env-deploy",
  DB_PASSWORD: "canary-env-password",
  AWS_SECRET_ACCESS_KEY: "canary-env-aws",
};
const ARGV = [
  "--extra-index-url",
  `https://user:canary-argv-index@${DEAD}/simple`,
  `--extra-index-url=http://canary-argv-token@${DEAD}/simple`,
  "--proxy",
  `user:canary-argv-proxy@${DEAD}`,
  `--find-links=http://user:canary-argv-links@${DEAD}/links.html?token=canary-argv-query`,
];
const URL_REQUIREMENT = `thing @ http://user:canary-url-wheel@${DEAD}/thing-1.0-py3-none-any.whl`;
const CANARY = /canary(?:-|%2D)(?:env|argv|url|file)(?:-|%2D)\w+/g;

/** Every text that a person, a log or a program can get to see, by where it stands. */
async function outputsOf(
  sandbox: Sandbox,
  ends: readonly Finished[],
  program?: string,
): Promise<ReadonlyMap<string, string>> {
  const options = { env: ENV, ...(program === undefined ? {} : { program }) };
  const found = new Map<string, string>();
  ends.forEach(({ stdout, stderr }, index) => found.set(`output of command ${index}`, stdout + stderr));
  for (const args of [["status"], ["status", "--json"], ["log"], ["log", "--json"], ["doctor"], ["doctor", "--json"]])
    found.set(args.join(" "), (await runPipd(sandbox, ["daemon", ...args], options)).stdout);
  const socket = (await daemonStatus(sandbox, options))?.http?.socket;
  if (socket !== undefined) for (const path of ["/metrics", "/v1/status"]) found.set(path, await get(socket, path));
  for (const folder of [sandbox.state, sandbox.runtime, sandbox.cache]) {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      found.set(path, statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, "latin1") : "");
    }
  }
  return found;
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, host: "localhost" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
}

function assertSilent(outputs: ReadonlyMap<string, string>): void {
  const leaks = [...outputs].flatMap(([place, text]) =>
    [...text.matchAll(CANARY)].map(([secret]) => `${secret} in ${place}`),
  );
  assert.deepEqual(
    [...new Set(leaks)].filter((leak) => leak !== PRINTED_BY_PIP),
    [],
  );
}

test("R14 no secret of the environment, the command line or a URL is in log, status, metrics, traces or the doctor's file", async () => {
  await using sandbox = createSandbox();
  appendFileSync(join(sandbox.config, "config.toml"), 'http = true\nlog-level = "debug"\n');
  writeFileSync(
    join(sandbox.home, "pip.conf"),
    `[global]\ntrusted-host = x\nfind-links = http://u:canary-file-links@${DEAD}/l\n`,
  );
  writeFileSync(join(sandbox.home, "r.txt"), `--index-url http://user:canary-file-index@${DEAD}/simple\nthing\n`);
  const env = { ...ENV, PIP_CONFIG_FILE: join(sandbox.home, "pip.conf") };
  assert.equal((await runPipd(sandbox, ["venv", "v"], { env })).code, 0);
  const ends: Finished[] = [];
  for (const words of [
    ["install", ...ARGV, "thing"],
    ["install", URL_REQUIREMENT],
    ["install", "-v", "-r", "r.txt"],
    ["install", "--debug", "--no-such-option", ...ARGV],
  ]) {
    const end = await runPipd(sandbox, ["--python", "v", ...words], { env });
    assert.notEqual(end.code, 0);
    ends.push(end);
  }
  const outputs = await outputsOf(sandbox, ends);
  assert.match(
    outputs.get("status --json") ?? "",
    /user:\*\*\*\*@127\.0\.0\.1:9/,
    "the indexes are there, without their passwords",
  );
  assert.ok((outputs.get("/metrics") ?? "").includes(DEAD));
  assertSilent(outputs);
});

test("R14 a command that runs, a crash and what is left of them have no secret either", async () => {
  await using sandbox = createSandbox();
  const program = TEST_PIPD;
  const running = startPipd(sandbox, ["wait", ...ARGV, URL_REQUIREMENT], { program, env: ENV });
  await running.seen("waiting");
  assertSilent(await outputsOf(sandbox, [], program));
  const crashed = await runPipd(sandbox, ["crash", ...ARGV], { program, env: ENV });
  assert.notEqual(crashed.code, 0);
  running.child.kill("SIGKILL");
  await sleep(200);
  const outputs = await outputsOf(sandbox, [crashed], program);
  assert.ok(
    [...outputs.keys()].some((place) => place.includes("/crashes/")),
    "there is a crash report",
  );
  assertSilent(outputs);
  for (const [place, text] of outputs) assert.ok(!text.includes("canary-secret"), `what the fault said, in ${place}`);
});
