import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { replaceTree } from "../../daemon/install/replace-tree.ts";
import { createInterpreters } from "../../daemon/python/interpreter.ts";
import { runProbe } from "../../daemon/python/probe.ts";
import { createSearchPaths } from "../../daemon/python/search-path.ts";
import { createVenv, type VenvRequest } from "../../daemon/python/venv.ts";
import { parseVenvConfig } from "../../daemon/python/venv-facts.ts";
import { callIn, INTERPRETERS, NEWEST, PLAIN_ENVIRONMENT, runPython } from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-venv-")));
after(() => rmSync(folder, { recursive: true, force: true }));
const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });
const probe = new URL("../../daemon/assets/probe.py", import.meta.url).pathname;
const searchPaths = createSearchPaths(Date.now);

/** Everything Python derives from its environment, in one text. */
const VIEW = `
import json, site, sys, sysconfig
print(json.dumps({
    "prefix": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix], "executable": [sys.executable, sys._base_executable],
    "path": sys.path[1:], "site": [site.ENABLE_USER_SITE, site.getsitepackages(), site.PREFIXES],
    "paths": sysconfig.get_paths(), "schemes": {name: sysconfig.get_paths(name) for name in sysconfig.get_scheme_names()},
    "platform": sysconfig.get_platform(), "flags": str(sys.flags),
}, indent=1))`;

let count = 0;
function freshPath(): string {
  count += 1;
  return join(folder, `env-${count}`);
}

async function make(
  request: Omit<VenvRequest, "facts" | "path"> & { readonly path?: string; readonly executable?: string },
): Promise<string> {
  const { executable = NEWEST.executable, path = freshPath(), ...rest } = request;
  const call = callIn(folder);
  const facts = await interpreters.facts(executable, call);
  return (await createVenv({ ...rest, path, facts }, call, replaceTree)).root;
}

describe("an environment is what `python -m venv --without-pip` makes", () => {
  for (const { label, executable } of INTERPRETERS) {
    for (const systemSitePackages of [false, true]) {
      const options = systemSitePackages ? ["--system-site-packages"] : [];
      test(`Python ${label} ${options.join("")}: Python sees the same, and needs not be asked`, async () => {
        const theirs = freshPath();
        runPython(executable, ["-m", "venv", "--without-pip", "--prompt", "it's", ...options, theirs]);
        const ours = await make({ executable, systemSitePackages, prompt: "it's" });
        sameFiles(ours, theirs);
        const [theirView, ourView] = [theirs, ours].map((root) =>
          runPython(join(root, "bin", "python"), ["-c", VIEW]).replaceAll(root, "<env>"),
        );
        assert.equal(ourView, theirView);

        const call = callIn("/");
        const path = join(ours, "bin", "python");
        const facts = await interpreters.facts(path, call);
        assert.deepEqual(facts, await runProbe({ path, probe, call, timeout: 60_000, searchPaths }));
        const theirFacts = await interpreters.facts(join(theirs, "bin", "python"), call);
        assert.equal(JSON.stringify(theirFacts).replaceAll(theirs, ours), JSON.stringify(facts));
      });
    }
  }

  test("the command in pyvenv.cfg makes an equal one", async () => {
    const root = await make({ prompt: "some name", systemSitePackages: true });
    const command = configLines(root).find(([key]) => key === "command")?.[1] ?? "";
    const before = runPython(join(root, "bin", "python"), ["-c", VIEW]);
    rmSync(root, { recursive: true });
    runPython("/bin/sh", ["-c", command]);
    assert.equal(runPython(join(root, "bin", "python"), ["-c", VIEW]), before);
  });

  test("of an environment's interpreter the base is taken", async () => {
    for (const { executable } of [INTERPRETERS[0] ?? NEWEST, NEWEST]) {
      const outer = await make({ executable });
      const inner = await make({ executable: join(outer, "bin", "python") });
      rmSync(outer, { recursive: true });
      const program = "import json, sys; print(json.dumps([sys.prefix, sys.base_prefix]))";
      assert.deepEqual(JSON.parse(runPython(join(inner, "bin", "python"), ["-c", program])), [
        inner,
        runPython(executable, ["-c", "import sys; print(sys.prefix)"]).trim(),
      ]);
    }
  });

  test("copies instead of links work", async () => {
    const root = await make({ symlinks: false });
    assert.ok(lstatSync(join(root, "bin", "python")).isFile());
    assert.equal(runPython(join(root, "bin", "python"), ["-c", "import sys; print(sys.prefix)"]).trim(), root);
  });

  test("odd names are no trouble for Python", async () => {
    for (const name of [
      "a b",
      "it's",
      'dou"ble',
      "dollar$HOME",
      "back`tick",
      "ünï",
      "per%cent",
      "ex!cl",
      "semi;colon",
      "back\\slash",
      "=x",
      "{{PROMPT}}",
    ]) {
      const root = await make({ path: join(folder, "odd", name) });
      assert.equal(
        runPython(join(root, "bin", "python"), ["-c", "import sys; sys.stdout.buffer.write(sys.prefix.encode())"]),
        root,
      );
      assert.ok(readFileSync(join(root, "bin", "activate.fish"), "utf8").includes("VIRTUAL_ENV '"));
    }
  });
});

describe("the place of an environment", () => {
  test("missing parents are made, with the caller's umask for everything", async () => {
    const call = callIn(folder, PLAIN_ENVIRONMENT, 0o027);
    const facts = await interpreters.facts(NEWEST.executable, call);
    await createVenv({ path: "deep/er/env", facts }, call, replaceTree);
    const modes = ["deep", "deep/er/env", "deep/er/env/bin", "deep/er/env/bin/activate", "deep/er/env/pyvenv.cfg"].map(
      (path) => statSync(join(folder, path)).mode & 0o777,
    );
    assert.deepEqual(modes, [0o750, 0o750, 0o750, 0o640, 0o640]);
  });

  test("an empty folder is used, a link to a folder stays a link", async () => {
    const target = freshPath();
    mkdirSync(target);
    const link = `${target}-link`;
    symlinkSync(target, link);
    await make({ path: link });
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.ok(existsSync(join(target, "pyvenv.cfg")));
    assert.equal(runPython(join(link, "bin", "python"), ["-c", "import sys; print(sys.prefix)"]).trim(), link);
  });

  test("an environment that is there keeps its packages, and changes to the interpreter asked for", async () => {
    const root = await make({ executable: INTERPRETERS[0]?.executable ?? "" });
    const kept = join(root, "lib", "kept.txt");
    writeFileSync(kept, "");
    await make({ path: root, prompt: "new" });
    assert.ok(existsSync(kept));
    for (const name of ["python", "python3", `python3.${NEWEST.minor}`]) {
      assert.equal(
        runPython(join(root, "bin", name), ["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).trim(),
        NEWEST.version,
      );
    }
    assert.equal(parseVenvConfig(readFileSync(join(root, "pyvenv.cfg"), "utf8")).prompt, "new");
  });

  test("links to an interpreter that is gone are mended", async () => {
    const root = await make({});
    rmSync(join(root, "bin", "python3"));
    symlinkSync("/nowhere/python3", join(root, "bin", "python3"));
    await make({ path: root });
    assert.equal(runPython(join(root, "bin", "python3"), ["-c", "print(1)"]).trim(), "1");
  });

  test("--clear replaces it and leaves nothing of the old one anywhere", async () => {
    const root = await make({});
    writeFileSync(join(root, "lib", "old.txt"), "");
    await make({ path: root, clear: true });
    assert.ok(!existsSync(join(root, "lib", "old.txt")));
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(".")),
      [],
    );
  });

  test("a prompt of . is the name of the caller's directory", async () => {
    const root = await make({ prompt: "." });
    assert.equal(parseVenvConfig(readFileSync(join(root, "pyvenv.cfg"), "utf8")).prompt, folder.split("/").at(-1));
  });

  const refused: readonly (readonly [
    name: string,
    prepare: (path: string) => string,
    options: { readonly clear?: boolean },
    message: RegExp,
  ])[] = [
    [
      "a file",
      (path) => (writeFileSync(path, ""), path),
      {},
      /^Unable to create directory '.*': it exists and is not a folder$/,
    ],
    ["a dangling link", (path) => (symlinkSync("/nowhere", path), path), {}, /it exists and is not a folder/],
    ["the root", () => "/", {}, /root of the file system/],
    ["a name with the PATH separator", (path) => `${path}:x`, {}, /because|contains the PATH separator :/],
    ["a name with a line break", (path) => `${path}\nx`, {}, /line break/],
    [
      "the home directory, with --clear",
      (path) => (mkdirSync(join(path, "x"), { recursive: true }), writeFileSync(join(path, "pyvenv.cfg"), ""), path),
      { clear: true },
      /home directory/,
    ],
    [
      "a folder of other things, with --clear",
      (path) => (mkdirSync(path), writeFileSync(join(path, "thesis.txt"), ""), path),
      { clear: true },
      /not an environment/,
    ],
  ];
  for (const [name, prepare, options, message] of refused) {
    test(`${name} is refused, and nothing is touched`, async () => {
      const path = prepare(freshPath());
      const before = tree(folder);
      const call = callIn(folder, { ...PLAIN_ENVIRONMENT, HOME: name.includes("home") ? join(path, "x") : folder });
      const facts = await interpreters.facts(NEWEST.executable, callIn(folder));
      await assert.rejects(createVenv({ path, facts, ...options }, call, replaceTree), {
        code: "venv-target-refused",
        message,
      });
      assert.deepEqual(tree(folder), before);
    });
  }

  test("a failure in the middle leaves nothing behind, and with --clear the old environment", async () => {
    const root = await make({});
    const before = tree(folder);
    const facts = await interpreters.facts(NEWEST.executable, callIn(folder));
    const unusable = { ...facts, executable: join(folder, "gone", "python3") };
    for (const path of [root, freshPath()]) {
      await assert.rejects(
        createVenv({ path, facts: unusable, clear: true, symlinks: false }, callIn(folder), replaceTree),
        {
          code: "venv-not-writable",
        },
      );
    }
    assert.deepEqual(tree(folder), before);
  });
});

describe("pyvenv.cfg is read as Python reads it", () => {
  const table: readonly (readonly [text: string, expected: object])[] = [
    ["home = /usr/bin\ninclude-system-site-packages = false\n", { home: "/usr/bin", includesSystemSite: false }],
    ["HOME=/usr/bin\r\nInclude-System-Site-Packages =TRUE", { home: "/usr/bin", includesSystemSite: true }],
    ["home = /a = b\n", { home: "/a = b", includesSystemSite: true }],
    ["nothing here", { includesSystemSite: true }],
    ["include-system-site-packages = no\nprompt = 'it\\'s'", { includesSystemSite: false, prompt: "it's" }],
    ["prompt = plain\ninclude-system-site-packages = false", { includesSystemSite: false, prompt: "plain" }],
  ];
  for (const [text, expected] of table) {
    test(JSON.stringify(text), () => assert.deepEqual(parseVenvConfig(text), expected));
  }
});

/** Everything of the stdlib's environment is in ours, alike; what ours has besides is named here. */
function sameFiles(ours: string, theirs: string): void {
  const [ourTree, theirTree] = [tree(ours), tree(theirs)];
  const besides = /^(?:\.gitignore|bin\/(?:de)?activate\.bat|bin\/python3\.8)$/;
  assert.deepEqual(
    ourTree.filter((path) => !besides.test(path)),
    theirTree.filter((path) => !besides.test(path)),
  );
  for (const name of readdirSync(join(theirs, "bin")).filter((name) => name.startsWith("python"))) {
    assert.equal(readlinkSync(join(ours, "bin", name)), readlinkSync(join(theirs, "bin", name)));
  }
  const [ourLines, theirLines] = [configLines(ours), configLines(theirs)];
  const keys = ourLines.map(([key]) => key);
  assert.deepEqual(keys, ["home", "include-system-site-packages", "version", "prompt", "executable", "command"]);
  const common = new Set(theirLines.map(([key]) => key).filter((key) => key !== "command"));
  assert.deepEqual(
    ourLines.filter(([key]) => common.has(key)),
    theirLines.filter(([key]) => common.has(key)),
  );
}

/** All paths below a folder, sorted. */
function tree(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
}

function configLines(root: string): readonly (readonly [key: string, value: string])[] {
  return readFileSync(join(root, "pyvenv.cfg"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(" = ")), line.slice(line.indexOf(" = ") + 3)]);
}
