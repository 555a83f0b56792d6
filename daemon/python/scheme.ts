/** Install locations, computed as pip 26.3 computes them (`pip/_internal/locations/_sysconfig.py`), without running Python. */
import { join } from "node:path/posix";
import { PipdError } from "../std/errors.ts";
import { type InterpreterFacts, isVirtualEnvironment, type Scheme, type SchemeLayout } from "./interpreter-facts.ts";

/** Where to install other than the environment itself: the options of `pip install`. Paths are absolute. */
export interface SchemeRequest {
  readonly user?: boolean;
  readonly prefix?: string;
  /** Everything goes to one folder (`--home` of old); `--target` is built on it. */
  readonly home?: string;
  /** `--target`: libraries and data directly in this folder, scripts in its `bin`. */
  readonly target?: string;
  /** A folder that stands for `/` (DESTDIR). */
  readonly root?: string;
}

type LocationFacts = Pick<InterpreterFacts, "layout" | "prefix" | "basePrefix" | "versionInfo">;

const HOME_VARIABLES = ["installed_base", "base", "installed_platbase", "platbase", "prefix", "exec_prefix"];

/** Schemes of a distribution or of Apple that `--prefix` must not follow: they lead back to the system's own folders. */
const REDIRECTED_SCHEMES: ReadonlySet<string> = new Set(["posix_local", "osx_framework_library"]);

/**
 * The locations for these options.
 *
 * Throws `invalid-scheme` when options exclude each other, `user-site-unavailable` when this Python has no user scheme.
 */
export function schemeFor(facts: LocationFacts, request: SchemeRequest = {}): Scheme {
  const home = request.target ?? request.home;
  refuseContradictions(request, home);
  const scheme = expandScheme(
    facts,
    schemeName(facts.layout, request, home),
    redirection(facts, request, home),
    request,
  );
  const placed = request.target === undefined ? scheme : intoTarget(scheme, request.target);
  return request.root === undefined ? placed : belowRoot(placed, request.root);
}

function refuseContradictions(request: SchemeRequest, home: string | undefined): void {
  const other = home === undefined ? "--prefix" : "--target";
  if (request.user && (request.prefix !== undefined || home !== undefined)) {
    throw new PipdError("invalid-scheme", `Cannot set --user and ${other} together`);
  }
  if (request.prefix !== undefined && home !== undefined) {
    throw new PipdError("invalid-scheme", "Cannot set --home and --prefix together");
  }
}

function schemeName(layout: SchemeLayout, request: SchemeRequest, home: string | undefined): string {
  if (home !== undefined) {
    return layout.preferred.home;
  }
  if (request.user) {
    if (layout.preferred.user === null) {
      throw new PipdError("user-site-unavailable", "User base directory is not specified");
    }
    return layout.preferred.user;
  }
  const name = layout.preferred.prefix;
  return request.prefix !== undefined && REDIRECTED_SCHEMES.has(name) ? "posix_prefix" : name;
}

/** The `sysconfig` variables that the options replace. */
function redirection(facts: LocationFacts, request: SchemeRequest, home: string | undefined): Record<string, string> {
  const place = home ?? request.prefix;
  if (place === undefined) {
    return {};
  }
  const names = facts.layout.variables["userbase"] === undefined ? HOME_VARIABLES : [...HOME_VARIABLES, "userbase"];
  return Object.fromEntries(names.map((name) => [name, place]));
}

function expandScheme(
  facts: LocationFacts,
  name: string,
  replaced: Readonly<Record<string, string>>,
  request: SchemeRequest,
): Scheme {
  const templates = facts.layout.templates[name];
  if (templates === undefined) {
    throw new PipdError("user-site-unavailable", `This Python has no installation scheme "${name}"`);
  }
  const variables = { ...facts.layout.variables, ...replaced };
  const path = (key: string): string => expandTemplate(templates[key] ?? "", variables);
  return {
    purelib: path("purelib"),
    platlib: path("platlib"),
    scripts: path("scripts"),
    data: path("data"),
    headers: isVirtualEnvironment(facts) ? venvHeaders(facts, variables, request) : path("include"),
  };
}

/** pip puts headers of a virtual environment where the base interpreter's own do not get in the way. */
function venvHeaders(
  facts: LocationFacts,
  variables: Readonly<Record<string, string>>,
  request: SchemeRequest,
): string {
  const base = (request.user ? variables["userbase"] : variables["base"]) ?? facts.prefix;
  return `${base.replace(/\/+$/, "")}/include/site/python${facts.versionInfo[0]}.${facts.versionInfo[1]}`;
}

/** One path of a `sysconfig` scheme. A variable that is not known stays as it is written. */
export function expandTemplate(template: string, variables: Readonly<Record<string, string>>): string {
  return normalizePath(template.replace(/\{(\w+)\}/g, (place, name: string) => variables[name] ?? place));
}

/** Python's `os.path.normpath` on POSIX: no `.`, `..`, double or trailing slashes; symbolic links are not looked at. */
export function normalizePath(path: string): string {
  const normal = join(path);
  const clean = normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
  return path.startsWith("//") && !path.startsWith("///") ? `/${clean}` : clean;
}

/** pip installs into a temporary home and moves what lies in its library and data folders to the target. */
function intoTarget(home: Scheme, target: string): Scheme {
  return { ...home, purelib: target, platlib: target, data: target };
}

function belowRoot(scheme: Scheme, root: string): Scheme {
  const move = (path: string): string => `${root.replace(/\/+$/, "")}/${path.replace(/^\//, "")}`;
  return {
    purelib: move(scheme.purelib),
    platlib: move(scheme.platlib),
    scripts: move(scheme.scripts),
    data: move(scheme.data),
    headers: move(scheme.headers),
  };
}
