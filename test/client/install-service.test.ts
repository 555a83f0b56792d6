import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { launchAgentPlan } from "../../client/launch-agent.ts";
import { scheduledTaskPlan } from "../../client/scheduled-task.ts";
import { systemdPlan } from "../../client/systemd-units.ts";
import { runPipd } from "../harness/run-cli.ts";
import { createSandbox, type Sandbox } from "../harness/sandbox.ts";
import { unitsFolder } from "../harness/small-systemd.ts";

const ROOT = join(import.meta.dirname, "../..");
const UNITS = join(ROOT, "systemd");

/** What the units may contain: systemd.socket(5), systemd.service(5), systemd.exec(5), systemd.resource-control(5), systemd.unit(5). */
const DIRECTIVES: Readonly<Record<string, readonly string[]>> = {
  Unit: ["Description", "StartLimitIntervalSec", "StartLimitBurst"],
  Socket: "ListenStream FileDescriptorName SocketMode DirectoryMode Accept RemoveOnStop Backlog".split(" "),
  Service: [
    ..."Type Sockets ExecStart SuccessExitStatus KillMode TimeoutStopSec WorkingDirectory UMask Environment".split(" "),
    ..."NoNewPrivileges RestrictSUIDSGID RestrictRealtime LockPersonality RestrictAddressFamilies LimitNOFILE".split(
      " ",
    ),
    ..."MemoryMax OOMPolicy OOMScoreAdjust".split(" "),
  ],
  Install: ["WantedBy", "Also"],
};

/** Each line of a unit is a comment, a known section or a known setting of it. */
function checkUnit(path: string): void {
  let section = "";
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      assert.ok(Object.hasOwn(DIRECTIVES, heading), `${path}: ${line}`);
      section = heading;
    } else assert.ok(DIRECTIVES[section]?.includes(line.split("=")[0] ?? ""), `${path}: [${section}] ${line}`);
  }
}

/** systemd's own check of the units in a folder, where systemd is installed. A faulty line is told on its standard error only. */
function verify(sandbox: Sandbox, folder: string): void {
  for (const name of ["pipd.socket", "pipd.service"]) checkUnit(join(folder, name));
  if (spawnSync("systemd-analyze", ["--version"]).error !== undefined) return;
  const words = ["--user", "verify", join(folder, "pipd.socket"), join(folder, "pipd.service")];
  const { status, stderr, stdout } = spawnSync("systemd-analyze", words, { env: { ...sandbox.env }, encoding: "utf8" });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
}

/** A folder for PATH with a `systemctl` that notes how it is called. */
function recordingSystemctl(sandbox: Sandbox): { readonly folder: string; calls(): readonly string[] } {
  const folder = sandbox.makeFolder("recorder");
  const log = join(folder, "calls");
  writeFileSync(join(folder, "systemctl"), `#!/bin/sh\necho "$*" >>'${log}'\n`);
  chmodSync(join(folder, "systemctl"), 0o755);
  return { folder, calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []) };
}

const files = (folder: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted() : [];

test("R71 the units are in order, as they lie in the package and as they are installed", async () => {
  await using sandbox = createSandbox();
  verify(sandbox, UNITS);
  // systemd-analyze does tell: one wrong letter is found.
  const wrong = sandbox.makeFolder("wrong");
  cpSync(UNITS, wrong, { recursive: true });
  const text = readFileSync(join(wrong, "pipd.service"), "utf8");
  writeFileSync(join(wrong, "pipd.service"), text.replace("NoNewPrivileges", "NoNewPrivilegez"));
  assert.throws(() => verify(sandbox, wrong));
  assert.equal((await runPipd(sandbox, ["daemon", "install-service"])).code, 0);
  verify(sandbox, unitsFolder(sandbox));
});

test("R71 the service hides nothing of the file system, which would make it another daemon", () => {
  const unit = readFileSync(join(UNITS, "pipd.service"), "utf8");
  assert.doesNotMatch(
    unit,
    /^(?:Protect|Private|ReadOnly|ReadWrite|Inaccessible|BindPaths|TemporaryFileSystem|RootDirectory)/m,
  );
});

test("R71 install-service tells systemd, does nothing twice, and uninstall-service leaves nothing", async () => {
  await using sandbox = createSandbox();
  const systemctl = recordingSystemctl(sandbox);
  const env = { PATH: `${systemctl.folder}:${sandbox.env["PATH"]}` };
  const config = dirname(sandbox.config);
  const before = files(config);
  const first = await runPipd(sandbox, ["daemon", "install-service"], { env });
  assert.deepEqual([first.code, first.stderr], [0, ""]);
  assert.match(
    first.stdout,
    /written: .*pipd\.socket\nwritten: .*pipd\.service\nsystemd starts the pipd daemon from now on\n/,
  );
  assert.deepEqual(systemctl.calls(), ["--user daemon-reload", "--user enable --now pipd.socket"]);
  const installed = files(config);
  const second = await runPipd(sandbox, ["daemon", "install-service"], { env });
  assert.match(second.stdout, /^unchanged: .*\nunchanged: /);
  assert.deepEqual(files(config), installed);
  // As `systemctl enable` would have made it.
  mkdirSync(join(unitsFolder(sandbox), "sockets.target.wants"));
  cpSync(join(unitsFolder(sandbox), "pipd.socket"), join(unitsFolder(sandbox), "sockets.target.wants/pipd.socket"));
  const removal = await runPipd(sandbox, ["daemon", "uninstall-service"], { env });
  assert.deepEqual([removal.code, removal.stderr], [0, ""]);
  assert.deepEqual(files(config), before);
  assert.deepEqual(systemctl.calls().slice(4), [
    "--user disable --now pipd.socket",
    "--user stop pipd.service",
    "--user daemon-reload",
  ]);
  const again = await runPipd(sandbox, ["daemon", "uninstall-service"], { env });
  assert.deepEqual([again.code, again.stdout], [0, "systemd has no pipd daemon\n"]);
});

test("R71 without systemd's bus the units are written and a message says what to do", async () => {
  await using sandbox = createSandbox();
  const folder = sandbox.makeFolder("failing");
  writeFileSync(join(folder, "systemctl"), "#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n");
  chmodSync(join(folder, "systemctl"), 0o755);
  const env = { PATH: `${folder}:${sandbox.env["PATH"]}` };
  const { code, stderr } = await runPipd(sandbox, ["daemon", "install-service"], { env });
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^pipd: systemd was not told \(systemctl --user daemon-reload: Failed to connect to bus: No medium found\)/,
  );
  assert.match(stderr, /HINT: .* run: systemctl --user daemon-reload && systemctl --user enable --now pipd\.socket\n$/);
  assert.deepEqual(files(unitsFolder(sandbox)), ["pipd.service", "pipd.socket"]);
  assert.equal((await runPipd(sandbox, ["--version"])).code, 0, "commands go on as before");
});

test("R71 --dry-run shows the files and the commands and does nothing", async () => {
  await using sandbox = createSandbox();
  const before = files(dirname(sandbox.config));
  const { stdout, code } = await runPipd(sandbox, ["daemon", "install-service", "--dry-run"]);
  assert.equal(code, 0);
  assert.match(stdout, /^# .*\/systemd\/user\/pipd\.socket\n/);
  assert.match(stdout, new RegExp(`^ListenStream=${sandbox.runtime}/[0-9a-f]{14}/sock$`, "m"));
  assert.match(stdout, /\$ systemctl --user enable --now pipd\.socket\n$/);
  assert.equal((await runPipd(sandbox, ["daemon", "uninstall-service", "--dry-run"])).code, 0);
  assert.deepEqual(files(dirname(sandbox.config)), before);
});

/** Words that mean something to every one of the three systems. */
const DAEMON = ["/opt/node's/bin/node", '--folders={"runtime":"/a b/100%/$HOME \\"}', "<&>"] as const;
const ENVIRONMENT = { MALLOC_ARENA_MAX: "2" };

test("R71 in the units no word of the command means anything to systemd", () => {
  const units = { socket: "[Socket]\nListenStream=x\n", service: "[Service]\nEnvironment=x\nExecStart=x\n" };
  const plan = systemdPlan({ daemon: DAEMON, environment: ENVIRONMENT, configHome: "/c", socket: "/r%/sock", units });
  assert.deepEqual(
    plan.files.map(({ path, text }) => [path, text]),
    [
      ["/c/systemd/user/pipd.socket", "[Socket]\nListenStream=/r%%/sock\n"],
      [
        "/c/systemd/user/pipd.service",
        "[Service]\nEnvironment=MALLOC_ARENA_MAX=2 NODE_OPTIONS=\n" +
          `ExecStart="/opt/node's/bin/node" "--folders={\\"runtime\\":\\"/a b/100%%/$$HOME \\\\\\"}" "<&>" --socket-activation\n`,
      ],
    ],
  );
});

test("R71 launchd's agent starts the daemon at login, and is a property list", () => {
  const plan = launchAgentPlan({ daemon: DAEMON, environment: ENVIRONMENT, home: "/Users/me", uid: 501 });
  const [{ path, text }] = plan.files as readonly [(typeof plan.files)[number]];
  assert.equal(path, "/Users/me/Library/LaunchAgents/pipd.daemon.plist");
  assert.deepEqual(plan.enable, [["launchctl", "bootstrap", "gui/501", path]]);
  assert.deepEqual(plan.disable, [["launchctl", "bootout", "gui/501/pipd.daemon"]]);
  const script = "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
  assert.deepEqual(JSON.parse(execFileSync("python3", ["-c", script], { input: text, encoding: "utf8" })), {
    Label: "pipd.daemon",
    ProgramArguments: [...DAEMON],
    EnvironmentVariables: ENVIRONMENT,
    RunAtLoad: true,
    ProcessType: "Background",
    Umask: 0o077,
    WorkingDirectory: "/",
  });
});

test("R71 the task of Windows starts the daemon at logon, and is XML in UTF-16", () => {
  const facts = { daemon: DAEMON, environment: ENVIRONMENT, localAppData: "C:\\Local", user: "HOME\\me & you" };
  const plan = scheduledTaskPlan(facts);
  const [{ path, text, encoding }] = plan.files as readonly [(typeof plan.files)[number]];
  assert.deepEqual([path, encoding], ["C:\\Local\\pipd\\pipd-task.xml", "utf16le"]);
  assert.deepEqual(plan.enable, [["schtasks", "/Create", "/F", "/TN", "pipd", "/XML", path]]);
  const script = `import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps({each.tag.split("}")[1]: each.text for each in root.iter()}))`;
  const found = JSON.parse(
    execFileSync("python3", ["-c", script], { input: Buffer.from(text, "utf16le"), encoding: "utf8" }),
  ) as Record<string, string>;
  assert.equal(found["Command"], DAEMON[0]);
  assert.equal(found["Arguments"], '"--folders={\\"runtime\\":\\"/a b/100%/$HOME \\\\\\"}" <&>');
  assert.deepEqual([found["UserId"], found["RunLevel"]], ["HOME\\me & you", "LeastPrivilege"]);
});
