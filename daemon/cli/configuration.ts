import { InvalidText } from "../standards/invalid-text.ts";
import { parseConfig } from "../standards/pip-config.ts";
import { PipdError } from "../std/errors.ts";
import { kindOfPath, readFileIfThere } from "../std/read-file.ts";
import type { ConfigurationLayer } from "./parse.ts";

type Env = Readonly<Record<string, string>>;

/** The name of the null device: as PIP_CONFIG_FILE it switches all files off. */
const NULL_DEVICE = "/dev/null";

/**
 * The configuration files of pip that apply to a caller, weakest first: global, user, site (of the target environment), `PIP_CONFIG_FILE`.
 * @param prefix `sys.prefix` of the target environment, or undefined while it is not known.
 * @param isolated `--isolated`: the user's file is left out, the global and the site file are not.
 */
export function configurationFiles(env: Env, prefix: string | undefined, isolated: boolean): readonly string[] {
  const explicit = env["PIP_CONFIG_FILE"];
  if (explicit === NULL_DEVICE) return [];
  const home = env["HOME"] ?? "";
  const configHome = env["XDG_CONFIG_HOME"] || `${home}/.config`;
  const folders = (env["XDG_CONFIG_DIRS"] || "/etc/xdg").split(":").filter((folder) => folder !== "");
  const global = [...folders.map((folder) => `${folder}/pip/pip.conf`), "/etc/pip.conf"];
  const explicitFile = explicit !== undefined && explicit !== "" && !isolated ? [explicit] : [];
  const readsUser = !isolated && (explicitFile.length === 0 || kindOfPath(explicitFile[0]!) === undefined);
  const user = readsUser && home !== "" ? [`${home}/.pip/pip.conf`, `${configHome}/pip/pip.conf`] : [];
  const site = prefix === undefined ? [] : [`${prefix}/pip.conf`];
  return [...global, ...user, ...site, ...explicitFile];
}

/** What is in a configuration file: entries by section. */
type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Gives the sections of the file at a path; none of a file that is not there. */
export type ReadConfiguration = (file: string) => Sections;

/**
 * The layers of a command's options, weakest first: `[global]` of all files, `[<command>]` of all files, `PIP_*` variables. A section beats a file.
 * @param read reads a file, or knows what is in it
 * @throws PipdError `invalid-configuration` (exit status 2) naming the file.
 */
export function configurationLayers(
  command: string,
  env: Env,
  prefix: string | undefined,
  isolated: boolean,
  read: ReadConfiguration = (file) => configurationOf(readFileIfThere(file), file),
): readonly ConfigurationLayer[] {
  const global = new Map<string, string>();
  const own = new Map<string, string>();
  for (const file of configurationFiles(env, prefix, isolated)) {
    for (const [section, entries] of read(file)) {
      const layer = section === "global" ? global : section === command ? own : undefined;
      if (layer !== undefined) for (const [key, value] of entries) layer.set(normalizeKey(key), value);
    }
  }
  return [global, own, isolated ? new Map() : environmentLayer(env)];
}

/** What the bytes of a configuration file say. @throws PipdError `invalid-configuration` */
export function configurationOf(bytes: Uint8Array | undefined, file: string): Sections {
  if (bytes === undefined) return new Map();
  try {
    return parseConfig(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof InvalidText ? error.message : "it is not valid UTF-8";
    throw new PipdError("invalid-configuration", `Configuration file could not be loaded.\n${file}: ${reason}`, {
      cause: error,
    });
  }
}

function environmentLayer(env: Env): ConfigurationLayer {
  const layer = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("PIP_")) continue;
    const key = normalizeKey(name.slice(4));
    if (key !== "version" && key !== "help" && key !== "config-file") layer.set(key, value);
  }
  return layer;
}

function normalizeKey(name: string): string {
  const key = name.toLowerCase().replaceAll("_", "-");
  return key.startsWith("--") ? key.slice(2) : key;
}
