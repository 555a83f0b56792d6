/** Two builds in turn, for a few rounds in `npm test` and many in test/deep. */
import assert from "node:assert/strict";
import { daemonStatus } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { type Finished, runPipd } from "../harness/run-cli.ts";
import { createSandbox } from "../harness/sandbox.ts";

/** `older` and `newer` are build ids. Each round runs a command of either. Gives how many daemon processes there were. */
export async function checkAlternating(
  rounds: number,
  older: string,
  newer: string,
): Promise<{ readonly daemons: number }> {
  await using sandbox = createSandbox();
  const builds = [installationIn(sandbox, "older", older), installationIn(sandbox, "newer", newer)];
  const ends: Finished[] = [];
  for (let round = 0; round < rounds; round++)
    for (const { program } of builds) ends.push(await runPipd(sandbox, ["process"], { program }));
  assert.deepEqual(
    ends.map(({ code }) => code),
    ends.map(() => 0),
  );
  const starts = builds.flatMap((build) => build.starts());
  assert.equal(starts.length, 2, "the first daemon, and one that took its place");
  const told = ends.filter(({ stderr }) => stderr !== "");
  assert.equal(told.length, 1, "one command is told");
  assert.equal(told[0], ends[1], "the first one of the newer build");
  assert.match(told[0]!.stderr, /^pipd: restarted the daemon \((?:upgraded \S+ -> \S+|another build of \S+)\)\n$/);
  const { startReason, buildId } = (await daemonStatus(sandbox, { program: builds[0]!.program }))!;
  assert.equal(buildId, newer);
  assert.equal(told[0]!.stderr, `pipd: restarted the daemon (${startReason})\n`);
  return { daemons: starts.length };
}
