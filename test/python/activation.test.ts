import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, describe, test } from "node:test";
import { replaceTree } from "../../daemon/install/replace-tree.ts";
import { isExecutable } from "../../daemon/python/find-python.ts";
import { createInterpreters } from "../../daemon/python/interpreter.ts";
import { createVenv } from "../../daemon/python/venv.ts";
import { callIn, NEWEST, PLAIN_ENVIRONMENT, runPython } from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-activation-")));
after(() => rmSync(folder, { recursive: true, force: true }));
const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });

/** How a shell is started without the user's files, and how it says things. `$SCRIPT`, `$OTHER` and `$OUT` are in its environment. */
interface Shell {
  readonly argv: readonly string[];
  /** Lines before all others. */
  readonly first?: readonly string[];
  readonly script: string;
  source(variable: string): string;
  /** Writes the environment of the shell to a file of $OUT. */
  dump(name: string): string;
}

const POSIX = {
  script: "activate",
  source: (variable: string) => `. "$${variable}"`,
  dump: (name: string) => `env -0 > "$OUT/${name}"`,
};

const SHELLS: Readonly<Record<string, Shell>> = {
  sh: { ...POSIX, argv: ["sh", "-i"] },
  bash: { ...POSIX, argv: ["bash", "--norc", "--noprofile", "-i"] },
  "bash -u": { ...POSIX, argv: ["bash", "--norc", "--noprofile", "-i"], first: ["set -u"] },
  "bash --posix": { ...POSIX, argv: ["bash", "--norc", "--noprofile", "--posix", "-i"] },
  dash: { ...POSIX, argv: ["dash", "-i"] },
  zsh: { ...POSIX, argv: ["zsh", "-f", "-i"], first: ["PS1='zsh> '"] },
  "zsh with prompt_subst": {
    ...POSIX,
    argv: ["zsh", "-f", "-i"],
    first: ["setopt prompt_subst prompt_bang no_unset", "PS1='zsh> '"],
  },
  ksh: { ...POSIX, argv: ["ksh", "-i"] },
  fish: {
    argv: ["fish", "--no-config", "-i"],
    script: "activate.fish",
    source: (variable) => `source "$${variable}"`,
    dump: (name) => `env -0 > $OUT/${name}`,
  },
  tcsh: {
    argv: ["tcsh", "-f", "-i"],
    first: ["set prompt = 'tcsh> '"],
    script: "activate.csh",
    source: (variable) => `source "$${variable}:q"`,
    dump: (name) => `env -0 > "$OUT:q/${name}"`,
  },
};

/** Types lines into a program on a terminal of its own, each when the line before has written its file; gives what the screen got. */
const TERMINAL = `
import json, os, pty, select, sys, time
argv, lines, out = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.execvp(argv[0], argv)
screen = b""
def read(seconds):
    global screen
    ready, _, _ = select.select([terminal], [], [], seconds)
    if ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        screen += data
        if b"\\x1b[c" in data or b"\\x1b[0c" in data:
            os.write(terminal, b"\\x1b[?6c")
        return data
    return None
for text, file in lines:
    os.write(terminal, text.encode() + b"\\r")
    deadline = time.monotonic() + 20
    while file and not os.path.exists(os.path.join(out, file)) and time.monotonic() < deadline:
        read(0.01)
    if file and not os.path.exists(os.path.join(out, file)):
        break
os.write(terminal, b"exit\\r")
deadline = time.monotonic() + 5
while time.monotonic() < deadline and read(0.2) != b"":
    pass
os.kill(child, 9)
sys.stdout.buffer.write(screen)
`;

const SENTINEL_HOME = "/python-home-of-before";

async function makeEnvironment(root: string): Promise<void> {
  const call = callIn(folder);
  await createVenv({ path: root, facts: await interpreters.facts(NEWEST.executable, call) }, call, replaceTree);
}

interface Session {
  readonly screen: string;
  environment(name: string): ReadonlyMap<string, string>;
  text(name: string): string;
}

let sessions = 0;
function runShell(
  shell: Shell,
  root: string,
  other: string,
  lines: readonly (readonly [text: string, file: string])[],
): Session {
  sessions += 1;
  const out = join(folder, `out-${sessions}`);
  mkdirSync(out);
  const first = (shell.first ?? []).map((text) => [text, ""] as const);
  const env = {
    ...PLAIN_ENVIRONMENT,
    HOME: out,
    TERM: "dumb",
    LC_ALL: "C.UTF-8",
    PYTHONHOME: SENTINEL_HOME,
    SCRIPT: join(root, "bin", shell.script),
    OTHER: join(other, "bin", shell.script),
    OUT: out,
  };
  // The driver is Python too: PYTHONHOME is for the shell alone.
  const program = `import os; os.environ["PYTHONHOME"] = ${JSON.stringify(SENTINEL_HOME)}\n${TERMINAL}`;
  const { PYTHONHOME: _, ...driverEnvironment } = env;
  const screen = execFileSync(
    NEWEST.executable,
    ["-c", program, JSON.stringify([shell.argv, [...first, ...lines], out])],
    { env: driverEnvironment, encoding: "utf8", cwd: folder },
  );
  const text = (name: string): string => readFileSync(join(out, name), "utf8");
  return {
    screen,
    text,
    environment: (name) =>
      new Map(
        text(name)
          .split("\0")
          .filter((line) => line !== "")
          .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      ),
  };
}

function seen(environment: ReadonlyMap<string, string>): unknown {
  return ["PATH", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME"].map((name) => environment.get(name));
}

const NAMES: readonly (readonly [name: string, shown: string])[] = [
  ["env", "(env) "],
  ['it\'s a $HOME `id` "x" 50% b!g;&{}*\\n', ""],
];

describe("activation on a terminal", () => {
  for (const [name, shell] of Object.entries(SHELLS)) {
    const [program = ""] = shell.argv;
    const isHere = (process.env["PATH"] ?? "").split(delimiter).some((place) => isExecutable(join(place, program)));
    if (!isHere) {
      test(`${name}: not present on this machine`, () => {});
      continue;
    }
    for (const [at, [environmentName, shown]] of NAMES.entries()) {
      test(`${name}: an environment called ${environmentName}`, async () => {
        const root = join(folder, name.replaceAll(" ", "_"), environmentName);
        await makeEnvironment(root);
        const other = join(folder, "stdlib");
        if (at === 0) {
          runPython(NEWEST.executable, ["-m", "venv", "--without-pip", other]);
        }
        const step = (text: string, file: string): readonly [string, string] => [`${text}; ${shell.dump(file)}`, file];
        const program = "import sys; sys.stdout.buffer.write(sys.prefix.encode())";
        const session = runShell(shell, root, other, [
          [shell.dump("before"), "before"],
          step(shell.source("SCRIPT"), "active"),
          step(
            `python -c '${program}' > ${shell.script === "activate.csh" ? '"$OUT:q/prefix"' : '"$OUT"/prefix'}`,
            "ran",
          ),
          step(shell.source("SCRIPT"), "again"),
          step("deactivate", "after"),
          step(shell.source("OTHER"), "other"),
          step(shell.source("SCRIPT"), "ours"),
          step(shell.source("OTHER"), "theirs"),
          step("deactivate", "end"),
        ]);
        const before = session.environment("before");
        const path = before.get("PATH");
        const active = [`${root}/bin:${path}`, root, environmentName, undefined];
        assert.deepEqual(seen(session.environment("active")), active, session.screen);
        assert.equal(session.text("prefix"), root);
        assert.deepEqual(seen(session.environment("again")), active);
        assert.deepEqual(seen(session.environment("after")), [path, undefined, undefined, SENTINEL_HOME]);
        assert.equal(session.environment("other").get("PATH"), `${other}/bin:${path}`);
        assert.deepEqual(seen(session.environment("ours")), active);
        // The last to be active was the stdlib's, whose csh script forgets PYTHONHOME.
        const home = shell.script === "activate.csh" ? undefined : SENTINEL_HOME;
        assert.deepEqual(seen(session.environment("end")), [path, undefined, undefined, home]);
        assert.ok(session.screen.includes(shown), session.screen);
        assert.doesNotMatch(
          session.screen,
          /uid=|not found|unbound|parameter not set|Undefined variable|Unknown command|rror:/i,
        );
      });
    }
  }

  test("VIRTUAL_ENV_DISABLE_PROMPT leaves the prompt alone", async () => {
    const root = join(folder, "quiet");
    await makeEnvironment(root);
    const shell = { ...(SHELLS["bash"] ?? assert.fail()), first: ["export VIRTUAL_ENV_DISABLE_PROMPT=1"] };
    const session = runShell(shell, root, root, [
      [`${shell.source("SCRIPT")}; ${shell.dump("active")}`, "active"],
      ['echo done > "$OUT/done"', "done"],
    ]);
    assert.equal(session.environment("active").get("VIRTUAL_ENV_PROMPT"), "quiet");
    assert.ok(!session.screen.includes("(quiet)"), session.screen);
  });
});

describe("activation scripts of shells that are rarely here", () => {
  test("a name is quoted for PowerShell and cmd.exe", async () => {
    const root = join(folder, "it's ‘50%’ $x");
    await makeEnvironment(root);
    const bin = join(root, "bin");
    const powershell = readFileSync(join(bin, "Activate.ps1"), "utf8");
    assert.ok(
      powershell.includes(
        `$Env:VIRTUAL_ENV = '${root.replaceAll("'", "''").replaceAll("‘", "‘‘").replaceAll("’", "’’")}'\n`,
      ),
    );
    const batch = readFileSync(join(bin, "activate.bat"), "utf8");
    assert.ok(batch.includes(`set "VIRTUAL_ENV=${root.replaceAll("%", "%%")}"\r\n`));
    assert.ok(batch.includes('"PROMPT=(it\'s ‘50%%’ _x) %PROMPT%"'));
    assert.doesNotMatch(powershell + batch, /\{\{/);
  });

  test("no script is left with a place to fill", async () => {
    const root = join(folder, "{{PROMPT}}");
    await makeEnvironment(root);
    writeFileSync(join(folder, "program.sh"), `. "$1"; printf %s "$VIRTUAL_ENV"`);
    assert.equal(
      execFileSync("sh", [join(folder, "program.sh"), join(root, "bin", "activate")], { encoding: "utf8" }),
      root,
    );
  });
});
