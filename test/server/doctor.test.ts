import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { DoctorResult } from "../../protocol/doctor.ts";
import { startDaemon } from "../harness/daemon-runner.ts";
import { installationIn } from "../harness/installation.ts";
import { NEWEST } from "../harness/interpreters.ts";
import { type RunOptions, runPipd, TEST_PIPD } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";

/** One interpreter, and not the many names of a version manager: each would be started. */
const PATH = `${dirname(NEWEST.executable)}:/usr/bin:/bin`;

/** The doctor's answer, which says in its exit status whether all is well. */
async function examine(sandbox: Sandbox, options: RunOptions = {}): Promise<DoctorResult> {
  const { stdout, stderr, code } = await runPipd(sandbox, ["daemon", "doctor", "--json"], {
    ...options,
    env: { PATH, ...options.env },
  });
  const result = JSON.parse(stdout) as DoctorResult;
  assert.equal(code, result.ok ? 0 : 1, stderr);
  return result;
}

const problemsOf = ({ checks }: DoctorResult): readonly string[] =>
  checks.filter(({ state }) => state === "problem").map(({ name }) => name);

function daemonFile(sandbox: Sandbox, name: string): string {
  const folder = readdirSync(sandbox.runtime).find((entry) => /^[0-9a-f]{14}$/.test(entry));
  return join(sandbox.runtime, folder ?? "", name);
}

interface Trouble {
  readonly title: string;
  readonly make: (sandbox: Sandbox) => Promise<RunOptions | void> | RunOptions | void;
  /** The checks that find it, and what the first of them says. */
  readonly problems: readonly string[];
  readonly says: RegExp;
}

const TROUBLES: readonly Trouble[] = [
  {
    title: "a fault in the settings",
    make: (sandbox) => writeFileSync(join(sandbox.config, "config.toml"), "idle-timeout = 120\nworker = 2\n"),
    problems: ["settings"],
    says: /config\.toml are not used: line 2: worker is not a setting/,
  },
  {
    title: "a fault in pip's configuration",
    make: (sandbox) => {
      mkdirSync(join(sandbox.home, ".pip"));
      writeFileSync(join(sandbox.home, ".pip/pip.conf"), "index-url = x\n");
      return { env: { PIP_CONFIG_FILE: undefined } };
    },
    problems: ["settings"],
    says: /Configuration file could not be loaded.*pip\.conf/,
  },
  {
    title: "a broken database",
    make: (sandbox) => {
      mkdirSync(sandbox.cache, { recursive: true });
      writeFileSync(
        join(sandbox.cache, "index-v1.db"),
        "no database at all, but long enough to be taken for one".repeat(99),
      );
    },
    problems: ["database"],
    says: /index-v1\.db: file is not a database/,
  },
  {
    title: "an index that is down",
    make: async (sandbox) => {
      assert.equal((await runPipd(sandbox, ["venv", "v"])).code, 0);
      await runPipd(sandbox, ["--python", "v", "install", "-i", "http://127.0.0.1:9/simple", "x"]);
    },
    problems: ["indexes"],
    says: /http:\/\/127\.0\.0\.1:9 is down: connection refused/,
  },
  {
    title: "a file in the socket's place",
    make: async (sandbox) => {
      await startDaemon(sandbox);
      const socket = daemonFile(sandbox, "sock");
      await runPipd(sandbox, ["daemon", "stop"]);
      writeFileSync(socket, "");
    },
    problems: ["daemon", "socket"],
    says: /sock is not a socket/,
  },
  {
    title: "a daemon that is stuck",
    make: async (sandbox) => {
      process.kill(await startDaemon(sandbox), "SIGSTOP");
    },
    problems: ["daemon", "lock"],
    says: /does not answer/,
  },
  {
    title: "a daemon that has crashed",
    make: async (sandbox) => {
      await runPipd(sandbox, ["crash"], { program: TEST_PIPD });
    },
    problems: ["log"],
    says: /crashed once within a day, the last time: .*crashes\/daemon-.*\.txt/,
  },
  {
    title: "no interpreter that works",
    make: (sandbox) => {
      const folder = sandbox.makeFolder("bin");
      writeFileSync(join(folder, "python3"), "#!/bin/sh\nexit 7\n");
      chmodSync(join(folder, "python3"), 0o755);
      return { env: { PATH: folder } };
    },
    problems: ["python"],
    says: /no interpreter on PATH works; 1 more on PATH do not answer/,
  },
  {
    title: "a cache that cannot be one",
    make: () => ({ env: { XDG_CACHE_HOME: "/dev/null" } }),
    problems: ["cache"],
    says: /\/dev\/null cannot be written/,
  },
];

void describe("the doctor", { concurrency: 3 }, () => {
  test("R60 finds all well without a daemon and beside one, and writes a file for a bug report", async () => {
    await using sandbox = createSandbox();
    const before = await examine(sandbox);
    assert.deepEqual(problemsOf(before), []);
    assert.match(before.checks[0]?.text ?? "", /^none runs; the next command starts one$/);
    const pid = await startDaemon(sandbox);
    const beside = await examine(sandbox);
    assert.deepEqual(problemsOf(beside), []);
    assert.match(beside.checks[0]?.text ?? "", new RegExp(`^pid ${pid} answers, serving`));
    const bundle = beside.bundle ?? "";
    assert.equal(lstatSync(bundle).mode & 0o777, 0o600);
    const facts = JSON.parse(readFileSync(bundle, "utf8")) as Readonly<Record<string, unknown>>;
    assert.equal(
      Object.keys(facts).join(" "),
      "at checks system pipd folders daemon environment files configuration startLog crashes log",
    );
    assert.deepEqual(facts["checks"], beside.checks);
    assert.ok((facts["log"] as readonly string[]).some((line) => line.includes('"listening"')));
    const { stdout, code } = await runPipd(sandbox, ["daemon", "doctor"], { env: { PATH } });
    assert.equal(code, 0);
    assert.match(stdout, /\n\nEverything is well\.\nFor a bug report \(no credentials in it\): \/.*\.json\n$/);
    for (const { name } of beside.checks) assert.match(stdout, new RegExp(`^${name} +ok `, "m"));
  });

  for (const { title, make, problems, says } of TROUBLES) {
    test(`R60 names ${title}, and what to do`, async () => {
      await using sandbox = createSandbox();
      const result = await examine(sandbox, (await make(sandbox)) ?? {});
      const found = result.checks.filter(({ state }) => state === "problem");
      assert.deepEqual(problemsOf(result), problems, JSON.stringify(found));
      assert.match(found[0]?.text ?? "", says);
      for (const { name, hint } of found) assert.ok(hint !== undefined, `${name} says what to do`);
      if (title === "a daemon that is stuck")
        process.kill(Number(/kill (\d+)/.exec(found[1]?.hint ?? "")?.[1]), "SIGCONT");
    });
  }

  test("R60 says so when the program is not there", async () => {
    await using sandbox = createSandbox();
    const { program, build } = installationIn(sandbox, "half");
    rmSync(join(build, "daemon.js"));
    const result = await examine(sandbox, { program });
    assert.deepEqual(problemsOf(result), ["program"]);
    assert.match(result.checks[0]?.text ?? "", /daemon\.js does not start/);
  });
});
