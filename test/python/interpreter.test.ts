import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createInterpreters, type FactsStore, type Interpreters } from "../../daemon/python/interpreter.ts";
import { compatibleTags } from "../../daemon/standards/tag.ts";
import {
  callIn,
  INTERPRETERS,
  NEWEST,
  OLD_INTERPRETERS,
  PLAIN_ENVIRONMENT,
  runPython,
  sharedWheel,
} from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-interpreter-")));
after(() => rmSync(folder, { recursive: true, force: true }));

interface CountingStore extends FactsStore {
  readonly entries: Map<string, string>;
  /** How often Python has been asked: each answer is stored once. */
  readonly probes: () => number;
}

function countingStore(): CountingStore {
  const entries = new Map<string, string>();
  let probes = 0;
  return {
    entries,
    probes: () => probes,
    get: (key) => entries.get(key),
    set: (key, json) => {
      probes += 1;
      entries.set(key, json);
    },
  };
}

function interpretersWith(factsStore: FactsStore, assetsFolder?: string): Interpreters {
  return createInterpreters({ factsStore, clock: Date.now, ...(assetsFolder === undefined ? {} : { assetsFolder }) });
}

/** `packaging` as pip brings it: for the newest interpreter that of pip 26.3 where the shared wheels are, else the interpreter's own. */
function withPackaging(version: string): Readonly<Record<string, string>> {
  const wheel = version === NEWEST.version ? sharedWheel("pip") : undefined;
  return wheel === undefined ? PLAIN_ENVIRONMENT : { ...PLAIN_ENVIRONMENT, PYTHONPATH: wheel };
}

const ORACLE = `
import json, os, site, sys, sysconfig
from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.tags import sys_tags
print(json.dumps({
    "executable": sys.executable, "prefix": sys.prefix, "basePrefix": sys.base_prefix, "execPrefix": sys.exec_prefix,
    "baseExecutable": sys._base_executable, "cacheTag": sys.implementation.cache_tag, "stdlib": sysconfig.get_path("stdlib"),
    "userSite": site.getusersitepackages(), "userBase": site.getuserbase(), "userSiteEnabled": site.ENABLE_USER_SITE,
    "versionInfo": list(sys.version_info[:3]), "markers": {k: v for k, v in default_environment().items() if k != "extra"},
    "tags": [str(tag) for tag in sys_tags()], "path": sys.path[1:],
}))`;

interface OracleAnswer {
  readonly markers: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly path: readonly string[];
}

describe("the facts of an interpreter", () => {
  for (const { label, version, minor, executable } of INTERPRETERS) {
    test(`Python ${label}: are what Python itself says`, async () => {
      const env = withPackaging(version);
      const interpreters = interpretersWith(countingStore());
      const facts = await interpreters.facts(executable, callIn("/", env));
      const { tags, path, ...expected } = JSON.parse(runPython(executable, ["-c", ORACLE], { env })) as OracleAnswer;
      const told = Object.fromEntries(Object.keys(expected).map((key) => [key, facts[key as keyof typeof facts]]));
      assert.deepEqual(told, expected);
      assert.deepEqual(interpreters.searchPath(facts), path);
      // Before 26.3 packaging put linux_* last: compare as sets where only the interpreter's own pip is at hand.
      const own = compatibleTags(facts.tagFacts);
      if ("PYTHONPATH" in env) {
        assert.deepEqual(own, tags);
      } else {
        assert.deepEqual(
          tags.filter((tag) => !own.includes(tag)),
          [],
        );
      }
    });

    test(`Python ${label}: each name it has in its folder tells its own name, after one start of Python`, async () => {
      const store = countingStore();
      const interpreters = interpretersWith(store);
      const names = ["python3", `python3.${minor}`].map((name) => join(executable, "..", name));
      const all = await Promise.all([...names, ...names].map((name) => interpreters.facts(name, callIn("/"))));
      for (const [at, facts] of all.entries()) {
        assert.equal(facts.executable, names[at % 2]);
        assert.equal(
          facts.executable,
          JSON.parse(runPython(names[at % 2] ?? "", ["-c", "import json, sys; print(json.dumps(sys.executable))"])),
        );
        assert.equal(facts.baseExecutable, facts.executable);
      }
      assert.equal(store.probes(), 1);
    });
  }

  for (const { label, executable } of OLD_INTERPRETERS) {
    test(`Python ${label}: is refused by its version`, async () => {
      await assert.rejects(interpretersWith(countingStore()).facts(executable, callIn("/")), {
        code: "unsupported-python",
      });
    });
  }
});

describe("facts are kept", () => {
  test("two calls at once and one after them start Python once, and get the same object", async () => {
    const store = countingStore();
    const interpreters = interpretersWith(store);
    const [one, two] = await Promise.all([0, 1].map(() => interpreters.facts(NEWEST.executable, callIn("/"))));
    const three = await interpreters.facts(NEWEST.executable, callIn("/"));
    assert.equal(one, two);
    assert.equal(one, three);
    assert.equal(store.probes(), 1);
  });

  test("a new daemon takes them from the store", async () => {
    const store = countingStore();
    const first = await interpretersWith(store).facts(NEWEST.executable, callIn("/"));
    const second = await interpretersWith(store, join(folder, "no-assets")).facts(NEWEST.executable, callIn("/"));
    assert.deepEqual(second, first);
  });

  test("a damaged store costs one more start of Python", async () => {
    const store = countingStore();
    await interpretersWith(store).facts(NEWEST.executable, callIn("/"));
    for (const key of store.entries.keys()) {
      store.entries.set(key, "{");
    }
    assert.equal((await interpretersWith(store).facts(NEWEST.executable, callIn("/"))).version, NEWEST.version);
    assert.equal(store.probes(), 2);
  });

  test("clients with different launcher variables never see each other's answers", async () => {
    const interpreters = interpretersWith(countingStore());
    const extra = join(folder, "extra");
    mkdirSync(extra, { recursive: true });
    const environments = [
      { ...PLAIN_ENVIRONMENT, PYTHONPATH: extra },
      { ...PLAIN_ENVIRONMENT, PYTHONNOUSERSITE: "1" },
      { ...PLAIN_ENVIRONMENT, PYTHONUSERBASE: join(folder, "base") },
      PLAIN_ENVIRONMENT,
    ];
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(environments.map((env) => interpreters.facts(NEWEST.executable, callIn("/", env))));
      assert.deepEqual(
        all.map((facts) => facts.pathBeforeSite.includes(extra)),
        [true, false, false, false],
      );
      assert.deepEqual(
        all.map((facts) => facts.userSiteEnabled),
        [true, false, true, true],
      );
      assert.deepEqual(
        all.map((facts) => facts.userBase === join(folder, "base")),
        [false, false, true, false],
      );
    }
  });

  test("a relative PYTHONPATH means another folder in another directory", async () => {
    const interpreters = interpretersWith(countingStore());
    const env = { ...PLAIN_ENVIRONMENT, PYTHONPATH: "lib" };
    const places = ["a", "b"].map((name) => join(folder, name));
    for (const place of places) {
      mkdirSync(join(place, "lib"), { recursive: true });
      const facts = await interpreters.facts(NEWEST.executable, callIn(place, env));
      assert.equal(facts.pathBeforeSite[0], join(place, "lib"));
    }
  });

  test("a path that leads to another Python since is asked again", async () => {
    const [older] = INTERPRETERS;
    assert.ok(older);
    const interpreters = interpretersWith(countingStore());
    const path = join(folder, "python-of-today");
    symlinkSync(older.executable, path);
    assert.equal((await interpreters.facts(path, callIn("/"))).version, older.version);
    unlinkSync(path);
    symlinkSync(NEWEST.executable, path);
    assert.equal((await interpreters.facts(path, callIn("/"))).version, NEWEST.version);
  });

  test("a cancelled caller leaves at once, the other gets the answer", async () => {
    const interpreters = interpretersWith(countingStore());
    const controller = new AbortController();
    const call = callIn("/");
    const left = interpreters.facts(NEWEST.executable, { ...call, signal: controller.signal });
    const stayed = interpreters.facts(NEWEST.executable, call);
    controller.abort(new Error("enough"));
    await assert.rejects(left, /enough/);
    assert.equal((await stayed).version, NEWEST.version);
  });
});

describe("what disturbs an interpreter", () => {
  test("noise of sitecustomize and .pth files on standard output does no harm", async () => {
    const noisy = join(folder, "noisy");
    mkdirSync(noisy, { recursive: true });
    writeFileSync(
      join(noisy, "sitecustomize.py"),
      "import sys; print('pipd-facts-?', {}); sys.stdout.write('no newline'); sys.path.append('/from-code')\n",
    );
    const interpreters = interpretersWith(countingStore());
    const facts = await interpreters.facts(NEWEST.executable, callIn("/", { ...PLAIN_ENVIRONMENT, PYTHONPATH: noisy }));
    assert.equal(facts.version, NEWEST.version);
    assert.deepEqual(facts.extraPath, ["/from-code"]);
  });

  test("a directory that is gone does no harm", async () => {
    const facts = await interpretersWith(countingStore()).facts(NEWEST.executable, callIn(join(folder, "gone")));
    assert.equal(facts.version, NEWEST.version);
  });

  test("a wrapper script is asked each time, since it may start another Python each time", async () => {
    const wrapper = join(folder, "wrapper");
    writeFileSync(wrapper, `#!/bin/sh\nexec "$CHOSEN" "$@"\n`, { mode: 0o755 });
    const interpreters = interpretersWith(countingStore());
    for (const { version, executable } of [INTERPRETERS[0] ?? NEWEST, NEWEST]) {
      const facts = await interpreters.facts(wrapper, callIn("/", { ...PLAIN_ENVIRONMENT, CHOSEN: executable }));
      assert.equal(facts.version, version);
    }
  });

  const broken: readonly (readonly [name: string, script: string, message: RegExp])[] = [
    ["fails", "echo some trouble >&2; exit 3", /broken-fails does not work: it left with status 3: some trouble/],
    ["says nothing", "exit 0", /does not work: it gave no answer/],
    ["is killed", "kill -9 $$", /does not work: it was killed by SIGKILL/],
  ];
  for (const [name, script, message] of broken) {
    test(`an interpreter that ${name} is named with the reason`, async () => {
      const path = join(folder, `broken-${name.replaceAll(" ", "-")}`);
      writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      await assert.rejects(interpretersWith(countingStore()).facts(path, callIn("/")), {
        code: "broken-python",
        message,
      });
    });
  }

  test("a file that is no program is named with the reason", async () => {
    const path = join(folder, "text");
    copyFileSync(new URL(import.meta.url), path);
    chmodSync(path, 0o644);
    await assert.rejects(interpretersWith(countingStore()).facts(path, callIn("/")), {
      code: "broken-python",
      message: /it is not executable/,
    });
  });

  test("a path without a file is pip's error", async () => {
    await assert.rejects(interpretersWith(countingStore()).facts("none", callIn(folder)), {
      code: "python-not-found",
      message: `Could not locate Python interpreter ${join(folder, "none")}`,
    });
  });

  test("a Python that hangs is given up", async () => {
    const path = join(folder, "hanging");
    writeFileSync(path, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
    const interpreters = createInterpreters({ factsStore: countingStore(), clock: Date.now, timeout: 100 });
    await assert.rejects(interpreters.facts(path, callIn("/")), {
      code: "broken-python",
      message: /no answer after 0.1 seconds/,
    });
  });
});
