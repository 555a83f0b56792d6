import assert from "node:assert/strict";
import { createTwins, plainText, servedWheels } from "../harness/twins.ts";

/** An index with newer versions of several kinds beside what gets installed. */
const OLD = await servedWheels([
  { name: "final", version: "1.0" },
  { name: "pre", version: "1.0" },
  { name: "from-pre", version: "2.0b1" },
  { name: "yanked", version: "1.0" },
  { name: "bound", version: "1.0" },
  { name: "platform", version: "1.0" },
  { name: "source", version: "1.0" },
  { name: "Same.Case_Name", version: "1.0", build: "3" },
  { name: "vanished", version: "1.0" },
]);
const NEWER = await servedWheels([
  { name: "final", version: "1.10" },
  { name: "final", version: "1.9" },
  { name: "pre", version: "2.0rc1" },
  { name: "yanked", version: "2.0", yanked: "broken" },
  { name: "bound", version: "2.0", requiresPython: ">=4" },
  { name: "platform", version: "2.0", tag: "cp27-cp27m-win32" },
]);
const SOURCE = { "source-1.5.tar.gz": { bytes: new Uint8Array(20) } };
const VANISHED = "vanished-1.0-py3-none-any.whl";

const NAMES = [
  "final",
  "pre",
  "from-pre==2.0b1",
  "yanked",
  "bound",
  "platform",
  "source",
  "same-case-name",
  "vanished",
];
/** Whatever pip and pipd can both be asked. */
export const OUTDATED_CASES: readonly (readonly string[])[] = [
  ["--outdated"],
  ["-o", "--pre", "--exclude", "final", "--format", "json"],
  ["--uptodate", "--format", "freeze"],
  ["-o", "--format", "json"],
  ["-u", "--not-required", "--exclude-editable"],
  ["-o", "--prefer-binary"],
  ["-o", "--only-binary", ":all:", "--format", "columns"],
  ["-o", "-u"],
  ["-o", "--format", "freeze"],
];

/** Lists what is outdated by pip and by pipd after the index has changed, and compares what they say and what pipd asks for. */
export async function compareOutdated(cases: readonly (readonly string[])[]): Promise<void> {
  await using twins = await createTwins({ files: OLD });
  const installed = await twins.both(["install", "--no-compile", ...NAMES]);
  assert.equal(installed.pipd.code, 0, installed.pipd.stderr + installed.pip.stderr);
  const { [VANISHED]: _, ...left } = OLD;
  twins.server.set({ files: { ...left, ...NEWER, ...SOURCE } });
  const again = await twins.pipd(["list", "-o", "--refresh-package", ":all:"]);
  assert.equal(again.code, 0, again.stderr);
  const byPip = await Promise.all(cases.map((args) => twins.pip(["list", ...args])));
  for (const [at, args] of cases.entries()) {
    const pip = byPip[at]!;
    const before = twins.server.counters().requests;
    const pipd = await twins.pipd(["list", ...args]);
    const asked = twins.server.counters().requests - before;
    const what = `list ${args.join(" ")}\npip: ${pip.stdout}${pip.stderr}\npipd: ${pipd.stdout}${pipd.stderr}`;
    assert.equal(plainText(pipd.stdout, twins), plainText(pip.stdout, twins), what);
    assert.equal(pipd.stderr, pip.stderr, what);
    assert.equal(pipd.code, pip.code, what);
    assert.ok(asked <= 1, `${asked} requests: only what is nowhere may be asked for again`);
  }
  assert.equal((await twins.pipd(["list", "-o"], { daemon: false })).stdout, again.stdout);
}
