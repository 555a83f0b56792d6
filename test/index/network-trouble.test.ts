import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { startBothSchemes } from "../harness/both-schemes.ts";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { type IndexServer, type IndexServerOptions, startIndexServer } from "../harness/index-server.ts";
import { noise } from "../harness/noise.ts";
import { type Finished, type Running, type RunOptions, runPipd, startPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { servedWheels } from "../harness/twins.ts";
import { patiently } from "./fault-run.ts";

const MEGABYTE = 1_000_000;
const shared = createSandbox({ PIP_ROOT_USER_ACTION: "ignore" });
after(() => shared.close());

const parts = Array.from({ length: 40 }, (_, index) => ({ file: `m${index}.bin`, content: noise(50_000, index) }));

/** A wheel of a project with five incompressible megabytes: the first two in small files, which are unpacked while the rest is coming. */
const large = (name: string) => {
  const small = parts.map(({ file, content }) => [`${name}_parts/${file}`, content] as const);
  const files = { ...Object.fromEntries(small), [`${name}.bin`]: noise(3 * MEGABYTE, 7) };
  return servedWheels([{ name, version: "1.0", files }]);
};

/** Whether all of such a wheel is in a folder. */
function isInstalled(folder: string, name: string): void {
  assert.ok(readFileSync(join(folder, `${name}.bin`)).equals(noise(3 * MEGABYTE, 7)));
  for (const { file, content } of parts)
    assert.ok(readFileSync(join(folder, `${name}_parts`, file)).equals(content), file);
}
const small = (name: string) => servedWheels([{ name, version: "1.0" }]);

async function serve(t: TestContext, options: IndexServerOptions): Promise<IndexServer> {
  const server = await startIndexServer(options);
  t.after(() => server.close());
  return server;
}

const installArgs = (sandbox: Sandbox, target: string, ...words: readonly string[]): readonly string[] => [
  "install",
  "--no-compile",
  "--target",
  join(sandbox.folder, "targets", target),
  ...words,
];
const install = (
  target: string,
  words: readonly string[],
  options: RunOptions = {},
  sandbox = shared,
): Promise<Finished> => runPipd(sandbox, installArgs(sandbox, target, ...words), options);
const startInstall = (target: string, words: readonly string[], options: RunOptions = {}, sandbox = shared): Running =>
  startPipd(sandbox, installArgs(sandbox, target, ...words), options);

function partials(sandbox: Sandbox): readonly string[] {
  const folder = join(sandbox.cache, "partial");
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** Waits until a begun file has so many bytes on the disk. */
async function seenOnDisk(sandbox: Sandbox, bytes: number): Promise<void> {
  const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (partials(sandbox).some((path) => size(path) >= bytes)) return;
    await sleep(10);
  }
  throw new Error(`no file of ${bytes} bytes was begun`);
}

const INTERRUPTIONS: readonly {
  readonly title: string;
  readonly daemon?: boolean;
  readonly interrupt: (running: Running, sandbox: Sandbox, server: IndexServer) => Promise<void> | void;
}[] = [
  {
    title: "the server goes away",
    interrupt: async (_running, _sandbox, server) => server.cut(),
  },
  {
    title: "the client is killed",
    interrupt: (running) => void running.child.kill("SIGKILL"),
  },
  {
    title: "the daemon is killed",
    interrupt: async (_running, sandbox) => {
      const status = await daemonStatus(sandbox);
      assert.ok(status);
      process.kill(status.pid, "SIGKILL");
    },
  },
  {
    title: "a run without a daemon is killed",
    daemon: false,
    interrupt: (running) => void running.child.kill("SIGKILL"),
  },
];

for (const [at, { title, interrupt, daemon }] of INTERRUPTIONS.entries()) {
  test(`an interrupted download goes on in the next command: ${title}`, async (t) => {
    await using sandbox = createSandbox({ PIP_ROOT_USER_ACTION: "ignore" });
    const name = `large${at}`;
    const path = `/files/${name}-1.0-py3-none-any.whl`;
    const stall = { after: 2 * MEGABYTE, milliseconds: 60_000 };
    const server = await serve(t, { files: await large(name), faults: { [path]: { stall, times: 1 } } });
    const words = ["-i", server.url, "--retries", "0", "--resume-retries", "0", name];
    const running = startInstall("x", words, daemon === false ? { daemon } : {}, sandbox);
    await seenOnDisk(sandbox, MEGABYTE);
    await interrupt(running, sandbox, server);
    const first = await running.finished;
    assert.notEqual(first.code, 0);
    assert.ok(!existsSync(join(sandbox.folder, "targets", "x", `${name}.bin`)));
    const next = await patiently(() => install("x", words, {}, sandbox));
    assert.equal(next.code, 0, next.stderr);
    const asked = (server.seen.get(path) ?? []).map(({ range }) => range);
    assert.equal(asked.length, 2, `requests: ${asked.join(", ")}`);
    assert.match(String(asked[1]), /^bytes=[1-9]\d{5,}-$/);
    isInstalled(join(sandbox.folder, "targets", "x"), name);
    assert.deepEqual(partials(sandbox), []);
  });
}

test("several clients that want the same file cost one transfer, those without a daemon included", async (t) => {
  const server = await serve(t, { files: await large("common"), bandwidth: 3 * MEGABYTE });
  await startDaemon(shared);
  const words = ["-i", server.url, "common"];
  const all = await Promise.all([
    install("common-0", words),
    install("common-1", words),
    install("common-2", words, { daemon: false }),
    install("common-3", words, { daemon: false }),
  ]);
  for (const { code, stderr } of all) assert.equal(code, 0, stderr);
  assert.equal(server.counters().files, 1);
});

test("an index that is down costs one attempt a command at most, is named once, and is back as soon as it is up", async (t) => {
  const server = await serve(t, {
    files: await servedWheels([
      { name: "app", version: "1.0", requires: ["app-lib"] },
      { name: "app-lib", version: "1.0" },
    ]),
  });
  const attempts = { made: 0 };
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    attempts.made += 1;
    sockets.add(socket.on("error", () => {}));
  });
  await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  const down = `http://me:secret@127.0.0.1:${port}/simple/`;
  for (const target of ["down-0", "down-1"]) {
    const words = ["--timeout", "2", "-i", server.url, "--extra-index-url", down, "app"];
    const { code, stderr, stdout } = await install(target, words);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^WARNING: Skipping http:\/\/me:\*\*\*\*@127.*\n$/);
    assert.doesNotMatch(stderr + stdout, /secret/);
    assert.ok(attempts.made <= (target === "down-0" ? 1 : 2), `${attempts.made} attempts`);
  }
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => silent.close(resolve));
  const closed = await install("down-2", ["-i", down, "only-there"]);
  assert.match(closed.stderr, /^ERROR: Could not look for only-there in http.*\nhint: .*\n$/);
  await serve(t, { port, files: await small("only-there") });
  const back = await patiently(() => install("down-3", ["-i", down, "only-there"]));
  assert.deepEqual([back.code, back.stderr], [0, ""]);
});

const BOMB = gzipSync(Buffer.alloc(900 * MEGABYTE), { level: 1 });

test("a gzip bomb takes no more memory than a page may have", async (t) => {
  await using sandbox = createSandbox({ PIP_ROOT_USER_ACTION: "ignore" });
  const server = await serve(t, {
    files: { ...(await small("warm")), ...(await small("bomb")) },
    maxAge: undefined,
    etags: false,
  });
  assert.equal((await install("warm", ["-i", server.url, "warm"], {}, sandbox)).code, 0);
  const pid = (await daemonStatus(sandbox))?.pid;
  const peak = (): number => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = peak();
  const fault = { headers: { "content-encoding": "gzip" }, body: BOMB };
  for (const path of ["/files/bomb-1.0-py3-none-any.whl.metadata", "/simple/bomb/"]) {
    server.set({ faults: { [path]: fault } });
    const { code, stderr } = await install("bomb", ["-i", server.url, "bomb"], {}, sandbox);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /becomes far too long when it is decompressed/);
  }
  const growth = peak() - before;
  t.diagnostic(`the daemon grew by ${Math.round(growth / MEGABYTE)} MB`);
  assert.ok(growth < 250 * MEGABYTE, `${growth} bytes`);
  server.set({ faults: {} });
  assert.equal((await install("bomb", ["-i", server.url, "bomb"], {}, sandbox)).code, 0);
});

test("credentials are not sent in the clear by a redirect from https to http of the same host", async () => {
  const seen: (string | undefined)[] = [];
  let host = "";
  await using server = await startBothSchemes(
    (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: `http://${host}${request.url}` }).end();
    },
    (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(200, { "content-type": "text/html" }).end("<html></html>");
    },
  );
  host = server.host;
  const words = ["--cert", server.certificatePath, "-i", `https://me:secret@${host}/simple/`, "demo"];
  assert.equal((await install("clear", words)).code, 1);
  assert.deepEqual(seen, [`Basic ${Buffer.from("me:secret").toString("base64")}`, undefined]);
  const netrc = join(shared.home, "netrc-of-one-test");
  writeFileSync(netrc, "machine 127.0.0.1 login me password secret\n", { mode: 0o600 });
  seen.length = 0;
  await install("clear", words.with(3, `https://${host}/simple/`), { env: { NETRC: netrc } });
  assert.deepEqual(seen, [`Basic ${Buffer.from("me:secret").toString("base64")}`, undefined]);
});

test("credentials of an index do not follow a redirect to another host, for pages and files", async (t) => {
  const elsewhere = await serve(t, { files: await small("moved") });
  const path = "/files/moved-1.0-py3-none-any.whl";
  const server = await serve(t, {
    files: await small("moved"),
    auth: "me:secret",
    faults: {
      "/simple/moved/": { redirect: `${elsewhere.url}moved/` },
      [path]: { redirect: elsewhere.origin + path },
    },
  });
  const url = server.url.replace("//", "//me:secret@");
  assert.equal((await install("moved-0", ["-i", url, "moved"])).code, 0);
  server.set({ faults: { [path]: { redirect: elsewhere.origin + path } } });
  assert.equal((await install("moved-1", ["--no-cache-dir", "-i", url, "moved"])).code, 0);
  const sent = [...elsewhere.seen.values()].flat().map(({ authorization }) => authorization);
  assert.ok(sent.length >= 4, `${sent.length} requests`);
  assert.deepEqual([...new Set(sent)], [undefined]);
});

test("a name that cannot be resolved and a closed port are told at once, and again without harm", async () => {
  for (const [url, reason] of [
    ["https://no-such-host.invalid/simple", /the host name cannot be resolved/],
    ["http://127.0.0.1:9/simple", /connection refused/],
  ] as const) {
    for (const daemon of [true, true, false]) {
      const { code, stderr } = await install("nowhere", ["-i", url, "demo"], { daemon });
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^ERROR: Could not look for demo in ${url}: Could not reach [^\\n]*: ${reason.source}`),
      );
      assert.match(stderr, /\nhint: Check the network connection, the proxy settings and the index URL\./);
      assert.equal(stderr.trim().split("\n").length, 2, stderr);
    }
  }
});
