import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { findCommand } from "../../daemon/cli/command-table.ts";
import { configurationLayers } from "../../daemon/cli/configuration.ts";
import { type ParsedOptions, parseCommandLine, UsageError } from "../../daemon/cli/parse.ts";
import { formatControlOf } from "../../daemon/standards/format-control.ts";

const home = mkdtempSync(join(tmpdir(), "pipd-parse-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** pip's own parser answers all cases in one process. */
function askPip(cases: readonly Case[]): readonly PipAnswer[] {
  const wheels = join(import.meta.dirname, "../../../shared/wheels");
  let pip: string | undefined;
  try {
    pip = readdirSync(wheels).find((name) => /^pip-.*\.whl$/.test(name));
  } catch {
    pip = undefined;
  }
  const args = [join(import.meta.dirname, "pip-parse.py"), ...(pip === undefined ? [] : [join(wheels, pip)])];
  const input = cases
    .map((one) => JSON.stringify({ command: one.command, args: one.args, env: environmentOf(one) }))
    .join("\n");
  const output = execFileSync("python3", args, { input, encoding: "utf8" });
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as PipAnswer);
}

interface Case {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Path below the home folder -> content. */
  readonly files?: Readonly<Record<string, string>>;
}

interface PipAnswer {
  readonly values?: Readonly<Record<string, unknown>>;
  readonly args?: readonly string[];
  readonly exit?: number;
  readonly message?: readonly string[];
}

let folders = 0;
const homes = new Map<Case, string>();

function environmentOf(one: Case): Record<string, string> {
  let folder = homes.get(one);
  if (folder === undefined) {
    folder = join(home, String(folders++));
    homes.set(one, folder);
    for (const [path, content] of Object.entries(one.files ?? {})) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
  }
  const at = folder;
  const env = Object.fromEntries(
    Object.entries(one.env ?? {}).map(([name, value]) => [name, value.replaceAll("{home}", at)]),
  );
  return {
    PATH: "/usr/bin:/bin",
    HOME: at,
    XDG_CONFIG_HOME: join(at, ".config"),
    XDG_CONFIG_DIRS: join(at, "etc"),
    ...env,
  };
}

function parse(one: Case): ParsedOptions | UsageError {
  const spec = findCommand(one.command)!;
  try {
    return parseCommandLine(
      spec,
      one.args,
      configurationLayers(one.command, environmentOf(one), undefined, one.args.includes("--isolated")),
    );
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

const USER = ".config/pip/pip.conf";
const CASES: readonly Case[] = [
  { command: "install", args: ["six"] },
  { command: "install", args: ["-rreq.txt", "-r", "b.txt", "--requirement=c.txt", "six"] },
  { command: "install", args: ["-vvv", "-q", "a"] },
  { command: "install", args: ["-Uvq", "a"] },
  { command: "install", args: ["-UI", "--upgrade-strategy", "eager", "a"] },
  { command: "install", args: ["a", "--upgr", "b"] },
  { command: "install", args: ["--index", "http://x/simple", "a"] },
  { command: "install", args: ["--upgrade", "--", "-notanoption", "b"] },
  { command: "install", args: ["--find-links=x=y", "-fz", "-f", "q", "a"] },
  {
    command: "install",
    args: ["--no-binary", "a,b", "--only-binary", "b", "--no-binary=:none:", "--only-binary", ":all:", "z"],
  },
  { command: "install", args: ["--no-compile", "a"] },
  { command: "install", args: ["--no-compile", "--compile", "a"] },
  { command: "install", args: ["--timeout", "2.5", "--retries", "7", "a"] },
  { command: "install", args: ["a"], env: { PIP_NO_COMPILE: "1" } },
  { command: "install", args: ["a"], env: { PIP_NO_COMPILE: "0" } },
  { command: "install", args: ["a"], env: { PIP_NO_WARN_SCRIPT_LOCATION: "yes", PIP_NO_USER: "off" } },
  {
    command: "install",
    args: ["a"],
    env: { PIP_INDEX_URL: "http://env/simple" },
    files: { [USER]: "[global]\nindex-url = http://file/simple\n" },
  },
  {
    command: "install",
    args: ["a"],
    env: { PIP_INDEX_URL: "" },
    files: { [USER]: "[global]\nindex-url = http://file/simple\n" },
  },
  { command: "install", args: ["-i", "http://cli/simple", "a"], env: { PIP_INDEX_URL: "http://env/simple" } },
  { command: "install", args: ["a"], env: { PIP_PYPI_URL: "http://env/simple", PIP_DEFAULT_TIMEOUT: "3" } },
  {
    command: "install",
    args: ["--extra-index-url", "c"],
    env: { PIP_EXTRA_INDEX_URL: "e f" },
    files: { [USER]: "[global]\nextra-index-url = g\n  h\n" },
  },
  {
    command: "install",
    args: ["a"],
    files: { [USER]: "[global]\nextra-index-url =\n  http://one/simple\n  http://two/simple\nfind-links = x y\n" },
  },
  {
    command: "install",
    args: ["--only-binary", "foo", "a"],
    env: { PIP_NO_BINARY: "baz" },
    files: { [USER]: "[global]\nno-binary = foo,bar\n" },
  },
  {
    command: "install",
    args: ["a"],
    files: {
      [USER]: "[install]\nindex-url = http://user-install/simple\n[global]\nindex-url = http://user-global/simple\n",
    },
  },
  {
    command: "install",
    args: ["a"],
    files: {
      [USER]: "[install]\nindex-url = http://user-install/simple\n",
      "other.conf": "[global]\nindex-url = http://explicit/simple\n",
      "etc/pip/pip.conf": "[install]\nindex-url = http://global-install/simple\n",
    },
    env: { PIP_CONFIG_FILE: "{home}/other.conf" },
  },
  {
    command: "install",
    args: ["a"],
    files: { [USER]: "[global]\nindex-url = http://user/simple\n" },
    env: { PIP_CONFIG_FILE: "/dev/null" },
  },
  {
    command: "install",
    args: ["--isolated", "a"],
    files: { [USER]: "[global]\nindex-url = http://user/simple\n", "etc/pip/pip.conf": "[global]\ntimeout = 4\n" },
    env: { PIP_PRE: "1" },
  },
  {
    command: "install",
    args: ["a"],
    env: { PIP_ISOLATED: "1", PIP_PRE: "1" },
    files: { [USER]: "[global]\nindex-url = http://user/simple\n" },
  },
  { command: "install", args: ["-v", "a"], env: { PIP_VERBOSE: "2" } },
  { command: "install", args: ["-v", "a"], env: { PIP_VERBOSE: "true", PIP_QUIET: "no" } },
  { command: "install", args: ["a"], env: { PIP_PRE: "maybe" } },
  { command: "install", args: ["a"], env: { PIP_VERBOSE: "-1" } },
  { command: "install", args: ["a"], env: { PIP_UPGRADE_STRATEGY: "sometimes" } },
  { command: "install", args: ["a"], env: { PIP_TIMEOUT: "soon" } },
  { command: "install", args: ["a"], env: { PIP_UNKNOWN_THING: "1", PIP_VERSION: "1", PIP_HELP: "1" } },
  { command: "install", args: ["--upgrade-strategy", "sometimes", "a"] },
  { command: "install", args: ["--retries", "x", "a"] },
  { command: "install", args: ["--bogus", "a"] },
  { command: "install", args: ["-Z", "a"] },
  { command: "install", args: ["--no-", "a"] },
  { command: "install", args: ["a", "-r"] },
  { command: "install", args: ["a", "--index-url"] },
  { command: "install", args: ["--upgrade=yes", "a"] },
  { command: "install", args: ["a"], env: { PIP_NO_DEPS: "true", PIP_TARGET: "~/x", PIP_PREFIX: "p" } },
  { command: "list", args: ["--format", "json", "--exclude", "a", "--exclude=b", "-l"] },
  { command: "list", args: ["--format=xml"] },
  { command: "list", args: [], files: { [USER]: "[list]\nformat = freeze\n" } },
  { command: "list", args: [], env: { PIP_FORMAT: "columns", PIP_EXCLUDE_EDITABLE: "1" } },
  { command: "freeze", args: ["--all", "--path", "x", "--path", "y", "--local"] },
  { command: "uninstall", args: ["-y", "a", "-r", "b"] },
  { command: "show", args: ["-f", "-v", "a", "b"] },
  { command: "show", args: [], env: { PIP_REQUIRE_VIRTUALENV: "0", PIP_TRUSTED_HOST: "a b:80" } },
  { command: "check", args: ["-q"] },
  { command: "cache", args: ["list", "--format=abspath", "six*"] },
];

/** pipd's `dest` -> pip's, where camel case is not all the difference. */
const PIP_DEST: Readonly<Record<string, string>> = {
  targetDir: "target_dir",
  noDeps: "ignore_dependencies",
  noRequireVirtualenv: "require_venv",
  requireVirtualenv: "require_venv",
  report: "json_report_file",
  paths: "path",
  breakSystemPackages: "override_externally_managed",
  debug: "debug_mode",
  isolated: "isolated_mode",
  warnConflicts: "warn_about_conflicts",
  useFeature: "features_enabled",
};

const toPip = (dest: string): string =>
  PIP_DEST[dest] ?? dest.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** What pip gives to options that nobody set; ours are then absent. */
function isDefault(value: unknown): boolean {
  return value === null || value === false || value === 0 || (Array.isArray(value) && value.length === 0);
}

/** To pip, true from a file or variable is the number 1. */
function plainNumber(value: unknown): unknown {
  return typeof value === "boolean" ? Number(value) : value;
}

const answers = askPip(CASES);

const askedDefaults = new Map<string, Readonly<Record<string, unknown>>>();
{
  const commands = [...new Set(CASES.map(({ command }) => command))];
  const plain = askPip(commands.map((command) => ({ command, args: [] })));
  for (const [index, command] of commands.entries()) askedDefaults.set(command, plain[index]?.values ?? {});
}

for (const [index, one] of CASES.entries()) {
  test(`${one.command} ${one.args.join(" ")} ${JSON.stringify({ ...one.env, ...one.files })} is read as pip reads it`, () => {
    const pip = answers[index]!;
    const ours = parse(one);
    if (pip.exit !== undefined) {
      assert.ok(ours instanceof UsageError, `pip refuses it: ${pip.message?.join(" ")}`);
      assert.equal(ours.exitCode, pip.exit);
      return;
    }
    assert.ok(!(ours instanceof UsageError), "pip takes it");
    assert.deepEqual(ours.args, pip.args);
    const control = formatControlOf(ours.ordered.filter(({ option }) => /binary/.test(option)));
    const values: Record<string, unknown> = Object.fromEntries(
      Object.entries(ours.values).map(([dest, value]) => [toPip(dest), value]),
    );
    if (pip.values?.["no_binary"] !== undefined) {
      values["no_binary"] = [...control.noBinary].toSorted();
      values["only_binary"] = [...control.onlyBinary].toSorted();
    }
    const defaults = askedDefaults.get(one.command)!;
    const compared: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [dest, value] of Object.entries(pip.values ?? {})) {
      const isUntouched = JSON.stringify(value) === JSON.stringify(defaults[dest]) && values[dest] === undefined;
      if (isUntouched || (isDefault(value) && isDefault(values[dest] ?? null))) continue;
      if (dest === "cache_dir" && String(value).endsWith("/.cache/pip")) continue;
      expected[dest] = plainNumber(value);
      compared[dest] = plainNumber(values[dest]);
    }
    assert.deepEqual(compared, expected);
    for (const dest of Object.keys(values)) assert.ok(dest in (pip.values ?? {}), `pip knows ${dest}`);
  });
}
