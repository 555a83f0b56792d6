import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createInstalledModel,
  type Installed,
  type InstalledSet,
  isInUserSite,
  isLocal,
} from "../../daemon/python/installed.ts";
import { createInterpreters } from "../../daemon/python/interpreter.ts";
import { normalizeName } from "../../daemon/standards/name.ts";
import { callIn, INTERPRETERS, NEWEST, runPython, sharedWheel } from "../harness/interpreters.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "pipd-installed-")));
after(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
/** Writes files below a new folder; texts by relative path. */
function siteWith(files: Readonly<Record<string, string>>): string {
  count += 1;
  const site = join(folder, `site-${count}`);
  mkdirSync(site);
  write(site, files);
  return site;
}

function write(site: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(site, path)), { recursive: true });
    writeFileSync(join(site, path), text);
  }
}

function metadata(name: string, version: string, more = ""): string {
  return `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${more}\ndescription\n`;
}

function dist(name: string, version: string, more = ""): Record<string, string> {
  return { [`${name.replaceAll("-", "_")}-${version}.dist-info/METADATA`]: metadata(name, version, more) };
}

/** The clock far ahead of all file times: nothing counts as just changed. */
const LATER = (): number => Date.now() + 3_600_000;

/** What pip 26.3 (or the interpreter's own pip) sees on a search path. */
const ORACLE = `
import json, logging, sys
lists, wheel = json.loads(sys.argv[1])
if wheel: sys.path.insert(0, wheel)
warnings = []
class Handler(logging.Handler):
    def emit(self, record): warnings.append(record.getMessage())
logging.getLogger("pip").addHandler(Handler())
logging.getLogger("pip").propagate = False
from pip._internal.metadata.importlib import Environment
answers = []
for paths in lists:
    found, warnings = [], []
    for dist in Environment.from_paths(paths).iter_all_distributions():
        direct = dist.direct_url
        found.append({
            "key": dist.canonical_name, "name": dist.raw_name, "version": dist.raw_version or str(dist.version), "location": dist.location,
            "infoFolder": dist.info_location, "installedIn": dist.installed_location, "installer": dist.installer,
            "requested": dist.requested, "directUrl": direct and direct.url,
            "requires": [text.strip() for text in dist.metadata.get_all("Requires-Dist", [])],
            "extras": dist.metadata.get_all("Provides-Extra", []), "summary": dist.metadata.get("Summary"),
        })
    answers.append([found, warnings])
print(json.dumps(answers))`;

const wheel = sharedWheel("pip");

/** Files of six distributions, enough to be worth keeping. */
function six(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of ["a", "b", "c", "d", "e", "f"])
    Object.assign(files, dist(name, "1.0", "Summary: once\n"), { [`${name}-1.0.dist-info/INSTALLER`]: "pip\n" });
  return files;
}

test("what was read of a folder is known again to the next model, as far as the stamps are the same", async () => {
  const site = siteWith(six());
  const texts = new Map<string, string>();
  const store = { get: (key: string) => texts.get(key), set: (key: string, text: string) => void texts.set(key, text) };
  const hidden = join(site, "a-1.0.dist-info/METADATA");
  const moment = new Date();
  utimesSync(hidden, moment, moment);
  const first = createInstalledModel(LATER, store).scan([site], "all").distributions;
  assert.deepEqual([...new Set(first.map(({ version, installer }) => `${version} ${installer}`))], ["1.0 pip"]);
  for (let waited = 0; texts.size === 0 && waited < 5000; waited += 50) await sleep(50);
  // What nobody could tell from the stamps is not read.
  writeFileSync(hidden, metadata("z", "9.9", "Summary: later"));
  truncateSync(hidden, metadata("a", "1.0", "Summary: once\n").length);
  utimesSync(hidden, moment, moment);
  write(site, { "b-1.0.dist-info/METADATA": metadata("b", "2.0"), "c-1.0.dist-info/REQUESTED": "" });
  rmSync(join(site, "d-1.0.dist-info"), { recursive: true });
  const again = createInstalledModel(LATER, store);
  const seen = (): readonly string[] =>
    again
      .scan([site], "all")
      .distributions.map(({ name, version, requested, installer }) => `${name} ${version} ${requested} ${installer}`)
      .toSorted();
  assert.deepEqual(seen(), [
    "a 1.0 false pip",
    "b 2.0 false pip",
    "c 1.0 true pip",
    "e 1.0 false pip",
    "f 1.0 false pip",
  ]);
  const a = again.scan([site]).distributions.find(({ key }) => key === "a");
  assert.deepEqual(a?.metadata().headers.get("summary"), ["later"], "fields that are not kept are read");
  for (const text of ["", "{}", '{"format":1}', "null"]) {
    texts.set(site, text);
    assert.equal(createInstalledModel(LATER, store).scan([site]).distributions.length, 5);
  }
});

test("a set scanned wholly is another one as soon as a file of an info folder has come or gone", () => {
  const site = siteWith(six());
  const model = createInstalledModel(LATER);
  const scans: InstalledSet[] = [model.scan([site], "all")];
  const change = (what: () => void): void => {
    assert.equal(model.scan([site], "all"), scans.at(-1), "nothing has changed");
    what();
    scans.push(model.scan([site], "all"));
  };
  change(() => write(site, { "a-1.0.dist-info/REQUESTED": "" }));
  change(() => rmSync(join(site, "b-1.0.dist-info/INSTALLER")));
  change(() => write(site, { "c-1.0.dist-info/METADATA": metadata("c", "1.1") }));
  change(() => rmSync(join(site, "d-1.0.dist-info"), { recursive: true }));
  assert.equal(new Set(scans).size, 5);
});

test("who asked before a scan began is answered by it, who asks later is not", () => {
  const site = siteWith(six());
  const model = createInstalledModel(LATER);
  const asked = performance.now();
  const first = model.scan([site], "all", asked);
  rmSync(join(site, "a-1.0.dist-info"), { recursive: true });
  assert.equal(model.scan([site], "metadata", asked), first);
  assert.equal(model.scan([site], "all", performance.now()).distributions.length, 5);
  assert.equal(model.scan([site], "all", asked).distributions.length, 5);
  rmSync(join(site, "b-1.0.dist-info"), { recursive: true });
  assert.equal(model.scan([site]).distributions.length, 4, "a command that changes something sees the present");
});

type Seen = readonly [found: readonly unknown[], warnings: readonly string[]];

function pipSees(lists: readonly (readonly string[])[]): readonly Seen[] {
  return JSON.parse(runPython(NEWEST.executable, ["-c", ORACLE, JSON.stringify([lists, wheel ?? null])]));
}

function weSee(paths: readonly string[]): Seen {
  const { distributions, warnings } = createInstalledModel(LATER).scan(paths);
  return [distributions.map(described), warnings.map(({ text }) => text)];
}

function described(one: Installed): unknown {
  const { key, name, version, location, infoFolder, installedIn, installer, requested, directUrl } = one;
  const { requiresDist, providesExtra, summary } = one.metadata();
  const origin = directUrl?.url ?? null;
  const said = { requires: requiresDist, extras: providesExtra, summary: summary ?? null };
  return { key, name, version, location, infoFolder, installedIn, installer, requested, directUrl: origin, ...said };
}

describe("an environment is seen as pip sees it", () => {
  const project = siteWith({
    "legacy_proj.egg-info/PKG-INFO": metadata("Legacy-Proj", "0.1"),
    "legacy_proj.egg-info/requires.txt":
      "one\ntwo>=1\n\n[Some_Extra]\nthree\n\n[:python_version < '3']\nfour\n\n[Some_Extra:os_name == 'nt']\nfive\n# no\n[more]\n",
  });
  const first = siteWith({
    ...dist("Zebra-Stripes", "1.0", "Summary: an animal\nRequires-Dist: alpha>=1 ; extra == 'x'\nProvides-Extra: x\n"),
    "Zebra_Stripes-1.0.dist-info/INSTALLER": "\n pip \n",
    "Zebra_Stripes-1.0.dist-info/REQUESTED": "",
    ...dist("alpha", "2.0rc1"),
    "alpha-2.0rc1.dist-info/direct_url.json": '{"url": "file:///somewhere/alpha", "dir_info": {"editable": true}}',
    ...dist("beta", "not.a.version!"),
    "beta-not.a.version!.dist-info/direct_url.json": "{",
    "gamma-1.dist-info/RECORD": "",
    "delta.dist-info/METADATA": metadata("delta", "3"),
    "-lta-1.0.dist-info/METADATA": metadata("~lta", "1.0"),
    "~eta-1.0.dist-info/METADATA": metadata("zeta", "1.0"),
    "~psilon.egg-info/PKG-INFO": metadata("epsilon", "1.0"),
    "old_egg-1.2-py3.8.egg-info/PKG-INFO": metadata("Old.Egg", "1.2"),
    "old_egg-1.2-py3.8.egg-info/requires.txt": "dep\n",
    "distutils_thing-0.5.egg-info": metadata("distutils-thing", "0.5"),
    "twice-1.0.dist-info/METADATA": metadata("twice", "1.0"),
    "Upper.DIST-INFO/METADATA": metadata("Upper", "1"),
    "module.py": "",
    "legacy-proj.egg-link": `\n${project}\n../`,
    "empty.egg-link": "\n",
    "gone.egg-link": "/nowhere/at/all",
    "wrapped-1.0.dist-info/METADATA": "Name: wrapped\nVersion: 1.0\nRequires-Dist: a\n  >=1\n",
    "Ünï-1.0.dist-info/METADATA": metadata("Ünï", "1.0"),
    "crlf-1.0.dist-info/METADATA": "Name: crlf\r\nVersion: 1.0\r\nSummary: with carriage returns\r\n\r\nbody",
  });
  const second = siteWith({ ...dist("twice", "2.0"), ...dist("zebra.stripes", "9"), ...dist("only-second", "1") });
  const egg = join(
    siteWith({ "thing-1.0-py3.8.egg/EGG-INFO/PKG-INFO": metadata("thing", "1.0") }),
    "thing-1.0-py3.8.egg",
  );
  const link = join(folder, "link");
  symlinkSync(first, link);

  const paths: readonly (readonly [name: string, paths: readonly string[]])[] = [
    ["all kinds of entries, the first of a name wins", [first, second, egg, join(folder, "missing"), first]],
    ["the other order", [second, first]],
    ["a link to a folder", [link]],
    ["files and nothing", [join(first, "module.py")]],
  ];
  test(`${paths.map(([name]) => name).join("; ")}; an interpreter's own search path`, async () => {
    const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });
    const { executable } = INTERPRETERS.find(({ minor }) => minor === 11) ?? NEWEST;
    const path = interpreters.searchPath(await interpreters.facts(executable, callIn("/")));
    const all = [...paths, ["an interpreter's", path] as const];
    const expected = pipSees(all.map(([, list]) => list));
    for (const [at, [name, list]] of all.entries()) {
      const [found = [], warnings = []] = expected[at] ?? [];
      const [ourFound, ourWarnings] = weSee(list);
      assert.deepEqual(ourFound, found, name);
      // pip 26.3 has other words for leftovers than older ones. It warns of a direct_url.json when it reads it.
      if (wheel !== undefined) {
        assert.deepEqual(
          ourWarnings,
          warnings.filter((text) => !text.startsWith("Error parsing direct_url.json")),
          name,
        );
      }
    }
  });

  test("editable installs know their project", () => {
    const { byKey } = createInstalledModel(LATER).scan([first]);
    const editable = ["alpha", "legacy-proj", "twice"].map((name) => byKey.get(normalizeName(name))?.editable);
    assert.deepEqual(editable, ["/somewhere/alpha", project, undefined]);
    assert.equal(byKey.get(normalizeName("legacy-proj"))?.eggLink, join(first, "legacy-proj.egg-link"));
  });

  test("versions are parsed, from the name of the folder first", () => {
    const { byKey } = createInstalledModel(LATER).scan([first]);
    const parsed = ["alpha", "beta", "old-egg", "delta"].map(
      (name) => byKey.get(normalizeName(name))?.parsedVersion?.text,
    );
    assert.deepEqual(parsed, ["2.0rc1", undefined, "1.2", "3"]);
  });
});

describe("the model follows the disk", () => {
  const one = { ...dist("one", "1.0"), ...dist("two", "1.0"), ...dist("three", "1.0") };
  const changes: readonly (readonly [name: string, change: (site: string) => void, expected: readonly string[]])[] = [
    ["a new distribution", (site) => write(site, dist("four", "4")), ["four 4", "one 1.0", "three 1.0", "two 1.0"]],
    ["one that went", (site) => rmSync(join(site, "two-1.0.dist-info"), { recursive: true }), ["one 1.0", "three 1.0"]],
    [
      "one that got another version",
      (site) => renameSync(join(site, "two-1.0.dist-info"), join(site, "two-2.0.dist-info")),
      ["one 1.0", "three 1.0", "two 1.0"],
    ],
    [
      "METADATA that changed in its place",
      (site) => writeFileSync(join(site, "two-1.0.dist-info/METADATA"), metadata("Two", "1.0.0")),
      ["Two 1.0.0", "one 1.0", "three 1.0"],
    ],
    [
      "METADATA that went",
      (site) => rmSync(join(site, "two-1.0.dist-info/METADATA")),
      ["one 1.0", "three 1.0", "two 1.0"],
    ],
    ["everything gone", (site) => rmSync(site, { recursive: true }), []],
    [
      "an egg-link that came",
      (site) => write(site, { "x.egg-link": siteWith({ "x.egg-info/PKG-INFO": metadata("x", "7") }) }),
      ["one 1.0", "three 1.0", "two 1.0", "x 7"],
    ],
  ];
  const summary = (distributions: readonly Installed[]): readonly string[] =>
    distributions.map(({ name, version }) => `${name} ${version}`).sort();

  for (const [name, change, expected] of changes) {
    test(name, () => {
      const site = siteWith(one);
      const model = createInstalledModel(Date.now);
      assert.deepEqual(summary(model.scan([site]).distributions), ["one 1.0", "three 1.0", "two 1.0"]);
      change(site);
      assert.deepEqual(summary(model.scan([site]).distributions), expected);
    });
  }

  test("nothing changed: the same set; something changed: the same objects for all that is the same", () => {
    const site = siteWith(one);
    const model = createInstalledModel(LATER);
    const before = model.scan([site]);
    assert.equal(model.scan([site]), before);
    assert.equal(model.installed({ searchPath: [site] }), before);
    write(site, dist("four", "4"));
    const now = model.scan([site]);
    assert.notEqual(now, before);
    for (const key of before.byKey.keys()) {
      assert.equal(now.byKey.get(key), before.byKey.get(key));
    }
  });

  test("two changes within one tick of the file system's clock are both seen", () => {
    const site = siteWith({});
    const model = createInstalledModel(Date.now);
    const moment = new Date();
    for (const name of ["a", "b", "c"]) {
      write(site, dist(name, "1"));
      utimesSync(site, moment, moment);
      assert.ok(model.scan([site]).byKey.has(normalizeName(name)));
    }
  });

  test("the other files of an info folder are followed too", () => {
    const site = siteWith(dist("one", "1.0"));
    const info = join(site, "one-1.0.dist-info");
    const model = createInstalledModel(LATER);
    const look = (): readonly unknown[] => {
      const found = model.scan([site]).byKey.get(normalizeName("one"));
      return [found?.installer, found?.requested, found?.editable, found?.wheelTags(), found?.record()?.length];
    };
    assert.deepEqual(look(), ["", false, undefined, undefined, undefined]);
    writeFileSync(join(info, "INSTALLER"), "uv\n");
    writeFileSync(join(info, "REQUESTED"), "");
    writeFileSync(join(info, "direct_url.json"), '{"url": "file:///x%20y", "dir_info": {"editable": true}}');
    writeFileSync(join(info, "WHEEL"), "Wheel-Version: 1.0\nTag: py2.py3-none-any\n");
    writeFileSync(join(info, "RECORD"), "a,,\nb,,\n");
    assert.deepEqual(look(), ["uv", true, "/x y", ["py2-none-any", "py3-none-any"], 2]);
    rmSync(join(info, "WHEEL"));
    assert.deepEqual(look().slice(3, 4), [undefined]);
    appendFileSync(join(info, "RECORD"), "c,,\n");
    assert.deepEqual(look().slice(4), [3]);
  });

  test("a hundred folders and their sets do not grow without bound", () => {
    const model = createInstalledModel(LATER);
    const site = siteWith(one);
    for (let i = 0; i < 1200; i++) {
      assert.equal(model.scan([join(folder, `no-${i}`), site]).distributions.length, 3);
    }
  });
});

describe("--local and --user", () => {
  test("are told by where a distribution is installed", async () => {
    const interpreters = createInterpreters({ factsStore: new Map(), clock: Date.now });
    const base = await interpreters.facts(NEWEST.executable, callIn("/"));
    const prefix = siteWith(dist("mine", "1"));
    const user = siteWith(dist("users", "1"));
    const model = createInstalledModel(LATER);
    const { byKey } = model.scan([prefix, user]);
    const [mine, users] = ["mine", "users"].map((name) => byKey.get(normalizeName(name)) ?? assert.fail());
    assert.ok(mine && users);
    const facts = { ...base, prefix, userSite: user };
    assert.deepEqual(
      [mine, users].map((one) => isLocal(one, { facts, root: prefix })),
      [true, false],
    );
    assert.deepEqual(
      [mine, users].map((one) => isLocal(one, { facts: base, root: prefix })),
      [true, true],
    );
    assert.deepEqual(
      [mine, users].map((one) => isInUserSite(one, { facts })),
      [false, true],
    );
    assert.deepEqual(
      [mine, users].map((one) => isInUserSite(one, { facts: { ...facts, userSite: null } })),
      [false, false],
    );
  });
});
