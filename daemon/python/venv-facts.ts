/** Virtual environments without running Python: `pyvenv.cfg` (PEP 405) and the facts of an environment, from those of its base interpreter. */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readFileIfThere } from "../std/read-file.ts";
import { type InterpreterFacts, isVirtualEnvironment, VENV_PLACEHOLDER } from "./interpreter-facts.ts";
import { schemeFor } from "./scheme.ts";

/** What Python reads from a `pyvenv.cfg`. */
export interface VenvConfig {
  /** The folder of the base interpreter's executable. */
  readonly home?: string;
  readonly includesSystemSite: boolean;
  /** The name shells show, where the file has one (quotes as `venv` writes them are removed). */
  readonly prompt?: string;
}

/** Reads the text of a `pyvenv.cfg` as Python's `site` does: an absent `include-system-site-packages` means yes. Never throws. */
export function parseVenvConfig(text: string): VenvConfig {
  const values = new Map<string, string>();
  for (const line of text.split(/\r\n|\r|\n/)) {
    const equals = line.indexOf("=");
    if (equals >= 0) {
      values.set(line.slice(0, equals).trim().toLowerCase(), line.slice(equals + 1).trim());
    }
  }
  const home = values.get("home");
  const prompt = values.get("prompt");
  return {
    ...(home ? { home } : {}),
    includesSystemSite: (values.get("include-system-site-packages") ?? "true").toLowerCase() === "true",
    ...(prompt === undefined ? {} : { prompt: withoutQuotes(prompt) }),
  };
}

function withoutQuotes(text: string): string {
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  return quoted?.[2] === undefined ? text : quoted[2].replace(/\\(["'\\])/g, "$1");
}

/** True when an environment of this base interpreter can be described by {@link venvFacts}; else Python must be asked. */
export function canDeriveVenvFacts(base: InterpreterFacts): boolean {
  const [major, minor] = base.versionInfo;
  return (
    base.venv !== null &&
    base.implementationName === "cpython" &&
    major === 3 &&
    minor >= 8 &&
    minor <= 14 &&
    !base.framework &&
    base.extraPath.length === 0
  );
}

/**
 * The facts `probe.py` would report for `executable` in a virtual environment of `base`.
 *
 * `executable` is the absolute path `<environment>/bin/<name>`; `realName` is the name of the file behind its symbolic links.
 */
export function venvFacts(
  base: InterpreterFacts,
  executable: string,
  realName: string,
  config: VenvConfig & { readonly home: string },
): InterpreterFacts {
  const root = dirname(dirname(executable));
  const venv = base.venv;
  if (venv === null) {
    throw new Error(`${base.executable} is not a base interpreter`);
  }
  const inRoot = (path: string): string =>
    path.startsWith(VENV_PLACEHOLDER) ? root + path.slice(VENV_PLACEHOLDER.length) : path;
  const own = venv.siteFolders.map(inRoot);
  const user = base.userSiteEnabled && base.userSite !== null ? [base.userSite] : [];
  const folders = config.includesSystemSite ? [...own, ...user, ...venv.baseSiteFolders] : own;
  const facts = {
    ...base,
    executable,
    // Since 3.11 getpath looks for the file behind the link in `home`; before, an environment was its own base.
    baseExecutable: base.versionInfo[1] >= 11 ? `${config.home}/${realName}` : executable,
    prefix: root,
    execPrefix: root,
    layout: {
      ...base.layout,
      preferred: venv.preferred,
      variables: { ...base.layout.variables, base: root, platbase: root },
    },
    userSiteEnabled: config.includesSystemSite ? base.userSiteEnabled : false,
    siteFolders: [...new Set(folders)],
    venv: null,
  };
  return { ...facts, scheme: schemeFor(facts) };
}

/**
 * The executable of the interpreter that environments of these facts are made from: its own outside virtual environments, else the one in
 * `home` of its `pyvenv.cfg`. Before Python 3.11 an environment calls itself its own base, so the files decide.
 */
export function baseExecutableOf(facts: InterpreterFacts): string {
  if (!isVirtualEnvironment(facts)) {
    return facts.executable;
  }
  const config = readFileIfThere(join(facts.prefix, "pyvenv.cfg"));
  const home = config && parseVenvConfig(Buffer.from(config).toString("utf8")).home;
  const real = realpathSync(facts.executable);
  const named = home === undefined ? undefined : join(home, basename(real));
  return named !== undefined && existsSync(named) && realpathSync(named) === real ? named : real;
}
