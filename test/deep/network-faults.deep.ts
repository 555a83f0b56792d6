import { test } from "node:test";
import type { IndexServerOptions } from "../harness/index-server.ts";
import type { RunOptions } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";
import { faultCases, runFaultCase } from "../index/fault-run.ts";
import { FAULTS } from "../index/network-faults.ts";

/** Lengths are told by JSON pages alone, and half an HTML page can be read, an empty one, too. */
const OF_JSON: ReadonlySet<string> = new Set([
  "half a body that says it is all",
  "an answer without an end",
  "an empty answer",
]);

const WAYS: readonly { readonly title: string; readonly options?: RunOptions; readonly server?: IndexServerOptions }[] =
  [
    { title: "with a daemon" },
    { title: "without one", options: { daemon: false } },
    { title: "over TLS and HTTP/1.1", server: { tls: "h1" } },
    { title: "over HTTP/2", server: { tls: "h2" } },
    { title: "with HTML pages and no validators", server: { format: "html", etags: false } },
  ];

for (const { title, options = {}, server = {} } of WAYS) {
  test(`every fault of the network at every place, ${title}`, { concurrency: 4 }, async (t) => {
    await using sandbox = createSandbox();
    const cases = faultCases(FAULTS, false).filter(({ fault }) => server.format !== "html" || !OF_JSON.has(fault.name));
    await Promise.all(cases.map((one) => t.test(one.title, () => runFaultCase(sandbox, one, options, server))));
  });
}
