import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { replaceTree } from "../../daemon/install/replace-tree.ts";
import { createInterpreters, type InterpreterFacts } from "../../daemon/python/interpreter.ts";
import { type SchemeRequest, schemeFor } from "../../daemon/python/scheme.ts";
import { createVenv } from "../../daemon/python/venv.ts";
import { callIn, INTERPRETERS, NEWEST, PLAIN_ENVIRONMENT, runPython, sharedWheel } from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-scheme-")));
after(() => rmSync(folder, { recursive: true, force: true }));
const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });

const REQUESTS: readonly SchemeRequest[] = [
  {},
  { user: true },
  { prefix: "/opt/some where" },
  { home: "/opt/home" },
  { root: "/stage" },
  { root: "/stage/" },
  { prefix: "/opt/x", root: "/stage" },
  { user: true, root: "/stage" },
  { home: "/opt/home", root: "/stage" },
  { prefix: "/opt//y/./../z/" },
];

/** pip's own computation: of the pip that the interpreter brings, for the newest of pip 26.3 where the shared wheels are. */
const ORACLE = `
import json, sys
requests, first, last = map(json.loads, sys.argv[1:])
sys.path[:] = first + sys.path + last
import pip._internal.locations
from pip._internal.locations._sysconfig import get_scheme
print(json.dumps([
    {key: getattr(scheme, key) for key in ("purelib", "platlib", "scripts", "data", "headers")}
    for scheme in (get_scheme("Some-Name", **request) for request in requests)
]))`;

const wheels = [sharedWheel("pip") ?? []].flat();

/** Debian's posix_local scheme is known to newer pips only than the one Debian brings. */
function isRedirected({ layout }: InterpreterFacts): boolean {
  return layout.preferred.prefix === "posix_local";
}

function requestsFor(base: InterpreterFacts): readonly SchemeRequest[] {
  return isRedirected(base) && wheels.length === 0 ? REQUESTS.filter(({ prefix }) => prefix === undefined) : REQUESTS;
}

function pipSchemes(executable: string, base: InterpreterFacts): unknown {
  const first = base.version === NEWEST.version || isRedirected(base) ? wheels : [];
  const lists = [requestsFor(base), first, [...base.siteFolders, ...wheels]];
  return JSON.parse(runPython(executable, ["-c", ORACLE, ...lists.map((list) => JSON.stringify(list))]));
}

async function ourSchemes(executable: string, base: InterpreterFacts): Promise<unknown> {
  const facts = await interpreters.facts(executable, callIn("/"));
  return requestsFor(base).map((request) => {
    const { purelib, platlib, scripts, data, headers } = schemeFor(facts, request);
    return { purelib, platlib, scripts, data, headers: `${headers}/Some-Name` };
  });
}

describe("install locations are pip's", () => {
  for (const { label, executable } of INTERPRETERS) {
    test(`Python ${label}`, async () => {
      const base = await interpreters.facts(executable, callIn("/"));
      assert.deepEqual(await ourSchemes(executable, base), pipSchemes(executable, base));
    });
  }

  test("in virtual environments, one for each way an interpreter names its schemes", async () => {
    const kinds = new Map<string, InterpreterFacts>();
    for (const { executable } of INTERPRETERS) {
      const base = await interpreters.facts(executable, callIn("/"));
      kinds.set(JSON.stringify([base.layout.preferred, base.venv?.preferred]), base);
    }
    for (const base of kinds.values()) {
      const { executable } = await createVenv(
        { path: `env-${base.version}`, facts: base },
        callIn(folder),
        replaceTree,
      );
      assert.deepEqual(await ourSchemes(executable, base), pipSchemes(executable, base));
    }
  });

  test("DEB_PYTHON_INSTALL_LAYOUT and the like come from the caller's environment", async () => {
    for (const { executable, minor } of INTERPRETERS) {
      const env = { ...PLAIN_ENVIRONMENT, DEB_PYTHON_INSTALL_LAYOUT: "deb", PYTHONUSERBASE: "/base" };
      const facts = await interpreters.facts(executable, callIn("/", env));
      const program =
        "import json, sysconfig; print(json.dumps([sysconfig.get_path('purelib'), sysconfig.get_path('scripts', 'posix_user')]))";
      const expected = JSON.parse(runPython(executable, ["-c", program], { env }));
      assert.deepEqual([facts.scheme.purelib, schemeFor(facts, { user: true }).scripts], expected, `3.${minor}`);
    }
  });
});

describe("--target", () => {
  test("has libraries and data in the folder itself, scripts in its bin", async () => {
    const facts = await interpreters.facts(NEWEST.executable, callIn("/"));
    const { headers, ...scheme } = schemeFor(facts, { target: "/t" });
    assert.deepEqual(scheme, { purelib: "/t", platlib: "/t", data: "/t", scripts: "/t/bin" });
    assert.equal(headers, schemeFor(facts, { home: "/t" }).headers);
  });
});

describe("options that exclude each other are pip's errors", () => {
  const refused: readonly (readonly [request: SchemeRequest, message: string])[] = [
    [{ user: true, prefix: "/p" }, "Cannot set --user and --prefix together"],
    [{ home: "/h", prefix: "/p" }, "Cannot set --home and --prefix together"],
  ];
  for (const [request, message] of refused) {
    test(message, async () => {
      const facts = await interpreters.facts(NEWEST.executable, callIn("/"));
      assert.throws(() => schemeFor(facts, request), { code: "invalid-scheme", message });
    });
  }
});
