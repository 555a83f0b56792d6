/** What a daemon may say, and what it should not: both clients take the first alike, and the second ends the command and nothing else. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { encodeFrame } from "../../protocol/framing.ts";
import { fuzzClient } from "../harness/fuzz-client.ts";
import { type Finished, type RunOptions, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { type Heard, type ScriptedDaemon, scriptDaemon } from "../harness/scripted-daemon.ts";
import { seededRandom } from "../harness/seeded-random.ts";

const program = TEST_PIPD;
const CLIENTS: readonly Pick<RunOptions, "client">[] = [{}, { client: "typescript" }];

const sandbox = createSandbox();
let daemon: ScriptedDaemon;
before(async () => {
  daemon = await scriptDaemon(sandbox);
});
after(async () => {
  daemon.close();
  await sandbox.close();
});

const output = (data: string, fd = 1): object => ({ method: "run/output", params: { runId: 1, fd, seq: 1, data } });
const accepted = { method: "run/accepted", params: { runId: 1 } };
const answer = (exitCode: number): object => ({ id: 2, result: { exitCode, elapsedMs: 1 } });
const bytesOf = (messages: readonly object[]): Buffer =>
  Buffer.concat(messages.map((message) => encodeFrame({ jsonrpc: "2.0", ...message })));

/** What is said when the command has been asked for, in pieces of so many bytes. */
const saying =
  (bytes: Uint8Array, piece = bytes.length): ((heard: Heard) => void) =>
  ({ message, socket }) => {
    if (message.method !== "run/start") return;
    for (let at = 0; at < bytes.length; at += piece) socket.write(bytes.subarray(at, at + piece));
  };

/** The end of the command with each client. */
async function endings(options: RunOptions = {}): Promise<readonly Finished[]> {
  const ends: Finished[] = [];
  for (const client of CLIENTS) ends.push(await runPipd(sandbox, ["anything"], { program, ...client, ...options }));
  return ends;
}

void describe("both clients take what a daemon says alike", () => {
  for (const { title, messages, stdout = "", stderr = "", code = 0, signal = null } of [
    {
      title: "text of every kind",
      messages: [accepted, output('a "quoted" \\ tab\t nul\0 \u0001 ü € 💡\n'), output("\ud800|\udc00|\n"), answer(0)],
      stdout: 'a "quoted" \\ tab\t nul\0 \u0001 ü € 💡\n\ufffd|\ufffd|\n',
    },
    {
      title: "both outputs, a transient line for nobody, and what is no business of it",
      messages: [
        accepted,
        output("out\n"),
        { method: "run/status", params: { runId: 1, text: "spinning" } },
        output("err\n", 2),
        { method: "no/such/notification", params: [[], {}, null, true, -1.5e-3] },
        { id: 99, result: null },
        answer(23),
      ],
      stdout: "out\n",
      stderr: "err\n",
      code: 23,
    },
    {
      title: "an error with a hint and a status",
      messages: [accepted, { id: 2, error: { code: 1100, message: "no\nway", data: { hint: "ask", exitCode: 5 } } }],
      stderr: "ERROR: no\nway\nHINT: ask\n",
      code: 5,
    },
    {
      title: "an error of nothing but words",
      messages: [accepted, { id: 2, error: { code: -32603, message: "gone" } }],
      stderr: "ERROR: gone\n",
      code: 70,
    },
    {
      title: "a command that was cancelled",
      messages: [accepted, { id: 2, error: { code: -32800, message: "c", data: { code: "request-cancelled" } } }],
      code: null,
      signal: "SIGINT",
    },
    {
      title: "a command that died of a signal",
      messages: [accepted, { id: 2, result: { exitCode: 1, signal: "SIGTERM", elapsedMs: 0 } }],
      code: null,
      signal: "SIGTERM",
    },
    {
      title: "a daemon that leaves in the middle of a change",
      messages: [accepted, { method: "run/changing", params: { runId: 1, root: "/no/such/environment" } }],
      stderr:
        "ERROR: the pipd daemon (pid 4242) ended while it ran this command. /no/such/environment is whole, with the change or without it: `pipd list` tells which.\nHINT: `pipd daemon log` may say why.\n",
      code: 1,
    },
  ]) {
    test(title, async () => {
      const bytes = bytesOf(messages);
      for (const piece of [bytes.length, 1]) {
        const isEnd = messages.length === 2 && "method" in messages[1]!;
        daemon.say = (heard) => {
          saying(bytes, piece)(heard);
          if (isEnd) heard.socket.end();
        };
        for (const end of await endings()) assert.deepEqual(end, { stdout, stderr, code, signal });
      }
    });
  }

  test("questions are answered, and others are refused", async () => {
    const heard: Heard["message"][][] = [];
    daemon.say = ({ message, send }) => {
      if (message.method === "run/start") {
        heard.push([]);
        send(accepted);
        send({ id: "text", method: "run/prompt", params: { runId: 1, kind: "text", message: "Name? " } });
        return;
      }
      heard.at(-1)!.push(message);
      const next = [
        { id: 41, method: "run/readStdin", params: { runId: 1, max: 4 } },
        { id: 42, method: "run/readStdin", params: { runId: 1, max: 100 } },
        { id: 43, method: "run/readStdin", params: { runId: 1, max: 100 } },
        { id: 44, method: "run/prompt", params: { runId: 1, kind: "confirm", message: "Sure? " } },
        { id: 45, method: "window/open", params: {} },
        answer(0),
      ][heard.at(-1)!.length - 1];
      if (next !== undefined) send(next);
    };
    for (const end of await endings({ stdin: 'Zoë "Z" \\\r\nrest of it' }))
      assert.deepEqual(end, { stdout: "Name? Sure? ", stderr: "", code: 0, signal: null });
    for (const messages of heard)
      assert.deepEqual(
        messages.map(({ id, result, error }) => [id, result ?? error?.code]),
        [
          ["text", { value: 'Zoë "Z" \\' }],
          [41, { data: Buffer.from("rest").toString("base64") }],
          [42, { data: Buffer.from(" of it").toString("base64") }],
          [43, { eof: true }],
          [44, { cancelled: true }],
          [45, -32601],
        ],
      );
    assert.equal(heard.length, CLIENTS.length);
  });

  test("R45 text is acknowledged when the system has it", async () => {
    let acknowledged = 0;
    daemon.say = ({ message, send }) => {
      if (message.method === "run/start") {
        acknowledged = 0;
        send(accepted);
        for (let seq = 1; seq <= 8; seq++)
          send({ method: "run/output", params: { runId: 1, fd: 1, seq, data: "x".repeat(32 * 1024) } });
      } else if (message.method === "run/ack") {
        acknowledged = Number(message.params?.["seq"]);
        if (acknowledged === 8) send(answer(0));
      }
    };
    for (const { stdout, code } of await endings()) assert.deepEqual([stdout.length, code], [8 * 32 * 1024, 0]);
  });
});

const body = (text: string): string => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
const BROKEN: readonly (readonly [title: string, bytes: string])[] = [
  ["HTTP", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello"],
  ["NUL bytes", "\0".repeat(5000)],
  ["no length", "Content-Type: x\r\n\r\n{}"],
  ["a negative length", "Content-Length: -1\r\n\r\n{}"],
  ["a length in words", "Content-Length: many\r\n\r\n{}"],
  ["two lengths", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"],
  ["a body over the limit", "Content-Length: 999999999\r\n\r\n{}"],
  ["an endless header", `X: ${"y".repeat(9000)}`],
  ["broken JSON", body('{"jsonrpc":"2.0","id":2,"result":{"exitCode":0')],
  ["a string without an end", body('{"jsonrpc":"2.0","method":"run/output\\"')],
  ["an escape that is none", body('{"jsonrpc":"2.0","method":"\\u12"}')],
  ["something behind the message", body('{"jsonrpc":"2.0","method":"x"} {}')],
  ["no message", body("[]")],
  ["a message of another protocol", body('{"jsonrpc":"1.0","id":2,"result":{"exitCode":0}}')],
  ["the beginning of a message", "Content-Length: 100\r\n\r\n{"],
];

void describe("a daemon that sends what is no message ends the command, once", () => {
  for (const [title, bytes] of BROKEN) {
    test(`R16 malformed: ${title}`, async () => {
      daemon.say = ({ message, socket, send }) => {
        if (message.method !== "run/start") return;
        send(accepted);
        send(output("before\n"));
        socket.end(bytes);
      };
      for (const { stdout, stderr, code } of await endings()) {
        assert.deepEqual([stdout, code], ["before\n", 1]);
        assert.match(stderr, /^ERROR: the pipd daemon \(pid 4242\) ended while it ran this command\. It had not/);
      }
    });
  }

  test("R16 R31 before the command has begun, it runs elsewhere", async () => {
    daemon.say = ({ message, socket }) =>
      void (message.method === "run/start" && socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    const end = await runPipd(sandbox, ["both", "elsewhere"], { program });
    assert.deepEqual([end.stdout, end.code], ["elsewhere\n", 0]);
  });
});

test("R16 a fuzzer over what a daemon says ends no client by a signal", async () => {
  await fuzzClient(sandbox, daemon, seededRandom(), 60, { program });
});
