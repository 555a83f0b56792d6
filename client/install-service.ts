import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { EXIT } from "../protocol/errors.ts";
import { BUILD_FOLDER } from "./connection.ts";
import { launchAgentPlan } from "./launch-agent.ts";
import type { Output } from "./output.ts";
import { findPlaces } from "./places.ts";
import { scheduledTaskPlan } from "./scheduled-task.ts";
import type { Command, ServiceFile, ServicePlan } from "./service-plan.ts";
import { daemonCommand, daemonVariables } from "./start-daemon.ts";
import { systemdPlan } from "./systemd-units.ts";

/** The plan for the system that this runs on. Throws UnsafePlace and the like where there is no place for a socket. */
function currentPlan(): ServicePlan {
  const { env } = process;
  const { folders, paths } = findPlaces();
  const [flags, environment] = [daemonCommand(BUILD_FOLDER, folders, []), daemonVariables(BUILD_FOLDER)];
  const daemon: Command = [process.execPath, ...flags];
  if (process.platform === "darwin")
    return launchAgentPlan({ daemon, environment, home: env["HOME"] ?? "", uid: process.getuid!() });
  if (process.platform === "win32")
    return scheduledTaskPlan({
      daemon,
      environment,
      localAppData: env["LOCALAPPDATA"] ?? "",
      user: `${env["USERDOMAIN"]}\\${env["USERNAME"]}`,
    });
  const unit = (name: string): string => readFileSync(`${dirname(BUILD_FOLDER)}/systemd/${name}`, "utf8");
  return systemdPlan({
    daemon,
    environment,
    configHome: dirname(folders.config),
    socket: paths.socket,
    units: { socket: unit("pipd.socket"), service: unit("pipd.service") },
  });
}

/** `pipd daemon install-service`: lets the system start the daemon. Doing it again changes nothing. Gives the exit status. */
export async function installService(options: readonly string[], output: Output): Promise<number> {
  const plan = currentPlan();
  if (options.includes("--dry-run")) {
    for (const { path, text } of plan.files) output.write(1, `# ${path}\n${text}\n`);
    output.write(1, plan.enable.map((command) => `$ ${command.join(" ")}\n`).join(""));
    return EXIT.ok;
  }
  for (const file of plan.files) output.write(1, `${place(file) ? "written" : "unchanged"}: ${file.path}\n`);
  for (const command of plan.enable) {
    const fault = run(command);
    if (fault === undefined) continue;
    const all = plan.enable.map((each) => each.join(" ")).join(" && ");
    output.write(
      2,
      `pipd: ${plan.host} was not told (${command.join(" ")}: ${fault}). The daemon starts with the first command, as before.\nHINT: In a session with ${plan.host}, run: ${all}\n`,
    );
    return EXIT.ok;
  }
  output.write(1, `${plan.host} starts the pipd daemon from now on\n`);
  return EXIT.ok;
}

/** `pipd daemon uninstall-service`: takes away all that `install-service` may have made. Gives the exit status. */
export async function uninstallService(options: readonly string[], output: Output): Promise<number> {
  const plan = currentPlan();
  const present = [...plan.files.map(({ path }) => path), ...plan.links].filter(isThere);
  if (options.includes("--dry-run")) {
    output.write(1, plan.disable.map((command) => `$ ${command.join(" ")}\n`).join(""));
    output.write(1, present.map((path) => `would remove ${path}\n`).join(""));
    return EXIT.ok;
  }
  if (present.length === 0) {
    output.write(1, `${plan.host} has no pipd daemon\n`);
    return EXIT.ok;
  }
  for (const command of plan.disable) run(command);
  for (const path of present) {
    rmSync(path, { force: true });
    output.write(1, `removed: ${path}\n`);
  }
  for (const folder of plan.folders) removeIfEmpty(folder);
  for (const command of plan.forget) run(command);
  return EXIT.ok;
}

/** Writes a file unless it is there with this content already; never half of it. */
function place({ path, text, encoding }: ServiceFile): boolean {
  const bytes = Buffer.from(text, encoding);
  if (isThere(path) && readFileSync(path).equals(bytes)) return false;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, bytes, { mode: 0o644 });
  renameSync(`${path}.new`, path);
  return true;
}

/** What went wrong, or undefined. */
function run([program, ...args]: Command): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 30_000,
  });
  if (error !== undefined)
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such program" : error.message;
  return status === 0 ? undefined : stderr.trim().split("\n").at(-1) || `exit status ${status}`;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Others have something there, or it is not there.
  }
}
