/** Callers who share a daemon and nothing else: each has an index, configuration, netrc, proxy, umask, locale, PATH, interpreter and folder of its own. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type IndexServer, startIndexServer } from "./index-server.ts";
import { INTERPRETERS, NEWEST, type TestInterpreter } from "./interpreters.ts";
import { type ProxyServer, startHttpProxy } from "./proxy-server.ts";
import { type Finished, PIPD, runPipd } from "./run-cli.ts";
import { createSandbox, type Sandbox } from "./sandbox.ts";
import { servedWheels } from "./twins.ts";
import { makeWheel, metadataText, wheelFilename } from "./wheel-maker.ts";

/** One caller. */
export interface CallerWorld {
  readonly name: "alice" | "bob";
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly umask: number;
  readonly interpreter: TestInterpreter;
  readonly server: IndexServer;
  /** Of the project `shared`, newest on this caller's index. */
  readonly version: string;
  /** What a requirements file in Latin-1 comes to. */
  readonly latin1: number;
}

export interface Worlds {
  readonly sandbox: Sandbox;
  readonly callers: readonly CallerWorld[];
  readonly proxy: ProxyServer;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Writes down what a child of the daemon sees of the world. */
const WITNESS = `
import json, os
if "PIPD_TEST_WITNESS" in os.environ:
    umask = os.umask(0)
    os.umask(umask)
    with open(os.environ["PIPD_TEST_WITNESS"], "w") as file:
        json.dump({"env": dict(os.environ), "cwd": os.getcwd(), "umask": umask}, file)
`;

export async function createWorlds(): Promise<Worlds> {
  const sandbox = createSandbox();
  const proxy = await startHttpProxy("door:open");
  const alice = await makeCaller(sandbox, "alice", INTERPRETERS[0]!, 0o022, "1.0", {
    LC_ALL: "C.UTF-8",
    http_proxy: undefined,
    HTTP_PROXY: undefined,
    ALL_PROXY: undefined,
  });
  const bob = await makeCaller(sandbox, "bob", NEWEST, 0o077, "2.0", {
    LC_ALL: "de_DE.ISO-8859-1",
    http_proxy: proxy.url.replace("//", "//door:open@"),
    no_proxy: undefined,
    NO_PROXY: undefined,
  });
  return {
    sandbox,
    proxy,
    callers: [alice, bob],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([alice.server.close(), bob.server.close(), proxy.close()]);
      await sandbox.close();
    },
  };
}

async function makeCaller(
  sandbox: Sandbox,
  name: CallerWorld["name"],
  interpreter: TestInterpreter,
  umask: number,
  version: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CallerWorld> {
  const home = realpathSync(sandbox.makeFolder(`home-of-${name}`));
  // The same bytes on both indexes, which say different things of them.
  const twin = { name: "twin", version: "1.0" };
  const server = await startIndexServer({
    auth: `${name}:secret-of-${name}`,
    files: {
      ...(await servedWheels([
        { name: "app", version: "1.0", files: { "app/__init__.py": `world = "${name}"\n` } },
        { name: "shared", version },
        { name: `lib-of-${name}`, version: "1.0" },
      ])),
      [wheelFilename(twin)]: {
        bytes: await makeWheel(twin),
        metadata: metadataText({ ...twin, requires: [`lib-of-${name}`] }),
      },
    },
  });
  const local = { name: "local", version: "1.0", files: { "local.py": `world = "${name}"\n` } };
  writeFileSync(join(home, wheelFilename(local)), await makeWheel(local));
  writeFileSync(join(home, "latin1.txt"), Buffer.from("app # caf\xe9\n", "latin1"));
  writeFileSync(join(home, "variable.txt"), "shared==${WANTED}\n");
  writeFileSync(join(home, ".netrc"), `machine 127.0.0.1 login ${name} password secret-of-${name}\n`, { mode: 0o600 });
  mkdirSync(join(home, ".pip"));
  writeFileSync(join(home, ".pip/pip.conf"), `[global]\nindex-url = ${server.url}\n`);
  mkdirSync(join(home, "bin"));
  symlinkSync(interpreter.executable, join(home, "bin/python3"));
  return {
    name,
    home,
    umask,
    interpreter,
    server,
    version,
    latin1: name === "bob" ? 0 : 1,
    env: {
      HOME: home,
      PATH: `${home}/bin:/usr/bin:/bin`,
      PIP_CONFIG_FILE: undefined,
      WANTED: version,
      ...env,
    },
  };
}

/** Runs a command as this caller does: in its folder, with its umask and variables. */
function runAs(
  { sandbox }: Worlds,
  { home, env, umask }: CallerWorld,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return runPipd(sandbox, ["-c", `umask ${umask.toString(8)}; exec "$0" "$@"`, PIPD, ...args], {
    program: "/bin/sh",
    cwd: home,
    env: { ...env, ...more },
  });
}

const QUESTIONS: readonly ((worlds: Worlds, caller: CallerWorld, round: number) => Promise<void>)[] = [
  /** The index of the configuration file, the credentials of netrc, the proxy, the umask. */
  async (worlds, caller, round) => {
    const target = `app-${round}`;
    const { code, stderr } = await runAs(worlds, caller, ["install", "--no-compile", "--target", target, "app"]);
    assert.equal(code, 0, stderr);
    const file = join(caller.home, target, "app/__init__.py");
    assert.equal(readFileSync(file, "utf8"), `world = "${caller.name}"\n`);
    assert.equal(statSync(join(caller.home, target)).mode & 0o777, 0o777 & ~caller.umask);
    assert.equal(statSync(file).mode & 0o777, 0o666 & ~caller.umask);
  },
  async (worlds, caller) => {
    const { stdout } = await runAs(worlds, caller, ["install", "--dry-run", "shared"]);
    assert.match(stdout, new RegExp(`^Would install shared-${caller.version}$`, "m"));
  },
  async (worlds, caller) => {
    const { stdout } = await runAs(worlds, caller, ["install", "--dry-run", "-r", "variable.txt"]);
    assert.match(stdout, new RegExp(`^Would install shared-${caller.version}$`, "m"));
  },
  /** What one index says of bytes counts for that index alone. */
  async (worlds, caller) => {
    const { stdout } = await runAs(worlds, caller, ["install", "--dry-run", "twin"]);
    assert.match(stdout, new RegExp(`^Would install lib-of-${caller.name}-1\\.0 twin-1\\.0$`, "m"));
  },
  /** The same relative path in another folder is another file. */
  async (worlds, caller, round) => {
    const wheel = `./${wheelFilename({ name: "local", version: "1.0" })}`;
    for (const [target, source] of [
      ["by-path", [wheel]],
      ["by-link", ["--no-index", "--find-links", wheel, "local"]],
    ] as const) {
      const args = ["install", "--no-compile", "--target", `${target}-${round}`, ...source];
      const { code, stderr } = await runAs(worlds, caller, args);
      assert.equal(code, 0, stderr);
      assert.equal(
        readFileSync(join(caller.home, `${target}-${round}`, "local.py"), "utf8"),
        `world = "${caller.name}"\n`,
      );
    }
  },
  /** The interpreter that PATH leads to. */
  async (worlds, caller) => {
    const { stdout } = await runAs(worlds, caller, ["--version"]);
    assert.match(stdout, new RegExp(`\\(python ${caller.interpreter.version.split(".", 2).join("\\.")}\\)\n$`));
  },
  /** The locale decides how a file that says nothing is read. */
  async (worlds, caller) => {
    const { code } = await runAs(worlds, caller, ["install", "--dry-run", "-r", "latin1.txt"]);
    assert.equal(code, caller.latin1);
  },
  /** An interpreter that is met for the first time is started in the caller's world: folder, umask, each variable, and none more. */
  async (worlds, caller, round) => {
    const site = join(caller.home, `site-${round}`);
    mkdirSync(site);
    writeFileSync(join(site, "sitecustomize.py"), WITNESS);
    const own = { PYTHONPATH: site, PIPD_TEST_WITNESS: join(site, "seen.json"), CANARY: caller.name };
    const { code, stderr } = await runAs(worlds, caller, ["list"], own);
    assert.equal(code, 0, stderr);
    const seen = JSON.parse(readFileSync(join(site, "seen.json"), "utf8")) as {
      readonly env: Readonly<Record<string, string>>;
      readonly cwd: string;
      readonly umask: number;
    };
    assert.equal(seen.cwd, caller.home);
    assert.equal(seen.umask, caller.umask);
    const given = Object.entries({ ...worlds.sandbox.env, ...caller.env, ...own });
    const ofShells = new Set(["PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"]);
    const plain = (entries: readonly (readonly [string, string | undefined])[]): object =>
      Object.fromEntries(entries.filter(([name, value]) => value !== undefined && !ofShells.has(name)));
    assert.deepEqual(plain(Object.entries(seen.env)), plain(given));
  },
];

/** Every question by every caller, `rounds` times, all of a round at once in an order that chance decides. */
export async function interleave(worlds: Worlds, rounds: number, random: () => number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const asked = worlds.callers.flatMap((caller) => QUESTIONS.map((question) => ({ caller, question })));
    const shuffled = asked.map((one) => ({ ...one, rank: random() })).toSorted((a, b) => a.rank - b.rank);
    // Three at a time: two and a half cores are no help to more.
    const lanes = [0, 1, 2].map((lane) => shuffled.filter((_one, index) => index % 3 === lane));
    await Promise.all(
      lanes.map(async (lane) => {
        for (const { caller, question } of lane) await question(worlds, caller, round);
      }),
    );
  }
  assertNothingCrossed(worlds);
}

/** No index was asked with the other's name, and the proxy saw nothing but bob's requests. */
function assertNothingCrossed({ callers, proxy }: Worlds): void {
  for (const { name, server } of callers) {
    const own = `Basic ${Buffer.from(`${name}:secret-of-${name}`).toString("base64")}`;
    const headers = [...server.seen.values()].flat();
    assert.ok(headers.length > 0);
    assert.deepEqual([...new Set(headers.map(({ authorization }) => authorization))], [own]);
  }
  const [alice, bob] = callers;
  assert.ok(proxy.seen.length > 0);
  assert.deepEqual(
    proxy.seen.filter((line) => !line.includes(bob!.server.origin.slice("http://".length))),
    [],
  );
  assert.equal(
    proxy.seen.some((line) => line.includes(alice!.server.origin)),
    false,
  );
}
