import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isHit } from "../harness/faults.ts";
import { type IndexServerOptions, type ServedFile, startIndexServer } from "../harness/index-server.ts";
import { noise } from "../harness/noise.ts";
import { type Finished, type RunOptions, runPipd } from "../harness/run-cli.ts";
import type { Sandbox } from "../harness/sandbox.ts";
import { snapshotTree } from "../harness/tree.ts";
import { makeWheel, metadataText, type WheelSpec, wheelFilename } from "../harness/wheel-maker.ts";
import type { NetworkFault, Outcome, Place } from "./network-faults.ts";

/** One fault at one place, for one project that nobody else has. */
export interface FaultCase {
  readonly title: string;
  readonly number: number;
  readonly place: Place;
  readonly fault: NetworkFault;
  readonly outcome: Outcome;
}

/** All cases, or those of the short round. */
export function faultCases(faults: readonly NetworkFault[], isShort: boolean): readonly FaultCase[] {
  return faults.flatMap((fault, row) =>
    (Object.entries(fault.outcomes) as [Place, Outcome][])
      .filter(([place], at) => !isShort || (fault.short?.includes(place) ?? at === 0))
      .map(([place, outcome], at) => ({
        title: `${fault.name}, at the ${place}`,
        number: row * 10 + at,
        place,
        fault,
        outcome,
      })),
  );
}

const TWO_ATTEMPTS = ["--retries", "1", "--resume-retries", "1"];

/**
 * Installs a project from a server with the fault, which works or fails once and clearly; then from the healed server, which works. Nothing of a failed
 * command is in the environment, and nothing wrong in the caches.
 */
export async function runFaultCase(
  sandbox: Sandbox,
  { number, place, fault, outcome }: FaultCase,
  options: RunOptions = {},
  over: IndexServerOptions = {},
): Promise<void> {
  const name = `p${number}`;
  const module = `it_is = "${name}"\n`;
  const summary = "A line of METADATA that is longer than what a broken connection lets through. ".repeat(3).trim();
  const spec: WheelSpec = { name, summary, files: { [`${name}.py`]: module, "filler.bin": noise(90_000, number) } };
  const filename = wheelFilename(spec);
  const bytes = await makeWheel(spec);
  const good: ServedFile = { bytes, ...(place === "tail" ? {} : { metadata: metadataText(spec) }) };
  const path = place === "page" ? `/simple/${name}/` : `/files/${filename}${place === "metadata" ? ".metadata" : ""}`;
  const only = place === "tail" ? { only: "tail" as const } : place === "wheel" ? { only: "rest" as const } : {};
  const hit = { ...fault.fault, ...only };
  const server = await startIndexServer({
    files: { [filename]: { ...good, ...fault.served } },
    faults: { [path]: hit },
    auth: "me:secret",
    ...over,
    ...fault.server,
  });
  try {
    const target = join(sandbox.folder, "targets", name);
    const url = server.url.replace("//", "//me:secret@");
    const trust = server.origin.startsWith("https") && !fault.distrusts ? ["--cert", server.certificatePath] : [];
    const args = ["install", "--no-compile", "--target", target, "-i", url, ...TWO_ATTEMPTS, ...trust, name];
    const run = (...words: readonly string[]): Promise<Finished> =>
      runPipd(sandbox, [...args, ...words], { ...options, env: { PIP_ROOT_USER_ACTION: "ignore", ...options.env } });
    const first = await run(...(fault.impatient ? ["--timeout", "0.5"] : []));
    const requests = (server.seen.get(path) ?? []).filter(({ range }) => isHit(hit, range as string | undefined));
    checkFirst(first, outcome, requests.length, server.origin);
    if (!("works" in outcome)) {
      assert.deepEqual([...snapshotTree(target).keys()], [], "a failed command has installed something");
      if (outcome.heals === false) return;
      server.set({ faults: {}, files: { [filename]: good } });
      assert.equal((await run()).stderr, "", "from the healed server");
    }
    assert.equal(readFileSync(join(target, `${name}.py`), "utf8"), module);
    assert.ok(readFileSync(join(target, "filler.bin")).equals(noise(90_000, number)));
  } finally {
    await server.close();
  }
}

function checkFirst({ code, stderr, stdout }: Finished, outcome: Outcome, requests: number, origin: string): void {
  assert.doesNotMatch(stderr + stdout, /secret|\n {4}at /);
  if ("works" in outcome) {
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(requests, outcome.works, "requests");
    return;
  }
  assert.equal(code, 1, stderr);
  assert.match(stderr, outcome.fails);
  if (outcome.requests !== undefined) assert.equal(requests, outcome.requests, `requests: ${stderr}`);
  assert.doesNotMatch(stderr, /WARNING/);
  const errors = stderr.split("\n").filter((line) => line.startsWith("ERROR: "));
  assert.equal(errors.length, /No matching distribution/.test(stderr) ? 2 : 1, stderr);
  assert.ok(stderr.includes(origin) || /No matching distribution/.test(stderr), `the URL is not named: ${stderr}`);
}

/** A host that has not answered is asked again after a while: the message says when. */
export async function patiently(run: () => Promise<Finished>): Promise<Finished> {
  for (let attempt = 1; ; attempt++) {
    const finished = await run();
    const seconds = /a moment ago.*\n.*The host is asked again in (\d+) s/.exec(finished.stderr)?.[1];
    if (seconds === undefined || attempt === 4) return finished;
    await sleep(Number(seconds) * 1000);
  }
}
