import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startDaemon, stopDaemon } from "../harness/daemon-runner.ts";
import { type Finished, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { daemonFolder } from "./daemon-files.ts";

const program = TEST_PIPD;

const frame = (message: object): string => {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  return `Content-Length: ${text.length}\r\n\r\n${text}`;
};
const welcome = (proof: string): string =>
  frame({
    id: 1,
    result: { protocol: 1, server: { pid: 1 }, nonce: "00".repeat(16), proof, capabilities: {}, notices: ["a lie"] },
  });
const failure = (data: object): string => frame({ id: 1, error: { code: 1001, message: "a lie", data } });

const refused = ({ code, stdout, stderr }: Finished, socket: string): void => {
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, new RegExp(`^pipd: refusing to use the daemon's folder: ${socket}: [^\n]+\n$`));
};
const aloneWithHint = ({ code, stdout, stderr }: Finished): void => {
  assert.deepEqual([code, stdout], [0, "ran\n"]);
  assert.match(stderr, /^secret-word\npipd: |^pipd: running without the daemon: [^\n]+\nsecret-word\n$/);
};

void describe("a squatter on the daemon's socket learns nothing and runs nothing", { concurrency: 3 }, () => {
  for (const { title, answer, expected } of [
    { title: "R9 a proof made up", answer: () => welcome("00".repeat(32)), expected: refused },
    { title: "R9 an empty proof", answer: () => welcome(""), expected: refused },
    {
      title: "R9 the client's own words sent back",
      answer: (heard: string) => welcome(/"nonce":"(\w+)"/.exec(heard)?.[1] ?? ""),
      expected: refused,
    },
    {
      title: "R9 questions before the proof",
      answer: () =>
        frame({ id: 7, method: "run/readStdin", params: { runId: 1, max: 100 } }) +
        frame({ id: 8, method: "run/prompt", params: { runId: 1, kind: "password", message: "Password: " } }) +
        frame({ method: "run/output", params: { runId: 1, fd: 1, seq: 1, data: "a lie" } }) +
        welcome("00".repeat(32)),
      expected: refused,
    },
    { title: "R9 another protocol", answer: () => "HTTP/1.1 200 OK\r\n\r\nhello", expected: refused },
    {
      title: "R9 a demand to be replaced",
      answer: () => failure({ code: "version-mismatch", action: "retire", reason: "a lie" }),
      expected: aloneWithHint,
    },
    { title: "R9 another place", answer: () => failure({ code: "foreign-namespace" }), expected: aloneWithHint },
    { title: "R9 silence", answer: () => "", expected: aloneWithHint },
  ]) {
    test(title, async () => {
      await using sandbox = createSandbox();
      await startDaemon(sandbox, { program });
      const folder = daemonFolder(sandbox);
      const token = readFileSync(join(folder, "token"), "latin1");
      await stopDaemon(sandbox, { program });
      let heard = "";
      const open = new Set<Socket>();
      const squatter = createServer((socket) => {
        open.add(socket);
        socket.on("error", () => {});
        socket.on("data", (bytes) => {
          const text = bytes.toString("latin1");
          heard += text;
          if (text.includes("initialize")) socket.write(answer(text));
        });
      });
      await new Promise<void>((resolve) => squatter.listen(join(folder, "sock"), resolve));
      const end = await runPipd(sandbox, ["both", "ran", "secret-word"], {
        program,
        stdin: "secret-input",
        env: { SECRET_VARIABLE: "secret-value" },
      });
      squatter.close();
      for (const socket of open) socket.destroy();
      expected(end, join(folder, "sock"));
      assert.ok(heard.includes('"initialize"'), "it was asked who it is");
      for (const secret of [token, "secret-", "SECRET_VARIABLE", "run/start", "initialized", sandbox.home])
        assert.ok(!heard.includes(secret), `${secret} in ${heard}`);
      assert.ok(!end.stdout.includes("a lie"));
      assert.ok(!end.stderr.startsWith("a lie"), "its lines are not shown");
    });
  }
});
