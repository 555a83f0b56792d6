/** What a plan refuses, on manifests that the store would not have let through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planInstall } from "../../daemon/install/plan.ts";
import type { InstallTarget } from "../../daemon/install/target.ts";
import type { StoredWheel } from "../../daemon/store/wheel-store.ts";

const TARGET: InstallTarget = {
  root: "/env",
  scheme: { purelib: "/env/lib", platlib: "/env/lib", scripts: "/env/bin", data: "/env", headers: "/env/include" },
  interpreter: {
    executable: "/env/bin/python",
    pythonVersion: [3, 12],
    isScript: false,
    ensurepipOptions: undefined,
    maxShebang: 127,
  },
  cacheTag: "cpython-312",
  umask: 0o022,
  linkMode: "auto",
};

function wheelOf(...paths: readonly string[]): StoredWheel {
  const files = paths.map((path) => ({ path, size: 1, hash: "sha256=x", executable: false, pythonScript: false }));
  return {
    sha256: "0",
    folder: "/store/0",
    tree: "/store/0/files",
    manifest: {
      sha256: "0",
      filename: "x-1-py3-none-any.whl",
      name: "x",
      version: "1",
      build: undefined,
      tags: [],
      rootIsPurelib: true,
      distInfo: "x-1.dist-info",
      dataFolder: undefined,
      consoleScripts: [],
      guiScripts: [],
      directories: [],
      files,
      totalSize: paths.length,
      warnings: [],
    },
  };
}

function plan(...paths: readonly string[]): ReturnType<typeof planInstall> {
  const content = { scripts: new Map<string, Uint8Array>(), byteCode: undefined };
  const wheel = wheelOf(...paths);
  return planInstall({
    target: TARGET,
    removals: [],
    compile: false,
    wheels: [{ wheel, content, name: "x", requested: false, directUrl: undefined }],
  });
}

test("files go where their scheme says, and nowhere else", () => {
  const { groups, writes } = plan(
    "a.py",
    "p/b.py",
    "x-1.data/data/etc/c",
    "x-1.data/headers/h.h",
    "x-1.data/scripts/s",
    "x-1.dist-info/RECORD",
  );
  assert.deepEqual(
    groups.map(({ from, to, names }) => [from, to, ...names]),
    [
      ["/store/0/files", "/env/lib", "a.py"],
      ["/store/0/files/p", "/env/lib/p", "b.py"],
      ["/store/0/files/x-1.data/data/etc", "/env/etc", "c"],
      ["/store/0/files/x-1.data/headers", "/env/include/x", "h.h"],
      ["/store/0/files/x-1.data/scripts", "/env/bin", "s"],
    ],
  );
  assert.deepEqual(
    writes.map(({ path }) => path).sort((a, b) => (a < b ? -1 : 1)),
    ["/env/lib/x-1.dist-info/INSTALLER", "/env/lib/x-1.dist-info/RECORD"],
  );
  const outside =
    /^The wheel 'x-1-py3-none-any.whl' has a file '.*' trying to install outside the target directory '.*'$/;
  for (const path of [
    "../a.py",
    "p/../../a.py",
    "/etc/a",
    "x-1.data/scripts/../../a",
    "x-1.data/data/..",
    "p//a",
    "p/./a",
    "..",
  ]) {
    assert.throws(() => plan(path), { code: "invalid-wheel", message: outside }, path);
  }
  assert.throws(() => plan("x-1.data/other/a"), {
    code: "invalid-wheel",
    message: /Unknown scheme key used in x-1-py3-none-any.whl: other /,
  });
  assert.throws(() => plan("x-1.data/a"), {
    code: "invalid-wheel",
    message: /^Unexpected file in x-1-py3-none-any.whl/,
  });
});
