import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeFrame, MAX_BODY } from "../../protocol/framing.ts";
import { proofText } from "../../protocol/session.ts";
import { hmacSha256Hex } from "../../protocol/sha256.ts";
import { daemonStatus, startDaemon } from "../harness/daemon-runner.ts";
import { floodWithStrangers } from "../harness/fuzz.ts";
import { runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { dialRaw, initializeParams, NONCE, type RawConnection, shakeHandsRaw } from "./raw-connection.ts";

const program = TEST_PIPD;
const sandbox = createSandbox();
const namespace = { host: hostname(), mnt: readlinkSync("/proc/self/ns/mnt") };
let socket = "";
let token = "";
let pid = 0;

before(async () => {
  pid = await startDaemon(sandbox, { program });
  socket = (await daemonStatus(sandbox, { program }))!.socket;
  token = join(dirname(socket), "token");
});
after(() => sandbox.close());

async function assertServing(): Promise<void> {
  const { stdout, code } = await runPipd(sandbox, ["process"], { program });
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as { readonly pid: number }).pid, pid, "the same daemon serves");
}

/** Resolves when more can be written, or nothing any more. */
const drained = ({ socket }: RawConnection): Promise<unknown> => once(socket, "drain").catch(() => {});

/** Asks again and again without reading; "all" when every question has been taken. */
async function askOn(connection: RawConnection, question: Uint8Array, count: number): Promise<"all" | "closed"> {
  for (let asked = 0; asked < count; asked++) {
    if (connection.socket.destroyed) return "closed";
    if (!connection.socket.write(question)) await Promise.race([connection.closed, drained(connection)]);
  }
  return "all";
}

const frame = (text: string): string => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;

/** Each closes its own connection, and no other. */
const MALFORMED: readonly (readonly [string, string | Uint8Array])[] = [
  ["HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["NUL bytes", Buffer.alloc(64)],
  ["TLS", Buffer.from("16030100a5010000a10303", "hex")],
  ["no length", "Content-Type: text/plain\r\n\r\n{}"],
  ["a negative length", "Content-Length: -5\r\n\r\nhello"],
  ["a length in words", "Content-Length: NaN\r\n\r\n{}"],
  ["two lengths", "Content-Length: 2\r\nContent-Length: 4\r\n\r\n{}{}"],
  ["a body over the limit", `Content-Length: ${MAX_BODY + 1}\r\n\r\n{`],
  ["an endless header", `X: ${"y".repeat(5000)}`],
  ["broken JSON", frame('{"jsonrpc":"2.0","id":1,')],
  ["truncated and ended", 'Content-Length: 100\r\n\r\n{"jsonrpc"'],
  [
    "bytes that are not UTF-8",
    Buffer.concat([Buffer.from("Content-Length: 4\r\n\r\n"), Buffer.from([0xff, 0xfe, 0x22, 0x7b])]),
  ],
];

for (const [what, bytes] of MALFORMED) {
  test(`R16 malformed: ${what}`, async () => {
    const connection = await dialRaw(socket);
    connection.send(bytes);
    if (what.startsWith("truncated")) connection.socket.end();
    await connection.closed;
  });
}

test("R16 after all that the same daemon serves", assertServing);

test("R16 JSON of the wrong kind is refused, message by message", async () => {
  const connection = await dialRaw(socket);
  for (const message of [
    '"text"',
    "[]",
    "12",
    "null",
    "{}",
    '{"jsonrpc":"2.0","id":{},"method":5}',
    '{"__proto__":{"x":1}}',
    `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  ])
    connection.send(frame(message));
  connection.socket.end();
  await connection.closed;
  await assertServing();
});

test("R10 before the handshake nothing but initialize is answered", async () => {
  const connection = await dialRaw(socket);
  for (const method of ["run/start", "daemon/stop", "daemon/status", "ping"])
    assert.equal((await connection.request(method, {})).error?.data?.code, "not-initialized");
  assert.equal((await connection.request("no/such", {})).error?.code, -32601);
  connection.socket.destroy();
  await assertServing();
});

test("R16 parameters of the wrong form are named", async () => {
  const connection = await dialRaw(socket);
  assert.equal(
    (await connection.request("initialize", { ...initializeParams(namespace), nonce: "short" })).error?.data?.code,
    "invalid-params",
  );
  await shakeHandsRaw(connection, namespace, token);
  for (const params of [{}, [], { runId: 1 }, { runId: 1, argv: "x" }, { runId: 1, argv: [1], cwd: "/", env: {} }])
    assert.equal((await connection.request("run/start", params)).error?.data?.code, "invalid-params");
  assert.equal(
    (await connection.request("initialize", initializeParams(namespace))).error?.data?.code,
    "invalid-request",
  );
  connection.socket.destroy();
});

test("R9 the secret has 32 bytes, is closed to others, and is another one for each daemon", async () => {
  await using own = createSandbox();
  const seen = new Set<string>();
  for (let round = 0; round < 2; round++) {
    await runPipd(own, ["daemon", "restart"], { program });
    const path = join(dirname((await daemonStatus(own, { program }))!.socket), "token");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(path, "latin1"), /^[0-9a-f]{64}$/);
    seen.add(readFileSync(path, "latin1"));
  }
  assert.equal(seen.size, 2);
});

test("R9 both sides prove the secret", async () => {
  const connection = await dialRaw(socket);
  const { nonce, proof } = await shakeHandsRaw(connection, namespace, token);
  assert.equal(proof, hmacSha256Hex(readFileSync(token, "latin1"), proofText(NONCE, nonce, "server")));
  assert.deepEqual((await connection.request("ping", {})).result, { pid });
  connection.socket.destroy();
});

for (const [what, proof] of [
  ["of another secret", hmacSha256Hex("00", "x")],
  ["that is empty", ""],
  ["of the wrong length", "ab"],
] as const) {
  test(`R9 a proof ${what} closes the connection`, async () => {
    const connection = await dialRaw(socket);
    await connection.request("initialize", initializeParams(namespace));
    connection.notify("initialized", { proof });
    await connection.closed;
  });
}

test("R9 the server's own proof is not accepted from a client", async () => {
  const connection = await dialRaw(socket);
  const { result } = await connection.request("initialize", initializeParams(namespace));
  connection.notify("initialized", { proof: (result as { readonly proof: string }).proof });
  await connection.closed;
});

test("R36 a caller of another namespace is refused", async () => {
  const connection = await dialRaw(socket);
  assert.equal(
    (await connection.request("initialize", initializeParams({ ...namespace, mnt: "mnt:[1]" }))).error?.data?.code,
    "foreign-namespace",
  );
  connection.socket.destroy();
});

test("R32 R33 no common protocol: the older client does without the daemon, the newer one replaces it", async () => {
  for (const [range, action] of [
    [{ min: 0, max: 0 }, "in-process"],
    [{ min: 2, max: 3 }, "retire"],
  ] as const) {
    const connection = await dialRaw(socket);
    const { error } = await connection.request("initialize", initializeParams(namespace, { protocol: range }));
    assert.equal(error?.code, 1001);
    assert.equal(error?.data?.action, action);
    connection.socket.destroy();
  }
});

test("R32 R33 an older build works with a newer daemon of its protocol", async () => {
  const connection = await dialRaw(socket);
  const { result } = await connection.request("initialize", initializeParams(namespace));
  const { protocol, server } = result as { protocol: number; server: Record<string, unknown> };
  assert.equal(protocol, 1);
  assert.equal(server["pid"], pid);
  assert.match(String(server["buildId"]), /^\d+\.\d+\.\d+\+\d+\.[0-9a-f]{12}$/);
  assert.ok(String(server["buildId"]).startsWith(`${String(server["version"])}+`));
  connection.socket.destroy();
});

test("R10 without a handshake at most 16 connections wait, and none for long", async () => {
  const waiting = await Promise.all(Array.from({ length: 17 }, () => dialRaw(socket)));
  await waiting[0]!.closed;
  assert.equal(await Promise.race([waiting[16]!.closed.then(() => "closed"), sleep(100, "open")]), "open");
  await assertServing();
  await Promise.all(waiting.map(({ closed }) => closed));
  await assertServing();
});

test("R10 a stranger's message is short", async () => {
  const connection = await dialRaw(socket);
  connection.send(`Content-Length: ${64 * 1024 + 1}\r\n\r\n{`);
  await connection.closed;
});

test("R10 a flood of strangers keeps nobody out", async () => {
  await floodWithStrangers(socket, 400, assertServing);
});

test("R15 a frame that announces 400 MB is refused before it is read", async () => {
  const connection = await dialRaw(socket);
  await shakeHandsRaw(connection, namespace, token);
  connection.send("Content-Length: 419430400\r\n\r\n");
  let sent = 0;
  while (!connection.socket.destroyed && sent < 400) {
    if (!connection.socket.write(Buffer.alloc(1024 * 1024)))
      await Promise.race([connection.closed, drained(connection)]);
    sent++;
  }
  assert.ok(sent < 8, `${sent} MB were taken`);
  await connection.closed;
  await assertServing();
});

test("R45 a client that asks and does not read is not read from, and ends when it goes on asking", async () => {
  const connection = await dialRaw(socket);
  await shakeHandsRaw(connection, namespace, token);
  connection.socket.pause();
  const question = encodeFrame({ jsonrpc: "2.0", id: 1, method: "daemon/status", params: {} });
  const taken = await Promise.race([askOn(connection, question, 200_000), sleep(1500, "blocked")]);
  assert.notEqual(taken, "all");
  await assertServing();
  connection.socket.destroy();
});

test("queries have types and answers of their own", async () => {
  const connection = await dialRaw(socket);
  await shakeHandsRaw(connection, namespace, token);
  const { result } = await connection.request("environment/resolve", { cwd: "/tmp", env: {} });
  assert.equal((result as { readonly root: string }).root, "/tmp");
  assert.deepEqual((await connection.request("packages/installed", { cwd: "/tmp", env: {} })).result, {
    etag: "1",
    packages: [],
  });
  const { result: log } = await connection.request("daemon/log", { lines: 3 });
  assert.equal((log as { readonly lines: readonly string[] }).lines.length, 3);
  connection.socket.destroy();
});

test("R15 a frame of 15 MiB passes", async () => {
  const connection = await dialRaw(socket);
  await shakeHandsRaw(connection, namespace, token);
  connection.send(
    encodeFrame({ jsonrpc: "2.0", method: "unknown/notification", params: { text: "x".repeat(15 * 1024 * 1024) } }),
  );
  assert.deepEqual((await connection.request("ping", {})).result, { pid });
  connection.socket.destroy();
});
