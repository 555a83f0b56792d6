import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { replaceTree } from "../../daemon/install/replace-tree.ts";
import { type Environment, findEnvironment } from "../../daemon/python/environment.ts";
import { checkExternallyManaged } from "../../daemon/python/externally-managed.ts";
import { createInterpreters } from "../../daemon/python/interpreter.ts";
import { createVenv } from "../../daemon/python/venv.ts";
import type { Call } from "../../daemon/std/call.ts";
import { callIn, INTERPRETERS, NEWEST, PLAIN_ENVIRONMENT, runPython, sharedWheel } from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-environment-")));
after(() => rmSync(folder, { recursive: true, force: true }));
const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });
const oldest = INTERPRETERS[0] ?? NEWEST;

let count = 0;
function freshFolder(): string {
  count += 1;
  const path = join(folder, `place-${count}`);
  mkdirSync(path);
  return path;
}

async function venvAt(path: string, executable = NEWEST.executable, systemSitePackages = false): Promise<string> {
  const call = callIn("/");
  await createVenv({ path, facts: await interpreters.facts(executable, call), systemSitePackages }, call, replaceTree);
  return path;
}

/** A caller in `cwd` whose PATH has these folders only. */
function caller(cwd: string, path: readonly string[] = [], more: Readonly<Record<string, string>> = {}): Call {
  const { PATH: _, PYENV_ROOT: __, ...env } = PLAIN_ENVIRONMENT;
  return callIn(cwd, { ...env, HOME: folder, PATH: path.join(":"), ...more });
}

function find(call: Call, python?: string): Promise<Environment> {
  return findEnvironment(python === undefined ? {} : { python }, interpreters, call);
}

describe("the environment is found in this order", () => {
  test("--python, VIRTUAL_ENV, CONDA_PREFIX, .venv upward, PATH", async () => {
    const place = freshFolder();
    const deep = join(place, "a", "b");
    mkdirSync(deep, { recursive: true });
    const [asked, active, conda, near] = await Promise.all(
      ["asked", "active", "conda", ".venv"].map((name) => venvAt(join(place, name))),
    );
    const env = { VIRTUAL_ENV: active ?? "", CONDA_PREFIX: conda ?? "" };
    const path = [dirname(oldest.executable)];
    const found = [
      await find(caller(deep, path, env), asked),
      await find(caller(deep, path, env)),
      await find(caller(deep, path, { ...env, VIRTUAL_ENV: "" })),
      await find(caller(deep, path)),
      await find(caller(dirname(place), path)),
    ];
    assert.deepEqual(
      found.map(({ root }) => root),
      [asked, active, conda, near, realpathSync(found[4]?.facts.prefix ?? "")],
    );
    assert.deepEqual(
      found.map(({ origin }) => origin),
      ["--python", "VIRTUAL_ENV", "CONDA_PREFIX", ".venv", "PATH"],
    );
    assert.deepEqual(
      found.map(({ isVirtual }) => isVirtual),
      [true, true, true, true, false],
    );
  });

  test("a .venv without pyvenv.cfg is no environment, nor is a conda environment without Python", async () => {
    const place = freshFolder();
    mkdirSync(join(place, ".venv", "bin"), { recursive: true });
    const found = await find(caller(place, [dirname(oldest.executable)], { CONDA_PREFIX: place }));
    assert.equal(found.origin, "PATH");
  });

  test("python3 comes before python, wherever they stand; empty parts of PATH are the directory", async () => {
    const [here, there] = [freshFolder(), freshFolder()];
    symlinkSync(oldest.executable, join(here, "python"));
    symlinkSync(NEWEST.executable, join(there, "python3"));
    assert.equal((await find(caller("/", [here, there]))).facts.version, NEWEST.version);
    assert.equal((await find(caller(here, ["", "nowhere"]))).facts.version, oldest.version);
  });

  test("what does not work on PATH is passed over", async () => {
    const [here, there] = [freshFolder(), freshFolder()];
    writeFileSync(join(here, "python3"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    writeFileSync(join(there, "python3"), "not executable");
    assert.equal(
      (await find(caller("/", [here, there, dirname(oldest.executable)]))).facts.versionInfo[1],
      oldest.minor,
    );
    await assert.rejects(find(caller("/", [here])), { code: "broken-python" });
  });
});

describe("what --python may be", () => {
  test("an executable, an environment's folder, a relative path, a name or a version on PATH", async () => {
    const place = freshFolder();
    const root = await venvAt(join(place, "env"), oldest.executable);
    const bin = join(place, "bin");
    mkdirSync(bin);
    symlinkSync(NEWEST.executable, join(bin, `python3.${NEWEST.minor}`));
    symlinkSync(oldest.executable, join(bin, "mypython"));
    const call = caller(place, [bin]);
    for (const python of [root, "env", "./env", "env/bin/python", join(root, "bin", "python3")]) {
      assert.equal((await find(call, python)).root, root, python);
    }
    for (const python of [`3.${NEWEST.minor}`, `python3.${NEWEST.minor}`, NEWEST.version]) {
      assert.equal((await find(call, python)).facts.version, NEWEST.version, python);
    }
    assert.equal((await find(call, "mypython")).facts.version, oldest.version);
  });

  test("a version is also looked for among pyenv's", async () => {
    const root = freshFolder();
    fakePyenv(root);
    for (const { version, minor } of [oldest, NEWEST]) {
      assert.equal((await find(caller("/", [], { PYENV_ROOT: root }), `3.${minor}`)).facts.version, version);
    }
  });

  for (const python of ["none", "./none", "/none/at/all", "3.99", "empty"]) {
    test(`${python}: pip's error`, async () => {
      const place = freshFolder();
      mkdirSync(join(place, "empty"));
      await assert.rejects(find(caller(place, [dirname(NEWEST.executable)]), python), {
        code: "python-not-found",
        message: `Could not locate Python interpreter ${python}`,
      });
    });
  }
});

describe("an environment that cannot be used is an error, never another one", () => {
  test("VIRTUAL_ENV of a folder that is gone", async () => {
    const gone = join(folder, "gone");
    await assert.rejects(find(caller("/", [dirname(NEWEST.executable)], { VIRTUAL_ENV: gone })), {
      code: "broken-environment",
      message: `The active environment ${gone} cannot be used: it does not exist`,
    });
  });

  test(".venv whose interpreter is gone", async () => {
    const place = freshFolder();
    const root = await venvAt(join(place, ".venv"));
    rmSync(join(root, "bin", "python"));
    symlinkSync("/nowhere/python", join(root, "bin", "python"));
    await assert.rejects(find(caller(place, [dirname(NEWEST.executable)])), { code: "broken-environment" });
  });

  test("no Python anywhere", async () => {
    await assert.rejects(find(caller("/", [freshFolder()])), {
      code: "python-not-found",
      message: /^No Python interpreter was found/,
    });
  });
});

describe("an environment says", () => {
  test("the same root for every way that leads to it", async () => {
    const place = freshFolder();
    const root = await venvAt(join(place, "env"));
    symlinkSync(root, join(place, "link"));
    const found = await find(caller(place), "link");
    assert.equal(found.root, root);
    assert.equal(found.executable, join(place, "link", "bin", "python"));
  });

  test("whether it includes the system's packages, and its search path with what .pth files add", async () => {
    const place = freshFolder();
    for (const systemSite of [false, true]) {
      const root = await venvAt(join(place, `env-${systemSite}`), NEWEST.executable, systemSite);
      const before = await find(caller(place), root);
      assert.equal(before.includesSystemSite, systemSite);
      const added = join(place, "added");
      mkdirSync(added, { recursive: true });
      writeFileSync(join(before.facts.scheme.purelib, "b.pth"), `# comment\n\n../../../../added\n/none\nimport sys\n`);
      const now = await find(caller(place), root);
      const told = JSON.parse(
        runPython(now.executable, ["-c", "import json, sys; print(json.dumps(sys.path[1:]))"], {
          env: caller(place).env,
        }),
      );
      assert.deepEqual(now.searchPath, told);
      assert.ok(now.searchPath.includes(added));
    }
  });
});

/** A pyenv as far as files go: versions that are links to the real ones, and the shim as pyenv writes it. */
function fakePyenv(root: string): string {
  const shims = join(root, "shims");
  mkdirSync(shims, { recursive: true });
  for (const { version, executable } of INTERPRETERS) {
    const bin = join(root, "versions", version, "bin");
    mkdirSync(bin, { recursive: true });
    for (const name of ["python", "python3", `python${version.split(".").slice(0, 2).join(".")}`]) {
      symlinkSync(executable, join(bin, name));
    }
  }
  const text = `#!/usr/bin/env bash\nset -e\nprogram="\${0##*/}"\nexport PYENV_ROOT="${root}"\nexec "${root}/libexec/pyenv" exec "$program" "$@"\n`;
  writeFileSync(join(shims, "python3"), text);
  chmodSync(join(shims, "python3"), 0o755);
  return shims;
}

describe("a pyenv shim is seen through without running it", () => {
  const root = join(folder, "pyenv");
  const shims = fakePyenv(root);
  const other = join(folder, "other");
  mkdirSync(other);
  symlinkSync(NEWEST.executable, join(other, "python3"));
  const project = join(folder, "project", "deep");
  mkdirSync(project, { recursive: true });
  const series = oldest.version.split(".").slice(0, 2).join(".");

  const table: readonly (readonly [
    name: string,
    files: Readonly<Record<string, string>>,
    env: Readonly<Record<string, string>>,
    expected: string,
  ])[] = [
    ["PYENV_VERSION", {}, { PYENV_VERSION: oldest.version }, oldest.version],
    [
      "PYENV_VERSION of several, the first that is here",
      {},
      { PYENV_VERSION: `system:${oldest.version}` },
      NEWEST.version,
    ],
    [".python-version", { "project/deep/.python-version": `${oldest.version}\n` }, {}, oldest.version],
    [
      ".python-version of a parent",
      { "project/.python-version": `# mine\n${oldest.version} and more\r\n` },
      {},
      oldest.version,
    ],
    ["a series", { "project/.python-version": series }, {}, oldest.version],
    ["with python- before it", { "project/.python-version": `python-${oldest.version}` }, {}, oldest.version],
    ["the global version", { "pyenv/version": `${oldest.version}\n` }, {}, oldest.version],
    ["no version at all: the next on PATH", {}, {}, NEWEST.version],
    [
      "a path in the file is not followed: the next on PATH",
      { "project/.python-version": "../../x" },
      {},
      NEWEST.version,
    ],
  ];
  for (const [name, files, env, expected] of table) {
    test(name, async () => {
      for (const [path, text] of Object.entries(files)) {
        writeFileSync(join(folder, path), text);
      }
      try {
        assert.equal((await find(caller(project, [shims, other], env))).facts.version, expected);
      } finally {
        for (const path of Object.keys(files)) {
          rmSync(join(folder, path));
        }
      }
    });
  }

  test("what pyenv alone can tell is asked of the shim", async () => {
    mkdirSync(join(root, "libexec"));
    writeFileSync(
      join(root, "libexec", "pyenv"),
      `#!/bin/sh\n[ "$PYENV_VERSION" = odd-1 ] && shift 2 && exec "${NEWEST.executable}" "$@"\nexit 127\n`,
      { mode: 0o755 },
    );
    assert.equal(
      (await find(caller(project, [shims, "/usr/bin", "/bin"], { PYENV_VERSION: "odd-1" }))).facts.version,
      NEWEST.version,
    );
    await assert.rejects(find(caller(project, [shims], { PYENV_VERSION: "odd-2" })), { code: "python-not-found" });
  });
});

describe("PEP 668", () => {
  const files: readonly (readonly [name: string, content: string | Uint8Array])[] = [
    ["an error of several lines", "[externally-managed]\nError=one\n two\n\n three\n"],
    ["a translated error", "[externally-managed]\nError=english\nError-de=deutsch\nError-de_AT=österreichisch\n"],
    ["no error", "[externally-managed]\nOther=x\n"],
    ["no section", "# nothing\n"],
    ["no INI file", "Error=x\n"],
    ["no UTF-8", new Uint8Array([0x5b, 0xff])],
  ];
  const locales = ["C.UTF-8", "de_AT.UTF-8", "de_CH.UTF-8", "C"];
  const wheel = sharedWheel("pip");
  const oracle = `
import io, json, locale, sys
if len(sys.argv) > 2: sys.path.insert(0, sys.argv[2])
from pip._internal.exceptions import ExternallyManagedEnvironment
from pip._vendor.rich.console import Console
texts = []
for path, name in json.loads(sys.argv[1]):
    lang = name.split(".")[0]
    locale.getlocale = lambda category=None: (None if lang in ("", "C") else lang, "UTF-8")
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=10000, color_system=None)
    with console.capture() as capture:
        console.print(ExternallyManagedEnvironment.from_config(path), soft_wrap=True)
    texts.append(capture.get())
print(json.dumps(texts))`;

  test("the refusal is pip's text, in every language", async () => {
    const facts = await interpreters.facts(NEWEST.executable, callIn("/"));
    const cases = files.flatMap(([name, content]) => {
      const stdlib = freshFolder();
      writeFileSync(join(stdlib, "EXTERNALLY-MANAGED"), content);
      return locales.map((locale) => ({ name, stdlib, locale }));
    });
    const question = JSON.stringify(cases.map(({ stdlib, locale }) => [join(stdlib, "EXTERNALLY-MANAGED"), locale]));
    const args = ["-c", oracle, question, ...(wheel === undefined ? [] : [wheel])];
    const answers = JSON.parse(runPython(NEWEST.executable, args)) as readonly string[];
    for (const [at, { name, stdlib, locale }] of cases.entries()) {
      const call = callIn("/", { ...PLAIN_ENVIRONMENT, LC_ALL: locale });
      assert.throws(
        () => checkExternallyManaged({ isVirtual: false, facts: { ...facts, stdlib } }, call),
        { code: "externally-managed-environment", message: answers[at]?.replace(/\n$/, "") },
        `${name}, ${locale}`,
      );
    }
  });

  test("a locale of another character set gets no box characters", async () => {
    const stdlib = freshFolder();
    writeFileSync(join(stdlib, "EXTERNALLY-MANAGED"), "[externally-managed]\nError=why\n");
    const facts = { ...(await interpreters.facts(NEWEST.executable, callIn("/"))), stdlib };
    assert.throws(
      () => checkExternallyManaged({ isVirtual: false, facts }, callIn("/", { LANG: "de_DE.ISO-8859-1" })),
      {
        message:
          /^error: externally-managed-environment\n\nThis environment is externally managed\n\nwhy\n\nnote: .*\nhint: See PEP 668 for the detailed specification\.$/,
      },
    );
  });

  test("virtual environments and unmanaged interpreters are free", async () => {
    const stdlib = freshFolder();
    const facts = { ...(await interpreters.facts(NEWEST.executable, callIn("/"))), stdlib };
    checkExternallyManaged({ isVirtual: false, facts }, callIn("/"));
    writeFileSync(join(stdlib, "EXTERNALLY-MANAGED"), "[externally-managed]\nError=why\n");
    checkExternallyManaged({ isVirtual: true, facts }, callIn("/"));
    assert.ok(readFileSync(join(stdlib, "EXTERNALLY-MANAGED")).length > 0);
  });
});
