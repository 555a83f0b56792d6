/** What pip says about scripts and refuses of them; their text is compared with pip's in twin.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { consoleScripts, rewriteScript, scriptsNotOnPathWarning } from "../../daemon/install/scripts.ts";
import type { ManifestEntryPoint } from "../../daemon/store/wheel-manifest.ts";

const INTERPRETER = {
  executable: "/env/bin/python",
  pythonVersion: [3, 12],
  isScript: false,
  ensurepipOptions: undefined,
  maxShebang: 127,
} as const;
const entry = (name: string, module = "m", attrs = "f"): ManifestEntryPoint => {
  const value = attrs === "" ? module : `${module}:${attrs}`;
  return { group: "console_scripts", name, value, module, attrs, extras: [] };
};

test("versioned names of pip and easy_install", () => {
  const names = (ensurepipOptions: string | undefined, ...entries: readonly string[]): string[] =>
    consoleScripts(
      entries.map((name) => entry(name)),
      { ...INTERPRETER, ensurepipOptions },
      "/env/bin",
    ).map(({ name }) => name);
  const all = ["other", "pip", "pip3", "pip3.7", "pip2", "pip-tool", "easy_install", "easy_install-3.7"];
  assert.deepEqual(names(undefined, ...all), [
    "pip",
    "pip3",
    "pip3.12",
    "easy_install",
    "easy_install-3.12",
    "other",
    "pip-tool",
  ]);
  assert.deepEqual(names("install", ...all), ["pip3", "pip3.12", "easy_install-3.12", "other", "pip-tool"]);
  assert.deepEqual(names("altinstall", ...all), ["pip3.12", "easy_install-3.12", "other", "pip-tool"]);
  assert.deepEqual(names(undefined, "pip3", "pip2"), ["pip3", "pip2"]);
});

test("entry points without a callable, or with a name outside the folder", () => {
  for (const [broken, message] of [
    [entry("x", "m", ""), /Invalid script entry point: <ExportEntry x = m:None \[\]> - A callable suffix is required/],
    [
      entry("../x"),
      /Invalid script entry point name '..\/x': the script would be installed outside the scripts directory \(\/env\/bin\)/,
    ],
    [entry("/etc/x"), /outside the scripts directory/],
    [entry(".."), /outside the scripts directory/],
  ] as const) {
    assert.throws(() => consoleScripts([broken], INTERPRETER, "/env/bin"), { code: "invalid-entry-point", message });
  }
});

test("the first line of a script goes whole", () => {
  const rewritten = (text: string): string =>
    Buffer.from(rewriteScript(Buffer.from(text), "/env/bin/python")).toString();
  assert.equal(rewritten("#!python -u\nbody\n"), "#!/env/bin/python\nbody\n");
  assert.equal(rewritten("#!pythonw\r\nbody"), "#!/env/bin/python\nbody");
  assert.equal(rewritten("#!python"), "#!/env/bin/python\n");
});

test("the warning about PATH", () => {
  const warn = (path: string | undefined, ...scripts: readonly string[]): string | undefined =>
    scriptsNotOnPathWarning(scripts, {
      executable: "/env/bin/python",
      path,
      realPath: (p) => p.replace(/^\/alias/, "/real"),
    });
  assert.equal(warn("/usr/bin"), undefined);
  assert.equal(warn("/usr/bin", "/env/bin/x"), undefined, "beside the interpreter");
  assert.equal(warn("/usr/bin:/real/bin", "/alias/bin/x"), undefined);
  assert.equal(warn("/usr/bin:/alias/bin", "/real/bin/x"), undefined);
  const advice = (these: string): string =>
    `Consider adding ${these} to PATH or, if you prefer to suppress this warning, use --no-warn-script-location.`;
  assert.equal(
    warn("/usr/bin", "/a/x"),
    `The script x is installed in '/a' which is not on PATH.\n${advice("this directory")}`,
  );
  assert.equal(
    warn("~/bin", "/a/z", "/a/x", "/a/y", "/b/w"),
    "The scripts x, y and z are installed in '/a' which is not on PATH.\nThe script w is installed in '/b' which is not on PATH.\n" +
      `${advice("these directories")}\nNOTE: The current PATH contains path(s) starting with \`~\`, which may not be expanded by all applications.`,
  );
});
