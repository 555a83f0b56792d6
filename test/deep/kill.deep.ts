/**
 * Daemon, client, program and worker threads killed at 200 random points each of install, upgrade, uninstall and venv over real packages of this machine's
 * local indexes. The seed is printed and PIPD_TEST_SEED repeats it; PIPD_DEEP_LIMIT sets the number of points, while developing.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { type KillingFigures, killAtRandom, type Victim } from "../harness/killing.ts";
import { createKillingWorld, killNewEnvironments, type Packages } from "../harness/killing-world.ts";
import { pipFor } from "../harness/pip.ts";
import { findLocalIndex, findPython311 } from "./local-index.ts";

const POINTS = Number(process.env["PIPD_DEEP_LIMIT"] ?? 200);
/** A few distributions with some hundred files, and about a hundred with some thousand. */
const SETS: Readonly<Record<string, Pick<Packages, "old" | "new">>> = {
  small: {
    old: ["black==22.12.0", "more-itertools==10.8.0", "docutils==0.22.4", "pytest==8.4.2"],
    new: ["black==26.5.1", "more-itertools==11.1.0", "docutils==0.23", "pytest==9.1.1"],
  },
  large: {
    old: ["jupyterlab", "rich==13.9.4", "docutils==0.22.4", "sqlalchemy==2.0.54", "pytest==8.4.2", "pandas==2.2.3"],
    new: ["jupyterlab", "rich==15.0.0", "docutils==0.23", "sqlalchemy==2.1.1", "pytest==9.1.1", "pandas==2.3.3"],
  },
};

const index = findLocalIndex();
const python = findPython311();

for (const victim of ["daemon", "client", "worker", "program"] as const satisfies readonly Victim[])
  for (const [size, sets] of Object.entries(SETS)) {
    // The program of a client without daemon is the daemon's own code: fewer points are enough.
    const share = (size === "small" ? 0.7 : 0.3) * (victim === "program" ? 0.25 : 1);
    const points = Math.max(1, Math.round(POINTS * share));
    test(`R44 R56 ${victim} killed at ${points} points, ${size} set`, async (t) => {
      await using world = await createKillingWorld(() => ({ ...sets, options: index.options }), python);
      t.diagnostic(`PIPD_TEST_SEED=${world.seed}`);
      let looks = 0;
      const pipCheck = (): string | undefined => {
        if (looks++ % 5 !== 0) return undefined;
        const pip = pipFor(join(world.root, "bin/python"));
        const { status, stdout, stderr } = spawnSync(pip.file, [...pip.words, "check"], {
          env: { ...world.sandbox.env, ...pip.env },
          encoding: "utf8",
        });
        return status === 0 ? undefined : `pip check: ${stdout}${stderr}`;
      };
      const figures: KillingFigures = await killAtRandom({ ...world, pipCheck }, [victim], points);
      t.diagnostic(JSON.stringify(figures));
      assert.equal(figures.old + figures.new, points);
    });
  }

test("R56 daemon killed while it makes a new environment", async (t) => {
  await using world = await createKillingWorld(() => ({ ...SETS["small"]!, options: index.options }), python);
  t.diagnostic(`PIPD_TEST_SEED=${world.seed}`);
  await killNewEnvironments(world, Math.max(1, Math.round(POINTS / 4)));
});
