import { servedWheels } from "../harness/twins.ts";
import type { WheelSpec } from "../harness/wheel-maker.ts";

const APP: WheelSpec = {
  name: "app",
  version: "2.0",
  requires: ["lib>=1", 'odd; python_version < "3"', 'extra-lib; extra == "more"'],
  extras: ["more"],
  files: {
    "app/__init__.py": "import lib\n",
    "app/cli.py": "def main():\n    print('app runs')\n",
    "app/data.txt": "data\n",
  },
  entryPoints: { console_scripts: { "app-run": "app.cli:main" } },
  data: {
    scripts: {
      "app-script": { content: "#!python\nprint('script runs')\n", mode: 0o755 },
      "app-shell": { content: "#!/bin/sh\necho shell runs\n", mode: 0o755 },
    },
    data: { "share/app/readme": "read me\n" },
    headers: { "app.h": "int x;\n" },
  },
};

/** The index that the commands are about. */
export const INDEX = await servedWheels([
  { ...APP, version: "1.0", requires: ["lib<2"] },
  APP,
  { name: "lib", version: "1.0" },
  { name: "lib", version: "1.5" },
  { name: "lib", version: "2.0" },
  { name: "lib", version: "3.0b1" },
  { name: "extra-lib", version: "0.1" },
  { name: "Mixed.Case_Name", version: "1.0", files: { "mixed.py": "x = 1\n" } },
  { name: "onlypre", version: "1.0b2" },
  { name: "yanked", version: "1.0" },
  { name: "yanked", version: "2.0", yanked: "broken" },
  { name: "newpython", version: "1.0" },
  { name: "newpython", version: "2.0", requiresPython: ">=4" },
  { name: "needs-old", version: "1.0", requires: ["lib<2"] },
  { name: "needs-new", version: "1.0", requires: ["lib>=2"] },
  { name: "platform-bound", version: "1.0", tag: "cp27-cp27m-win32" },
]);

/** Commands that follow each other in one environment, by what they are about: compared with pip, and with the daemon against without. */
export const SCENARIOS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "a package with dependencies, scripts and data": [
    ["install", "app"],
    ["list"],
    ["check"],
    ["show", "app"],
    ["freeze"],
    ["install", "app"],
    ["uninstall", "-y", "app"],
    ["uninstall", "-y", "lib", "nothing"],
    ["list"],
  ],
  "extras, markers and case": [
    ["install", "app[more]", "mixed-case.name"],
    ["list", "--format", "json"],
    ["list", "--not-required"],
    ["freeze", "--exclude", "lib"],
    ["show", "-f", "Mixed_Case.Name"],
  ],
  "specifiers and an upgrade": [
    ["install", "lib==1.0"],
    ["install", "-U", "lib"],
  ],
  "no dependencies, then a broken environment": [["install", "--no-deps", "app"], ["check"], ["install", "app"]],
  "Requires-Python": [["install", "newpython"]],
  "what cannot be": [
    ["install", "lib==999"],
    ["install", "no-such-project"],
    ["install", "needs-old", "needs-new"],
    ["install", "platform-bound"],
  ],
};

/** More of the same, for the long comparisons. */
export const LONG_SCENARIOS: typeof SCENARIOS = {
  "specifiers beside what is installed": [
    ["install", "lib==1.0"],
    ["install", "lib"],
    ["install", "-U", "lib"],
    ["install", "lib<2"],
    ["install", "-U", "--pre", "lib"],
  ],
  "pre-releases and yanked versions": [
    ["install", "onlypre", "yanked"],
    ["install", "yanked==2.0"],
    ["install", "lib>=3.0b1"],
  ],
  "upgrade strategies": [
    ["install", "lib==1.0", "app"],
    ["install", "-U", "app"],
    ["install", "-U", "--upgrade-strategy", "eager", "app"],
  ],
  "force and ignore": [
    ["install", "lib==1.5"],
    ["install", "--force-reinstall", "lib"],
    ["install", "-I", "lib==2.0"],
  ],
  "a dry run": [["install", "--dry-run", "app", "mixed-case-name", "extra_lib"], ["list"]],
  "what else cannot be": [
    ["install", "newpython>=2"],
    ["show", "nothing"],
    ["install", "lib=1"],
    ["install"],
    ["uninstall", "-y"],
    ["show"],
    ["bogus"],
    ["install", "--bogus", "lib"],
  ],
};

/** Further commands, which pip has in another form or not at all. */
export const MORE_SCENARIOS: Readonly<
  Record<string, readonly (readonly string[] | { readonly args: readonly string[]; readonly stdin: string })[]>
> = {
  "words about the program": [
    ["--version"],
    [],
    ["help"],
    ...["install", "uninstall", "list", "freeze", "show", "check", "tree", "cache", "venv", "daemon"].map((name) => [
      "help",
      name,
    ]),
    ["help", "nothing"],
    ["list", "--help"],
    ["--help"],
  ],
  "questions and answers": [
    ["install", "app"],
    { args: ["uninstall", "app"], stdin: "what\nn\n" },
    { args: ["uninstall", "app"], stdin: "" },
    { args: ["uninstall", "app", "lib"], stdin: "y\n\n" },
    ["freeze"],
  ],
  "verbosity, reports and logs": [
    ["-v", "install", "--report", "{work}/report.json", "lib"],
    ["-q", "install", "app"],
    ["-qqq", "install", "lib==999"],
    ["install", "--dry-run", "--report", "-", "app[more]"],
    ["--no-color", "list", "--format", "columns"],
    ["list", "--format", "freeze"],
    ["list", "--outdated"],
  ],
  trees: [
    ["install", "app[more]", "needs-old", "mixed-case.name"],
    ["tree"],
    ["tree", "--invert", "--show-version-specifiers", "--no-dedupe"],
    ["tree", "--depth", "1", "--package", "app", "--prune", "lib"],
    ["tree", "--show-sizes"],
  ],
  "other places": [
    ["install", "--target", "{work}/target", "app"],
    ["install", "--target", "{work}/target", "lib==1.0"],
    ["install", "-U", "--target", "target", "lib==1.0"],
    ["list", "--path", "target"],
    ["install", "--prefix", "prefix", "app"],
    ["install", "--root", "root", "lib"],
    ["venv", "made"],
    ["venv", "made"],
  ],
  "files of requirements": [
    ["install", "-r", "all.txt"],
    ["install", "-r", "missing.txt"],
    ["install", "-r", "loop.txt"],
    ["install", "-r", "odd.txt"],
    ["uninstall", "-y", "-r", "all.txt"],
    ["cache", "list"],
    ["cache", "remove", "lib"],
    ["cache", "nonsense"],
  ],
  "indexes that do not answer": [
    ["install", "-i", "http://127.0.0.1:9/simple", "app"],
    // Another port: a daemon remembers for a while that nobody was there, and says so.
    ["install", "--extra-index-url", "http://127.0.0.1:7/simple", "app"],
    ["install", "--no-index", "lib"],
    ["install", "--no-cache-dir", "onlypre"],
  ],
};

/** The files that these commands read. */
export const REQUIREMENT_FILES: Readonly<Record<string, string>> = {
  "all.txt": "# all\n-c limits.txt\napp[more]\nmixed.case-name\n",
  "limits.txt": "lib<2\n",
  "loop.txt": "-r loop.txt\n",
  "odd.txt": "lib==1.0\nlib = 1\n",
};
