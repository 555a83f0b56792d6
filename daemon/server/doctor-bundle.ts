import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { crashFolder } from "../../protocol/crashes.ts";
import type { DoctorCheck, DoctorParams } from "../../protocol/doctor.ts";
import { daemonPaths } from "../../protocol/session.ts";
import { configurationFiles } from "../cli/configuration.ts";
import { errnoOf } from "../std/errors.ts";
import { writeFileAtomically } from "../std/files.ts";
import { namesIn } from "../std/read-file.ts";
import type { DoctorParts } from "./doctor-parts.ts";
import { isSecretName, redactSecrets, secretsIn } from "./redaction.ts";

/** Bundles that are kept. */
const KEPT = 5;
/** Characters of the log and of each other file that go into a bundle, from its end. */
const MOST_LOG = 500_000;
const MOST_TEXT = 50_000;
/** Variables that decide what pipd does. Of others not even the name is noted. */
const NOTED =
  /^(?:PIP_.*|PIPD_.*|XDG_.*|LC_.*|LANG|CONDA_.*|PYTHON.*|VIRTUAL_ENV|SSL_CERT_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|.*_PROXY|PATH|HOME|TMPDIR|TERM|CI|NO_COLOR|FORCE_COLOR|NETRC)$/i;

/** Puts everything that helps with a bug into one file (0600) in the state folder, without credentials (R14, R60). */
export function writeBundle(
  parts: DoctorParts,
  params: DoctorParams,
  findings: { readonly checks: readonly DoctorCheck[]; readonly system: object },
): { readonly path: string } | { readonly problem: DoctorCheck } {
  const folder = join(parts.folders.state, "doctor");
  const stamp = new Date(parts.now())
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(":", "");
  const path = join(folder, `pipd-doctor-${stamp}.json`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileAtomically(path, bundleText(parts, params, { at: stamp, ...findings }));
    const old = readdirSync(folder).filter((name) => /^pipd-doctor-.*\.json$/.test(name));
    for (const name of old.toSorted().slice(0, -KEPT)) rmSync(join(folder, name), { force: true });
    return { path };
  } catch (error) {
    const text = `no file for a bug report could be written in ${folder}: ${error instanceof Error ? error.message : String(error)}`;
    const hint = "Mend the owner and mode of that folder, or set XDG_STATE_HOME to another one.";
    return { problem: { name: "bundle", state: "problem", text, hint } };
  }
}

function bundleText(parts: DoctorParts, params: DoctorParams, findings: object): string {
  const { folders, self, logPath } = parts;
  const { folder: runtime } = daemonPaths(folders, parts.namespace);
  const logs = [4, 3, 2, 1].map((number) => `${logPath}.${number}`);
  const configurations = [join(folders.config, "config.toml"), ...configurationFiles(params.env, undefined, false)];
  const crashes = namesIn(crashFolder(folders.state))
    .sort()
    .map((name) => join(crashFolder(folders.state), name));
  const facts = {
    ...findings,
    pipd: self,
    folders,
    daemon: params.daemon,
    environment: Object.fromEntries(
      Object.entries(params.env)
        .filter(([name]) => NOTED.test(name))
        .map(([name, value]) => [name, isSecretName(name) ? "****" : value]),
    ),
    files: [folders.runtime, runtime, folders.state, join(folders.state, "log"), folders.cache].flatMap(listFolder),
    configuration: textsOf(configurations, MOST_TEXT),
    startLog: textOf(join(runtime, "start.log"), MOST_TEXT),
    crashes: textsOf(crashes, MOST_TEXT),
    log: [...logs, logPath]
      .map((file) => textOf(file, MOST_LOG) ?? "")
      .join("")
      .slice(-MOST_LOG)
      .split("\n"),
  };
  const secrets = secretsIn(
    params.env,
    configurations.map((file) => textOf(file, MOST_TEXT) ?? ""),
  );
  return `${JSON.stringify(facts, (_key, value: unknown) => (typeof value === "string" ? without(value, secrets) : value), 2)}\n`;
}

/** A text without what is known to be secret here, wherever it stands, and without what looks like it. */
function without(text: string, secrets: readonly string[]): string {
  return redactSecrets(secrets.reduce((left, secret) => left.replaceAll(secret, "****"), text));
}

function listFolder(folder: string): readonly string[] {
  return ["", ...namesIn(folder).sort()].map((name) => describeFile(join(folder, name)));
}

function describeFile(path: string): string {
  try {
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, "0");
    const kind = stat.isDirectory() ? "folder" : stat.isSymbolicLink() ? "link" : stat.isSocket() ? "socket" : "file";
    return `${path}: ${kind}, mode ${mode}, owner ${stat.uid}, ${stat.size} bytes, ${stat.mtime.toISOString()}`;
  } catch (error) {
    return `${path}: ${errnoOf(error) ?? String(error)}`;
  }
}

function textsOf(paths: readonly string[], most: number): Readonly<Record<string, string>> {
  return Object.fromEntries(
    paths.flatMap((path) => {
      const text = textOf(path, most);
      return text === undefined ? [] : [[path, text]];
    }),
  );
}

/** The end of a file, undefined when it cannot be read. */
function textOf(path: string, most: number): string | undefined {
  try {
    return readFileSync(path, "utf8").slice(-most);
  } catch {
    return undefined;
  }
}
