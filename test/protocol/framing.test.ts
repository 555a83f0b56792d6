import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import * as fc from "fast-check";
import { StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import { BadFrame, createFrameScanner, decodeBody, encodeFrame, MAX_BODY, MAX_HEADER } from "../../protocol/framing.ts";
import { hmacSha256Hex, sha256 } from "../../protocol/sha256.ts";

const MESSAGES = [
  { jsonrpc: "2.0", id: 1, method: "ping" },
  { jsonrpc: "2.0", method: "run/output", params: { runId: 1, fd: 1, seq: 1, data: "grüße 💡 \u0000 \x1b[2K\n" } },
  { jsonrpc: "2.0", id: "a", result: null },
  { jsonrpc: "2.0", id: 7, error: { code: -32601, message: "no such method: x", data: { code: "method-not-found" } } },
] as const;

const GOLDEN = [
  'Content-Length: 40\r\n\r\n{"jsonrpc":"2.0","id":1,"method":"ping"}',
  'Content-Length: 122\r\n\r\n{"jsonrpc":"2.0","method":"run/output","params":{"runId":1,"fd":1,"seq":1,"data":"grüße 💡 \\u0000 \\u001b[2K\\n"}}',
  'Content-Length: 38\r\n\r\n{"jsonrpc":"2.0","id":"a","result":null}',
  'Content-Length: 121\r\n\r\n{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method: x","data":{"code":"method-not-found"}}}',
];

function scan(
  chunks: readonly Uint8Array[],
  limits?: { readonly maxHeader?: number; readonly maxBody?: () => number },
): unknown[] {
  const found: unknown[] = [];
  const scanner = createFrameScanner((body) => found.push(decodeBody(body)), limits);
  for (const chunk of chunks) scanner.bytes(chunk);
  return found;
}

test("both encoders write the golden bytes", async () => {
  for (const [index, message] of MESSAGES.entries()) {
    const golden = GOLDEN[index]!.replace(
      /^Content-Length: \d+/,
      () => `Content-Length: ${Buffer.byteLength(GOLDEN[index]!.split("\r\n\r\n")[1]!)}`,
    );
    const stream = new PassThrough();
    await new StreamMessageWriter(stream).write(message);
    assert.equal(String(stream.read()), golden);
    assert.equal(Buffer.from(encodeFrame(message)).toString(), golden);
  }
});

test("both decoders read what either encoder wrote", async () => {
  const bytes = Buffer.concat(MESSAGES.map((message) => encodeFrame(message)));
  assert.deepEqual(scan([bytes]), MESSAGES);
  const stream = new PassThrough();
  const read: unknown[] = [];
  const all = new Promise<void>((resolve) => {
    new StreamMessageReader(stream).listen((message) => {
      if (read.push(message) === MESSAGES.length) resolve();
    });
  });
  stream.end(bytes);
  await all;
  assert.deepEqual(read, MESSAGES);
});

test("frames are the same however the bytes are cut", () => {
  const bytes = Buffer.concat(MESSAGES.map((message) => encodeFrame(message)));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 200 }), (sizes) => {
      const chunks: Uint8Array[] = [];
      for (let at = 0, index = 0; at < bytes.length; index++) {
        const size = sizes[index % sizes.length]!;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(scan(chunks), MESSAGES);
    }),
    { numRuns: 200 },
  );
});

test("other headers and any case of the name are taken", () => {
  assert.deepEqual(
    scan([Buffer.from("content-length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}")]),
    [{}],
  );
});

for (const [what, text] of [
  ["HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["no length", "Content-Type: x\r\n\r\n{}"],
  ["two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
  ["a negative length", "Content-Length: -1\r\n\r\n{}"],
  ["a length that is no number", "Content-Length: NaN\r\n\r\n{}"],
  ["a length over the limit", `Content-Length: ${MAX_BODY + 1}\r\n\r\n`],
  ["a huge length", "Content-Length: 99999999999\r\n\r\n"],
  ["a header over the limit", `X: ${"x".repeat(MAX_HEADER)}`],
  ["a NUL byte", "Content\0-Length: 2\r\n\r\n{}"],
] as const) {
  test(`not a frame: ${what}`, () => assert.throws(() => scan([Buffer.from(text)]), BadFrame));
}

test("SHA-256 and HMAC are those of node:crypto", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      (text, key) => {
        assert.equal(
          Buffer.from(sha256(Buffer.from(text))).toString("hex"),
          createHash("sha256").update(text).digest("hex"),
        );
        assert.equal(
          hmacSha256Hex(Buffer.from(key).toString("hex"), text),
          createHmac("sha256", key).update(text).digest("hex"),
        );
      },
    ),
    { numRuns: 300 },
  );
});
