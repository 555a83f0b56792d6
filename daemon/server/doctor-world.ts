import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { DoctorParams } from "../../protocol/doctor.ts";
import { errorMeaning } from "../../protocol/errors.ts";
import { configurationLayers } from "../cli/configuration.ts";
import { type Call, SILENT_REPORTER } from "../std/call.ts";
import { namesIn } from "../std/read-file.ts";
import type { Look } from "./doctor-parts.ts";

/** Whether the daemon answers, and is of this build. */
export const checkDaemon: Look = ({ self, now }, { daemon, env }) => {
  const name = "daemon";
  if (daemon.state === "unreachable")
    return {
      name,
      state: "problem",
      text: `it cannot be used: ${daemon.reason}`,
      hint:
        (daemon.code === undefined ? undefined : errorMeaning(daemon.code).remedy) ??
        "Commands run without it as long as that lasts; the lines below say more. `pipd daemon stop --force` ends one that hangs.",
    };
  if (daemon.state === "stopped") {
    const off = env["PIPD_DAEMON"] || (env["CI"] ? "CI" : "");
    const why = off === "" ? "the next command starts one" : "in this shell commands run without one (CI, PIPD_DAEMON)";
    return { name, state: "ok", text: `none runs; ${why}` };
  }
  const { pid, buildId, startedAt, state } = daemon.status;
  const minutes = Math.round((now() - startedAt) / 60_000);
  const text = `pid ${pid} answers, ${state}, up ${minutes} min`;
  if (buildId === self.buildId) return { name, state: "ok", text: `${text}, build ${buildId}` };
  return {
    name,
    state: "ok",
    text: `${text}; it is of another build (${buildId}), and makes place for the next command`,
  };
};

/** The oldest Node that pipd runs on. */
const OLDEST_NODE = [22, 19] as const;

export const checkNode: Look = async ({ process, self, queries }) => {
  const name = "node";
  const [major = 0, minor = 0] = process.node.split(".").map(Number);
  const text = `Node ${process.node} on ${process.platform} ${process.arch}, pipd ${self.buildId}`;
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]))
    return { name, state: "problem", text, hint: `pipd needs Node ${OLDEST_NODE.join(".")} or newer.` };
  try {
    await queries();
  } catch (error) {
    return {
      name,
      state: "problem",
      text: `${text}: the program cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      hint: "Install pipd again; a part of it is missing or was made for another Node.",
    };
  }
  return { name, state: "ok", text };
};

/** Whether pipd's settings and pip's configuration can be read. */
export const checkConfiguration: Look = ({ settingsFault, folders }, { env }) => {
  const name = "settings";
  const path = join(folders.config, "config.toml");
  if (settingsFault !== undefined)
    return { name, state: "problem", text: settingsFault, hint: `Correct that line of ${path}.` };
  try {
    configurationLayers("install", env, undefined, false);
  } catch (error) {
    const text = error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
    return { name, state: "problem", text, hint: "Correct that file; pip does not start with it either." };
  }
  return { name, state: "ok", text: `${path} and pip's configuration can be read` };
};

/** What the running daemon knows of its hosts; nothing is asked. */
export const checkIndexes: Look = (_parts, { daemon }) => {
  const name = "indexes";
  const hosts = daemon.state === "running" ? (daemon.status.program?.hosts ?? []) : [];
  if (hosts.length === 0) return { name, state: "ok", text: "none has been asked since the daemon was started" };
  const down = hosts.filter(({ state }) => state === "down");
  if (down.length === 0)
    return {
      name,
      state: "ok",
      text: hosts.map(({ origin, requests }) => `${origin} (${requests} requests)`).join(", "),
    };
  return {
    name,
    state: "problem",
    text: down.map(({ origin, lastError }) => `${origin} is down: ${lastError?.text ?? "no answer"}`).join("; "),
    hint: "Check the network, the proxy and the index URL (pip.conf, PIP_INDEX_URL); pipd asks again by itself.",
  };
};

const INTERPRETER = /^python(?:3(?:\.\d+)?)?$/;
/** Each is started; more than these are not looked at. */
const MOST_INTERPRETERS = 6;

/** Whether a command in the caller's folder finds an interpreter that works, and which others answer. */
export const checkPython: Look = async ({ queries }, params, signal) => {
  const name = "python";
  const asked = await queries();
  const versionOf = async (python?: string): Promise<string> => {
    const request = python === undefined ? params : { ...params, python };
    return (await asked.resolveEnvironment(request, callOf(params, signal))).version;
  };
  const paths = interpretersOn(params.env["PATH"] ?? "");
  const answers = await Promise.allSettled(paths.map(versionOf));
  const found = answers.flatMap((answer, index) =>
    answer.status === "fulfilled" ? [`${paths[index]} (${answer.value})`] : [],
  );
  // Names that a version manager keeps for interpreters that are switched off are no problem.
  const left = answers.length - found.length;
  const text = `${found.join(", ") || "no interpreter on PATH works"}${left === 0 ? "" : `; ${left} more on PATH do not answer`}`;
  try {
    return { name, state: "ok", text: `commands here use Python ${await versionOf()}; there are ${text}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = "Install Python, mend or remove that environment, or name an interpreter with --python.";
    return { name, state: "problem", text: `${reason}; ${text}`, hint };
  }
};

function callOf({ cwd, env }: DoctorParams, signal: AbortSignal): Call {
  return { cwd, env, umask: 0o077, signal, reporter: SILENT_REPORTER };
}

/** One path for each interpreter, as the first name on PATH has it. */
function interpretersOn(path: string): readonly string[] {
  const known = new Map<string, string>();
  for (const folder of path.split(delimiter).filter((part) => part.startsWith("/"))) {
    for (const file of namesIn(folder)
      .filter((entry) => INTERPRETER.test(entry))
      .sort()) {
      const real = executable(join(folder, file));
      if (real !== undefined && !known.has(real)) known.set(real, join(folder, file));
    }
  }
  return [...known.values()].slice(0, MOST_INTERPRETERS);
}

/** The real path of a file that can be run. */
function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
