import assert from "node:assert/strict";
import type { Finished } from "../harness/run-cli.ts";
import { createTwins, plainText, type Twins } from "../harness/twins.ts";
import { INDEX } from "./suite.ts";

/** What both must say alike: lines that tell the outcome. */
const TELLING =
  /^(Successfully|Requirement already|Would install|Found existing|Uninstalling|  Successfully|WARNING: Skipping|No broken|Name|Version|[a-z].* (requires|has requirement) )/;

/** The lines of its output that tell the outcome, sorted. */
export function telling({ stdout }: Finished, twins: Twins): readonly string[] {
  return plainText(stdout, twins)
    .split("\n")
    .filter((line) => TELLING.test(line))
    .toSorted();
}

/** Commands one after the other by pip and by pipd, each in an environment of its own: the same exit status, the same outcome told, the same trees. */
export async function checkAgreement(commands: readonly (readonly string[])[]): Promise<void> {
  await using twins = await createTwins({ files: INDEX });
  for (const args of commands) {
    const { pip, pipd } = await twins.both(args);
    const what = `${args.join(" ")}\npip: ${pip.stdout}${pip.stderr}\npipd: ${pipd.stdout}${pipd.stderr}`;
    assert.equal(pipd.code, pip.code, what);
    assert.deepEqual(telling(pipd, twins), telling(pip, twins), what);
    if (["list", "freeze", "check", "show"].includes(args[0] ?? ""))
      assert.equal(
        plainText(pipd.stdout, twins).replaceAll(/^(Installer: ).*$/gm, "$1"),
        plainText(pip.stdout, twins),
        what,
      );
    assert.deepEqual(twins.differences(), [], what);
  }
}
