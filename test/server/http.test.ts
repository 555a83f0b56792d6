import assert from "node:assert/strict";
import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonStatus } from "../../protocol/methods.ts";
import { daemonStatus, startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { type JsonSchema, schemaFaults } from "../harness/json-schema.ts";
import { PIPD, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, processesOf, type Sandbox } from "../harness/sandbox.ts";
import { createTwins, servedWheels } from "../harness/twins.ts";

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks by a socket, or by a port of this machine. */
function ask(door: string | number, path: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Answer> {
  const place = typeof door === "string" ? { socketPath: door, host: "localhost" } : { host: "127.0.0.1", port: door };
  const type = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request({ ...place, path, method, headers: { ...type, ...headers }, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const rpc = (door: string | number, body: unknown): Promise<Answer> =>
  ask(door, "/v1/rpc", { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });

/** Starts the sandbox's daemon with lines added to its settings; gives what it says of itself once it serves HTTP as it was told. */
async function startWith(sandbox: Sandbox, settings: string, program = TEST_PIPD): Promise<DaemonStatus> {
  appendFileSync(join(sandbox.config, "config.toml"), settings);
  for (const began = performance.now(); performance.now() - began < 30_000; await sleep(20)) {
    // One with a short time for idleness may have left again on a busy machine.
    await startDaemon(sandbox, { program });
    const status = await daemonStatus(sandbox, { program });
    const isAsked = readFileSync(join(sandbox.config, "config.toml"), "utf8").includes("http");
    if (status !== undefined && (status.http !== undefined || !isAsked)) return status;
  }
  throw new Error("HTTP was never served");
}

/** Addresses that a process listens on, as the kernel has them: `0100007F:1F90` is 127.0.0.1:8080. */
function listensOn(pid: number): readonly string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((name) => /socket:\[(\d+)\]/.exec(safeLink(`/proc/${pid}/fd/${name}`))?.[1]),
  );
  return ["tcp", "tcp6"]
    .flatMap((kind) => readFileSync(`/proc/${pid}/net/${kind}`, "utf8").split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && inodes.has(inode))
    .map(([, local]) => local ?? "");
}

function safeLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

void describe("the daemon over HTTP", { concurrency: 3 }, () => {
  test("R13 HTTP is off unless it is asked for", async () => {
    await using sandbox = createSandbox();
    const status = await startWith(sandbox, "");
    await sleep(300);
    assert.equal(status.http, undefined);
    assert.equal(existsSync(join(dirname(status.socket), "http")), false);
    assert.deepEqual(listensOn(status.pid), []);
  });

  test("R13 the setting `http` opens a socket for its user, and no port", async () => {
    await using sandbox = createSandbox();
    const { http, pid, memory } = await startWith(sandbox, "http = true\n");
    assert.deepEqual(http, { socket: http?.socket });
    const stat = lstatSync(http?.socket ?? "");
    assert.ok(stat.isSocket());
    assert.equal(stat.mode & 0o777, 0o600);
    assert.deepEqual(listensOn(pid), []);
    assert.equal((await ask(http?.socket ?? "", "/healthz")).status, 200);
    const after = await daemonStatus(sandbox, { program: TEST_PIPD });
    const grown = (after?.memory.heapUsed ?? 0) - memory.heapUsed;
    assert.ok(grown > 2e6, `the server was loaded with the first request: the heap has grown by ${grown} bytes`);
    for (const [headers, code] of [
      [{ origin: "http://localhost" }, "origin-refused"],
      [{ origin: "null" }, "origin-refused"],
      [{ host: "evil.example" }, "host-refused"],
    ] as const) {
      const { status, text } = await ask(http?.socket ?? "", "/v1/status", { headers });
      assert.deepEqual([status, (JSON.parse(text) as { error: { code: string } }).error.code], [403, code]);
    }
    await stopDaemon(sandbox, { program: TEST_PIPD });
    assert.equal(existsSync(http?.socket ?? ""), false);
  });

  test("R13 a port is on the loopback interface, and wants a token, a known Host and no Origin", async () => {
    await using sandbox = createSandbox();
    const { http, pid, socket } = await startWith(sandbox, "http-port = 0\n");
    const port = Number(new URL(http?.url ?? "").port);
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    assert.deepEqual(listensOn(pid), [`0100007F:${hex}`]);
    const tokenPath = join(dirname(socket), "http-token");
    assert.equal(lstatSync(tokenPath).mode & 0o777, 0o600);
    const token = readFileSync(tokenPath, "utf8");
    assert.match(token, /^[0-9a-f]{64}$/);
    const good = { authorization: `Bearer ${token}` };
    const cases: readonly (readonly [Record<string, string>, number, string?])[] = [
      [good, 200],
      [{ ...good, host: `localhost:${port}` }, 200],
      [{}, 401, "token-refused"],
      [{ authorization: token }, 401, "token-refused"],
      [{ authorization: `Bearer ${token.slice(1)}` }, 401, "token-refused"],
      [{ authorization: `Bearer ${"0".repeat(64)}` }, 401, "token-refused"],
      [{ authorization: `Bearer ${readFileSync(join(dirname(socket), "token"), "utf8")}` }, 401, "token-refused"],
      [{ ...good, host: "localhost" }, 403, "host-refused"],
      [{ ...good, host: `evil.example:${port}` }, 403, "host-refused"],
      [{ ...good, host: `127.0.0.1.evil.example:${port}` }, 403, "host-refused"],
      [{ ...good, origin: `http://127.0.0.1:${port}` }, 403, "origin-refused"],
      [{ ...good, origin: "null" }, 403, "origin-refused"],
      [{ ...good, origin: "" }, 403, "origin-refused"],
    ];
    for (const path of ["/healthz", "/metrics", "/v1/status", "/openapi.json", "/nothing"]) {
      for (const [headers, wanted, code] of cases) {
        const answer = await ask(port, path, { headers });
        const expected = wanted === 200 && path === "/nothing" ? 404 : wanted;
        assert.equal(answer.status, expected, `${path} ${JSON.stringify(headers)}`);
        assert.ok(!Object.keys(answer.headers).some((name) => name.startsWith("access-control-")));
        if (code !== undefined) assert.equal((JSON.parse(answer.text) as { error: { code: string } }).error.code, code);
      }
    }
    const preflight = await ask(port, "/v1/rpc", { method: "OPTIONS", headers: { ...good, origin: "http://x" } });
    assert.equal(preflight.status, 403);
  });

  test("a port that is taken is said in the status, and the daemon serves", async () => {
    await using sandbox = createSandbox();
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    const { http, state } = await startWith(sandbox, `http-port = ${port}\n`);
    other.close();
    assert.equal(state, "serving");
    assert.match(http?.error ?? "", new RegExp(`EADDRINUSE.*${port}`));
  });

  test("questions over HTTP keep no daemon from leaving", async () => {
    await using sandbox = createSandbox();
    writeFileSync(join(sandbox.config, "config.toml"), "idle-timeout = 3\nhttp = true\n");
    let answered = 0;
    // On a busy machine it may have left before it was asked anything.
    for (let round = 0; round < 5 && answered === 0; round++) {
      const { http, pid, logPath } = await startWith(sandbox, "");
      const began = performance.now();
      while (processesOf(sandbox.folder).includes(pid)) {
        assert.ok(performance.now() - began < 60_000, `it never left: ${readFileSync(logPath, "utf8")}`);
        answered += await ask(http?.socket ?? "/none", "/healthz").then(
          () => 1,
          () => 0,
        );
        await sleep(50);
      }
    }
    assert.ok(answered > 0, `${answered} answers`);
  });

  test("each answer is what the OpenAPI document says", async () => {
    const files = await servedWheels([{ name: "lib", version: "1.0" }]);
    await using twins = await createTwins({ files });
    const { sandbox, root } = twins;
    const { http } = await startWith(sandbox, "http = true\n", PIPD);
    const door = http?.socket ?? "";
    assert.equal((await twins.pipd(["install", "--extra-index-url", "http://127.0.0.1:9/simple", "lib"])).code, 0);
    const document = JSON.parse((await ask(door, "/openapi.json")).text) as JsonSchema & {
      readonly openapi: string;
      readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
    };
    assert.match(document.openapi, /^3\.1\./);
    const world = { cwd: sandbox.home, env: sandbox.env, python: root };
    const call = (method: string, params: unknown, id: unknown = 1): string =>
      JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const post = (body: string, headers = {}): Asked => ({ method: "POST", body, headers });
    const cases: readonly (readonly [string, number, Asked?])[] = [
      ["/healthz", 200],
      ["/healthz", 403, { headers: { origin: "x" } }],
      ["/metrics", 200],
      ["/v1/status", 200],
      ["/v1/status", 403, { headers: { host: "x" } }],
      ["/openapi.json", 200],
      ["/v1/rpc", 200, post(call("ping", {}))],
      ["/v1/rpc", 200, post(call("daemon/status", {}, "a"))],
      ["/v1/rpc", 200, post(call("environment/resolve", world))],
      ["/v1/rpc", 200, post(call("packages/installed", world))],
      ["/v1/rpc", 200, post(call("packages/installed", { ...world, cwd: "relative" }))],
      ["/v1/rpc", 200, post(call("environment/resolve", { ...world, python: "/nowhere" }))],
      ["/v1/rpc", 200, post(call("daemon/stop", {}))],
      ["/v1/rpc", 200, post(call("run/start", {}, null))],
      ["/v1/rpc", 200, post(call("__proto__", {}))],
      ["/v1/rpc", 204, post('{"jsonrpc":"2.0","method":"ping"}')],
      ["/v1/rpc", 400, post("{")],
      ["/v1/rpc", 400, post("[]")],
      ["/v1/rpc", 400, post('{"jsonrpc":2,"id":1,"method":"ping"}')],
      ["/v1/rpc", 400, post('{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}')],
      ["/v1/rpc", 400, post('{"jsonrpc":"2.0","id":{},"method":"ping"}')],
      ["/v1/rpc", 400, post('{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}')],
      ["/v1/rpc", 400, post("")],
      // Refused by what it says of itself: the rest is never sent, since nobody would take it.
      ["/v1/rpc", 413, post("{", { "content-length": "1100000" })],
      ["/v1/rpc", 415, post("x", { "content-type": "application/xml" })],
      ["/v1/rpc", 403, post(call("ping", {}), { origin: "x" })],
    ];
    for (const [path, wanted, asked = {}] of cases) {
      const answer = await ask(door, path, asked);
      const which = `${asked.method ?? "GET"} ${path} ${asked.body?.slice(0, 80) ?? ""}: ${answer.text.slice(0, 300)}`;
      assert.equal(answer.status, wanted, which);
      const described = document.paths[path]?.[(asked.method ?? "get").toLowerCase()]?.responses[String(wanted)];
      assert.ok(described !== undefined, `${which} is described`);
      assert.deepEqual(faultsOf(answer, described, document), [], which);
    }
    const { result } = JSON.parse((await rpc(door, call("packages/installed", world))).text) as {
      readonly result: { readonly packages: readonly { readonly name: string }[] };
    };
    assert.deepEqual(
      result.packages.map(({ name }) => name),
      ["lib"],
    );
    const described = new Set(Object.keys(document.paths));
    assert.deepEqual([...new Set(cases.map(([path]) => path))].toSorted(), [...described].toSorted());
    await checkMetrics(door);
  });
});

interface Described {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
  >;
}

function faultsOf(
  { headers, text }: Answer,
  described: Described["responses"][string],
  root: JsonSchema,
): readonly string[] {
  const [type, content] = Object.entries(described.content ?? {})[0] ?? [];
  if (type === undefined || content === undefined) return text === "" ? [] : ["there should be no body"];
  if (!String(headers["content-type"]).startsWith(type)) return [`content type ${String(headers["content-type"])}`];
  return schemaFaults(type === "application/json" ? JSON.parse(text) : text, content.schema, root);
}

const SAMPLE = /^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (-?[\d.e+]+)$/;

/** The figures are in the text format, have the names of the README, and are those of the status. */
async function checkMetrics(door: string): Promise<void> {
  const { text } = await ask(door, "/metrics");
  const status = JSON.parse((await ask(door, "/v1/status")).text) as DaemonStatus;
  const found = new Map<string, number>();
  const names = new Set<string>();
  for (const line of text.trimEnd().split("\n")) {
    const [, kind, name] = /^# (HELP|TYPE) ([a-z_]+) (?:.+)$/.exec(line) ?? [];
    if (kind !== undefined) {
      names.add(name!);
      continue;
    }
    const sample = SAMPLE.exec(line);
    assert.ok(sample !== null, `a sample: ${line}`);
    assert.ok(names.has(sample[1]!), `described before: ${line}`);
    found.set(line.slice(0, line.lastIndexOf(" ")), Number(sample[3]));
  }
  const readme = readFileSync(join(import.meta.dirname, "../../protocol/README.md"), "utf8");
  const documented = [...readme.matchAll(/^\| `(pipd_[a-z_]+)(?:\{[a-z, ]+\})?` \| (?:gauge|counter) \| .+ \|$/gm)];
  assert.deepEqual(documented.map(([, name]) => String(name)).toSorted(), [...names].toSorted());
  const hosts = status.program?.hosts ?? [];
  assert.equal(hosts.length, 2);
  for (const { origin, requests, state } of hosts) {
    assert.equal(found.get(`pipd_host_requests_total{host="${origin}"}`), requests);
    assert.equal(found.get(`pipd_host_up{host="${origin}"}`), state === "ok" ? 1 : 0);
  }
  assert.equal(found.get("pipd_runs_total"), status.runsServed);
  assert.equal(found.get('pipd_cache_misses_total{cache="wheels"}'), 1);
  assert.equal(found.get("pipd_environments"), 1);
}

test("the HTTP server is in no file that the daemon loads to start", () => {
  const build = join(import.meta.dirname, "../../.build");
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, from] of readFileSync(path, "utf8").matchAll(/\b(?:from|import)"(\.[^"]+)"/g))
      visit(join(dirname(path), from!));
  };
  visit(join(build, "daemon.js"));
  assert.ok(seen.size > 1, "imports were found");
  for (const path of seen) assert.doesNotMatch(readFileSync(path, "utf8"), /FST_ERR_|find-my-way/, path);
  const chunks = readdirSync(join(build, "chunks")).map((name) => readFileSync(join(build, "chunks", name), "utf8"));
  assert.ok(
    chunks.some((text) => text.includes("FST_ERR_")),
    "it is in one that is loaded later",
  );
});
