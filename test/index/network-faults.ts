import { gzipSync } from "node:zlib";
import type { Fault } from "../harness/faults.ts";
import type { IndexServerOptions, ServedFile } from "../harness/index-server.ts";

/** Where a fault hits: the project's page, the metadata beside the wheel (PEP 658), the read of the wheel's last bytes, the wheel itself. */
export type Place = "page" | "metadata" | "tail" | "wheel";

/** What comes of a fault: the command works, after so many requests at the place; or it fails with this message, after so many. */
export type Outcome =
  | { readonly works: number }
  | { readonly fails: RegExp; readonly requests?: number | undefined; readonly heals?: false };

/** A fault, and what comes of it at each place; a place that is absent makes no difference worth a test. */
export interface NetworkFault {
  readonly name: string;
  readonly fault: Fault;
  readonly outcomes: Readonly<Partial<Record<Place, Outcome>>>;
  /** The places that the short round takes; the first one by default. */
  readonly short?: readonly Place[];
  readonly server?: IndexServerOptions;
  /** Wrong facts on the page. */
  readonly served?: Partial<ServedFile>;
  /** The command waits half a second for the server. */
  readonly impatient?: true;
  /** The command does not trust the server's certificate. */
  readonly distrusts?: true;
}

const everywhere = (outcome: Outcome): Readonly<Record<Place, Outcome>> => ({
  page: outcome,
  metadata: outcome,
  tail: outcome,
  wheel: outcome,
});
const works = (requests: number): Outcome => ({ works: requests });
const fails = (message: RegExp, requests?: number): Outcome => ({ fails: message, requests });
/** A server that breaks off gets as many attempts as `--retries 1` and `--resume-retries 1` say. */
const failsTwice = (message: RegExp): Readonly<Record<Place, Outcome>> => everywhere(fails(message, 2));

const MISMATCH =
  /THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.*\n {4}p\d+-1\.0-py3-none-any\.whl.* from http.*\n {8}Expected sha256 /;
const CUT = /DO NOT MATCH[^]*hint: What came has 100 bytes, the index says \d{5}/;
const NO_PAGE = /cannot be read: .*\nhint: Check the index URL; a proxy or the log-in page of a network/;
const BOMB = gzipSync(Buffer.alloc(200_000_000), { level: 1 });
const HTTP2: IndexServerOptions = { tls: "h2" };

/** What a server answers in the place of something else: a page cannot be read, a hash does not match, the end of a wheel makes no sense. */
const insteadOf = (page: RegExp): Readonly<Record<Place, Outcome>> => ({
  page: fails(page, 1),
  metadata: fails(MISMATCH, 1),
  tail: works(1),
  wheel: fails(MISMATCH, 1),
});
const status = (code: number, hint: RegExp): Outcome =>
  fails(new RegExp(`answered with status ${code}\\b.*\\nhint: ${hint.source}`), 1);

export const FAULTS: readonly NetworkFault[] = [
  {
    name: "a connection reset once",
    fault: { resetAfter: 60, times: 1 },
    outcomes: everywhere(works(2)),
    short: ["page", "wheel"],
  },
  {
    name: "a connection reset each time",
    fault: { resetAfter: 50 },
    outcomes: failsTwice(
      /Could not fetch http.*: (?:the connection (?:was closed|was reset|broke)|the answer was incomplete)\nhint: Try again later/,
    ),
    short: ["tail", "wheel"],
  },
  {
    name: "a connection reset before anything has come",
    short: [],
    fault: { resetAfter: 0 },
    outcomes: failsTwice(
      /Could not fetch http.*: (?:the connection (?:was closed|was reset|broke)|the answer was incomplete)/,
    ),
  },
  {
    name: "a stall in the middle",
    impatient: true,
    fault: { stall: { after: 50, milliseconds: 30_000 } },
    outcomes: failsTwice(/Could not fetch http.*: the server stopped sending/),
    short: ["wheel"],
  },
  {
    name: "no answer",
    impatient: true,
    fault: { silence: 30_000 },
    outcomes: {
      page: fails(/Could not reach http.*: the server did not answer in time/, 1),
      ...Object.fromEntries(
        (["metadata", "tail", "wheel"] as const).map((place) => [
          place,
          fails(/Could not reach http.*: the server did not answer in time/, 2),
        ]),
      ),
    },
  },
  {
    name: "no answer, once",
    short: [],
    impatient: true,
    fault: { silence: 30_000, times: 1 },
    outcomes: { metadata: works(2), tail: works(2), wheel: works(2) },
  },
  {
    name: "half a body, and the end of the connection",
    short: [],
    fault: { cut: 50, contentLength: 5000 },
    outcomes: failsTwice(
      /Could not fetch http.*: (?:the connection (?:was closed|was reset|broke)|the answer was incomplete)/,
    ),
  },
  {
    name: "half a body that says it is all",
    fault: { cut: 100 },
    outcomes: {
      page: fails(NO_PAGE, 1),
      metadata: fails(MISMATCH, 1),
      tail: works(1),
      wheel: fails(CUT, 1),
    },
    short: ["page", "tail", "wheel"],
  },
  {
    name: "a slow drip",
    impatient: true,
    fault: { drip: { milliseconds: 60 } },
    outcomes: failsTwice(/Could not fetch http.*: the server sends next to nothing/),
    short: ["page", "wheel"],
  },
  {
    name: "429 with Retry-After, once",
    fault: { status: 429, retryAfter: 1, times: 1 },
    outcomes: everywhere(works(2)),
    short: ["wheel"],
  },
  {
    name: "429 that asks for an hour",
    fault: { status: 429, retryAfter: 3600 },
    outcomes: everywhere(
      fails(/answered with status 429 and asks to come back in 3600 s\.\nhint: .*try again later/, 1),
    ),
    short: ["page"],
  },
  {
    name: "a burst of 503",
    fault: { status: 503, times: 1 },
    outcomes: everywhere(works(2)),
    short: ["tail"],
  },
  {
    name: "503 each time",
    fault: { status: 503 },
    outcomes: failsTwice(/answered with status 503\.\nhint: The server may be out of order; try again later/),
    short: ["metadata"],
  },
  {
    name: "a loop of redirects",
    fault: { redirect: "?again" },
    outcomes: everywhere(fails(/is redirected more than 20 times\.\nhint: Check the URL/, 21)),
    short: ["wheel"],
  },
  {
    name: "a redirect to another protocol",
    short: [],
    fault: { redirect: "file:///etc/passwd" },
    outcomes: everywhere(fails(/redirects to file:\/\/\/etc\/passwd, which is not followed\.\nhint: Check the URL/, 1)),
  },
  {
    name: "what is not gzip",
    fault: { headers: { "content-encoding": "gzip" }, body: "not gzip" },
    outcomes: {
      page: fails(/cannot be decompressed \(gzip\)/, 1),
      metadata: fails(/cannot be decompressed \(gzip\)/, 1),
      tail: works(1),
      wheel: fails(MISMATCH, 1),
    },
  },
  {
    name: "a gzip bomb",
    fault: { headers: { "content-encoding": "gzip" }, body: BOMB },
    outcomes: {
      page: fails(/becomes far too long when it is decompressed \(gzip\)/, 1),
      metadata: fails(/becomes far too long when it is decompressed \(gzip\)/, 1),
      wheel: fails(MISMATCH, 1),
    },
    short: [], // The test of memory has it.
  },
  {
    name: "an answer without an end",
    fault: { endless: true },
    outcomes: {
      page: fails(/the answer is far too long/),
      metadata: fails(/the answer is far too long/),
      tail: fails(/the answer is far too long/),
      wheel: fails(/does not end: it is longer than the \d+ bytes that its index says/),
    },
    short: ["metadata", "wheel"],
  },
  {
    name: "the log-in page of a network",
    fault: {
      headers: { "content-type": "text/html" },
      body: "<html><body>Please <a href='/'>log in</a></body></html>",
    },
    outcomes: {
      ...insteadOf(/No matching distribution found for p\d+\nhint: The index has a page for it that lists no files/),
    },
    short: ["page", "metadata"],
  },
  {
    name: "the log-in page of a network for metadata without a hash",
    fault: { headers: { "content-type": "text/html" }, body: "<html><body>Please log in</body></html>" },
    served: { metadataHash: false },
    outcomes: { metadata: works(1) },
  },
  {
    name: "another type of content",
    short: [],
    fault: { headers: { "content-type": "application/pdf" }, body: "%PDF" },
    outcomes: insteadOf(
      /is no page of a package index: its content type is application\/pdf\.\nhint: Check the index URL/,
    ),
  },
  {
    name: "an empty answer",
    short: [],
    fault: { body: "" },
    outcomes: { ...insteadOf(NO_PAGE), wheel: fails(MISMATCH, 1) },
  },
  {
    name: "401",
    fault: { status: 401 },
    outcomes: everywhere(status(401, /Give user name and password in the URL or in a netrc file/)),
  },
  {
    name: "403",
    short: [],
    fault: { status: 403 },
    outcomes: { ...everywhere(status(403, /.*check the credentials/)), metadata: works(1) },
  },
  ...[404, 410].map(
    (code): NetworkFault => ({
      name: String(code),
      fault: { status: code },
      outcomes: {
        ...everywhere(status(code, /It is not there \(any more\)/)),
        page: fails(
          /Could not find a version .* \(from versions: none\)\nERROR: No matching distribution found for p\d+/,
          1,
        ),
        metadata: works(1),
      },
      short: code === 404 ? ["wheel"] : [],
    }),
  ),
  {
    name: "418",
    short: [],
    fault: { status: 418 },
    outcomes: everywhere(status(418, /The server may be out of order/)),
  },
  {
    name: "a wrong hash on the page",
    fault: {},
    served: { sha256: "ab".repeat(32) },
    outcomes: { wheel: fails(MISMATCH, 1) },
  },
  {
    name: "a wrong hash of the metadata on the page",
    fault: {},
    served: { metadataHash: "ab".repeat(32) },
    outcomes: { metadata: fails(MISMATCH, 1) },
  },
  { name: "a wrong size on the page", fault: {}, served: { size: 17 }, outcomes: { wheel: works(1) } },
  {
    name: "GOAWAY once",
    short: ["page"],
    fault: { http2: "goaway", times: 1 },
    server: HTTP2,
    outcomes: everywhere(works(2)),
  },
  {
    name: "GOAWAY each time",
    fault: { http2: "goaway" },
    server: HTTP2,
    outcomes: failsTwice(
      /Could not fetch https.*: (?:the connection (?:was closed|was reset|broke)|the answer was incomplete)\nhint: Try again later/,
    ),
    short: ["metadata"],
  },
  {
    name: "RST_STREAM once",
    fault: { http2: "reset", times: 1 },
    server: HTTP2,
    outcomes: everywhere(works(2)),
    short: ["tail"],
  },
  {
    name: "RST_STREAM each time",
    short: [],
    fault: { http2: "reset" },
    server: HTTP2,
    outcomes: failsTwice(
      /Could not fetch https.*: (?:the connection (?:was closed|was reset|broke)|the answer was incomplete)\nhint: Try again later/,
    ),
  },
  ...(
    [
      ["a certificate that nobody vouches for", "loopback", /DEPTH_ZERO_SELF_SIGNED_CERT/],
      ["a certificate that has run out", "expired", /CERT_HAS_EXPIRED/],
      ["a certificate of another host", "other-host", /ERR_TLS_CERT_ALTNAME_INVALID/],
    ] as const
  ).map(
    ([name, certificate, code]): NetworkFault => ({
      name,
      fault: {},
      server: { tls: "h2", certificate },
      ...(certificate === "loopback" ? { distrusts: true } : {}),
      outcomes: {
        page: {
          fails: new RegExp(
            `Could not connect to https://127.*: its certificate cannot be verified \\(${code.source}\\)\\nhint: .*--cert.*--trusted-host`,
          ),
          requests: 0,
          heals: false,
        },
      },
    }),
  ),
];
