import assert from "node:assert/strict";
import { test } from "node:test";
import type { Installed } from "../../daemon/python/installed.ts";
import type { DirectWheel } from "../../daemon/resolver/candidate.ts";
import type { Resolution, ResolveInput } from "../../daemon/resolver/ports.ts";
import { ResolutionError } from "../../daemon/resolver/resolution-error.ts";
import { resolve } from "../../daemon/resolver/resolve.ts";
import type { NormalizedName } from "../../daemon/standards/name.ts";
import {
  callOf,
  directOf,
  inputOf,
  installedOf,
  releaseOf,
  requirementOf,
  type Universe,
  worldOf,
} from "./universe.ts";

interface Case {
  readonly name: string;
  readonly universe: Universe;
  /** Of the environment, written like the universe. */
  readonly installed?: Universe;
  readonly directs?: Readonly<Record<string, DirectWheel>>;
  readonly roots: readonly string[];
  readonly constraints?: readonly string[];
  readonly options?: Partial<ResolveInput>;
  readonly unreachable?: boolean;
  /** In install order: "a 1.0", "a 1.0 installed", "a 1.0 direct", extras in brackets. */
  readonly gives?: readonly string[];
  /** The code of the error, and texts that must be in it. */
  readonly fails?: string;
  readonly stderr?: readonly string[];
  readonly says?: readonly RegExp[];
  readonly warns?: readonly RegExp[];
  /** Nothing whose question begins so may be asked of the ports. */
  readonly never?: readonly string[];
}

function environmentOf(installed: Universe = {}): ReadonlyMap<NormalizedName, Installed> {
  return new Map(
    Object.entries(installed).map(([text, release]) => {
      const [name, version] = text.split(" ") as [string, string];
      const made = installedOf(name, version, releaseOf(release));
      return [made.key, made];
    }),
  );
}

function shown(resolution: Resolution): readonly string[] {
  return resolution.candidates.map(({ candidate, extras }) => {
    const bracket = extras.length === 0 ? "" : `[${extras.join(",")}]`;
    const source = candidate.source.kind === "file" ? "" : ` ${candidate.source.kind}`;
    return `${candidate.key}${bracket} ${candidate.version.text}${source}`;
  });
}

const CASES: readonly Case[] = [
  {
    name: "the newest of everything, dependencies first",
    universe: { "a 1.0": [], "a 2.0": ["b>=1", "c"], "b 1.0": ["c"], "b 2.0": ["c"], "c 1.0": [] },
    roots: ["a"],
    gives: ["c 1.0", "b 2.0", "a 2.0"],
  },
  {
    name: "equals are installed in descending order of their names, as pip does",
    universe: { "a 1": ["x", "y", "z"], "x 1": [], "y 1": [], "z 1": [] },
    roots: ["a"],
    gives: ["z 1", "y 1", "x 1", "a 1"],
  },
  {
    name: "a cycle is broken by the longest way from the root",
    universe: { "a 1": ["b"], "b 1": ["c"], "c 1": ["a"] },
    roots: ["a"],
    gives: ["c 1", "b 1", "a 1"],
  },
  {
    name: "markers that do not hold drop a requirement",
    universe: { "a 1": ["b; sys_platform == 'win32'", "c; python_version >= '3.8'"], "b 1": [], "c 1": [] },
    roots: ["a", "b; os_name == 'nt'"],
    gives: ["c 1", "a 1"],
  },
  {
    name: "a later requirement moves an earlier decision, as pip's pins do",
    universe: { "a 1": [], "a 2": [], "b 1": [], "b 2": ["a<2"] },
    roots: ["a", "b"],
    gives: ["a 1", "b 2"],
  },
  {
    name: "backtracks on the later of two that cannot both be newest",
    universe: { "a 1": ["c<2"], "a 2": ["c<2"], "b 1": [], "b 2": ["c>=2"], "c 1": [], "c 2": [] },
    roots: ["a", "b"],
    gives: ["c 1", "b 1", "a 2"],
  },
  {
    name: "noDeps takes the roots alone, but their Requires-Python holds",
    universe: { "a 1": ["missing"], "a 2": { requires: ["missing"], metadataPython: "<3" } },
    roots: ["a"],
    options: { noDeps: true },
    gives: ["a 1"],
  },
  {
    name: "the requirements of two roots on one project are one",
    universe: { "a 1": [], "a 2": [], "a 3": [] },
    roots: ["a>1", "a<3"],
    gives: ["a 2"],
  },

  // Extras
  {
    name: "extras bring their requirements, at the version of the project",
    universe: { "a 1": { requires: ["b; extra == 'x'", "c; extra == 'y'"], extras: ["x", "y"] }, "b 1": [], "c 1": [] },
    roots: ["a[x]"],
    gives: ["b 1", "a[x] 1"],
  },
  {
    name: "an extra asked for by a dependency",
    universe: { "a 1": { requires: ["b; extra == 'x'"], extras: ["X"] }, "b 1": [], "d 1": ["a[x]"] },
    roots: ["a", "d"],
    gives: ["b 1", "a[x] 1", "d 1"],
  },
  {
    name: "an extra that cannot be had takes its project to an older version",
    universe: {
      "a 1": { requires: ["b<2; extra == 'x'"], extras: ["x"] },
      "a 2": { requires: ["b>=2; extra == 'x'"], extras: ["x"] },
      "b 1": [],
    },
    roots: ["a[x]"],
    gives: ["b 1", "a[x] 1"],
  },
  {
    name: "an extra of the project itself",
    universe: {
      "a 1": { requires: ["a[y]; extra == 'all'", "b; extra == 'y'"], extras: ["all", "y"] },
      "b 1": [],
    },
    roots: ["a[all]"],
    gives: ["b 1", "a[all,y] 1"],
  },
  {
    name: "an unknown extra is a warning",
    universe: { "beta 2.0": [] },
    roots: ["beta[foo]"],
    gives: ["beta 2.0"],
    warns: [/^warning: beta 2\.0 does not provide the extra 'foo'$/],
  },

  // Constraints
  {
    name: "a constraint limits what something else needs, and adds nothing",
    universe: { "a 1": ["b"], "b 1": [], "b 2": [], "c 1": [] },
    roots: ["a"],
    constraints: ["b<2", "c==1"],
    gives: ["b 1", "a 1"],
  },
  {
    name: "constraints that exclude a requirement",
    universe: { "a 1": ["b>=2"], "b 1": [], "b 2": [] },
    roots: ["a"],
    constraints: ["b<2"],
    fails: "resolution-impossible",
    says: [
      /^The conflict is caused by:$/m,
      /^ {4}a 1 depends on b>=2$/m,
      /^ {4}The user requested \(constraint\) b<2$/m,
      /you constrain b<2/,
    ],
  },
  {
    name: "a constraint with a URL forces that wheel",
    universe: { "a 1": ["b"], "b 1": [] },
    directs: { "https://x.invalid/b-9-py3-none-any.whl": directOf("https://x.invalid/b-9-py3-none-any.whl", "b 9") },
    roots: ["a"],
    constraints: ["b @ https://x.invalid/b-9-py3-none-any.whl"],
    gives: ["b 9 direct", "a 1"],
  },
  {
    name: "a constraint must not have extras",
    universe: {},
    roots: ["a"],
    constraints: ["b[x]<2"],
    fails: "invalid-constraint",
  },

  // Files
  {
    name: "the best tag wins, then the build number",
    universe: { "a 1": { wheels: ["py3-none-any", "1-cp311-abi3-linux_x86_64", "2-cp311-abi3-linux_x86_64"] } },
    roots: ["a"],
    gives: ["a 1"],
    never: ["metadata a-1-py3", "metadata a-1-1-"],
  },
  {
    name: "versions without a wheel for this platform are passed over",
    universe: { "a 1": [], "a 2": { wheels: ["cp27-cp27m-win32"] } },
    roots: ["a"],
    gives: ["a 1"],
  },
  {
    name: "tags can be ignored",
    universe: { "a 1": [], "a 2": { wheels: ["cp27-cp27m-win32"] } },
    roots: ["a"],
    options: { ignoreTags: true },
    gives: ["a 2"],
  },
  {
    name: "format control",
    universe: { "a 1": [], "b 1": [] },
    roots: ["a", "b"],
    options: { allowedFormats: (key) => ({ wheel: key !== "a", sdist: true }) },
    fails: "no-matching-distribution",
    stderr: [
      "Could not find a version that satisfies the requirement a (from versions: none)",
      "No matching distribution found for a",
    ],
  },
  {
    name: "an older wheel rather than a newer source, while sources cannot be built",
    universe: { "a 1": [], "a 2": { wheels: [], sdist: true } },
    roots: ["a"],
    gives: ["a 1"],
  },
  {
    name: "only a source would do",
    universe: { "a 1": [], "a 2": { wheels: [], sdist: true } },
    roots: ["a>=2"],
    fails: "source-not-supported",
    stderr: ["Building from source is not supported yet: a-2.tar.gz (for a>=2)"],
  },
  {
    name: "hashes choose the file",
    universe: { "a 1": { sha256: "aa" }, "a 2": { sha256: "bb" } },
    roots: [],
    options: { requirements: [{ ...requirementOf("a"), hashes: ["sha256:aa"] }] },
    gives: ["a 1"],
  },

  // Requires-Python
  {
    name: "files for another Python are skipped without a look at their metadata",
    universe: { "a 1": [], "a 2": { python: ">=3.12" } },
    roots: ["a"],
    gives: ["a 1"],
    never: ["metadata a-2"],
  },
  {
    name: "Requires-Python of the metadata counts, too",
    universe: { "a 1": [], "a 2": { metadataPython: ">=3.12" } },
    roots: ["a"],
    gives: ["a 1"],
  },
  {
    name: "Requires-Python can be ignored",
    universe: { "a 1": [], "a 2": { python: ">=3.12" } },
    roots: ["a"],
    options: { ignoreRequiresPython: true },
    gives: ["a 2"],
  },
  {
    name: "versions ignored for their Requires-Python are named",
    universe: { "a 1": { python: ">=2.7,<3" }, "a 2": { python: "<3.11" } },
    roots: ["a"],
    fails: "no-matching-distribution",
    stderr: [
      "Ignored the following versions that require a different python version: 1 Requires-Python <3,>=2.7; 2 Requires-Python <3.11",
      "Could not find a version that satisfies the requirement a (from versions: none)",
      "No matching distribution found for a",
    ],
  },
  {
    name: "metadata that wants another Python",
    universe: { "a 1": { metadataPython: "<3" } },
    roots: ["a==1"],
    fails: "requires-python",
    stderr: ["Package 'a' requires a different Python: 3.11.7 not in '<3'"],
  },

  // Pre-releases
  { name: "finals before pre-releases", universe: { "a 1": [], "a 2rc1": [] }, roots: ["a"], gives: ["a 1"] },
  {
    name: "a pre-release where there is nothing else",
    universe: { "a 1b1": [], "a 1b2": [] },
    roots: ["a"],
    gives: ["a 1b2"],
  },
  {
    name: "a specifier that names one allows them",
    universe: { "a 1": [], "a 2rc1": [] },
    roots: ["a>=1rc1"],
    gives: ["a 2rc1"],
  },
  { name: "!= does not", universe: { "a 1": [], "a 2rc1": [], "a 2rc2": [] }, roots: ["a!=2rc1"], gives: ["a 1"] },
  {
    name: "no final in the range",
    universe: { "a 1": [], "a 2rc1": [] },
    roots: ["a>1"],
    gives: ["a 2rc1"],
  },
  {
    name: "another requirement that names one allows them for all",
    universe: { "a 1": [], "a 2rc1": [], "b 1": ["a>=2rc1"] },
    roots: ["a", "b"],
    gives: ["a 2rc1", "b 1"],
  },
  {
    name: "--pre",
    universe: { "a 1": [], "a 2rc1": [] },
    roots: ["a"],
    options: { prereleases: "allow" },
    gives: ["a 2rc1"],
  },
  {
    name: "finals that do not work are no reason for a pre-release",
    universe: { "a 1": ["missing"], "a 2rc1": [] },
    roots: ["a"],
    fails: "no-matching-distribution",
  },

  // Yanked
  {
    name: "yanked files are passed over",
    universe: { "a 1": [], "a 2": { yanked: "broken" } },
    roots: ["a"],
    gives: ["a 1"],
  },
  {
    name: "a pin takes a yanked file, with a warning",
    universe: { "a 1": [], "a 2": { yanked: "broken" } },
    roots: ["a==2"],
    gives: ["a 2"],
    warns: [/yanked version: 'a' candidate \(version 2 at a-2-py3-none-any\.whl .*\)\nReason for being yanked: broken/],
  },
  {
    name: "a range does not take a yanked file",
    universe: { "a 1": [], "a 2": { yanked: "broken" } },
    roots: ["a>=2"],
    fails: "no-matching-distribution",
    stderr: [
      "Ignored the following yanked versions: 2",
      "Could not find a version that satisfies the requirement a>=2 (from versions: 1)",
    ],
  },
  {
    name: "a range and a later pin: the pin is there when it counts",
    universe: { "a 1": { yanked: "broken" }, "b 1": ["a==1"] },
    roots: ["a>=1", "b"],
    gives: ["a 1", "b 1"],
    warns: [/yanked version: 'a' candidate/],
  },

  // Installed
  {
    name: "what is installed satisfies, index or not",
    universe: { "b 1": [], "b 2": [], "c 1": [] },
    installed: { "a 1": ["b"], "b 1": [] },
    roots: ["a", "c"],
    gives: ["c 1", "b 1 installed", "a 1 installed"],
    never: ["page a", "page b"],
  },
  {
    name: "a requirement upgrades what is installed",
    universe: { "b 1": [], "b 2": [], "c 1": ["b>=2"] },
    installed: { "b 1": [] },
    roots: ["c"],
    gives: ["b 2", "c 1"],
  },
  {
    name: "an installed pre-release satisfies",
    universe: { "a 1": [] },
    installed: { "a 2rc1": [] },
    roots: ["a>1"],
    gives: ["a 2rc1 installed"],
  },
  {
    name: "-U only-if-needed: the user's projects float, dependencies stay",
    universe: { "a 1": ["b"], "a 2": ["b"], "b 1": [], "b 2": [] },
    installed: { "a 1": ["b"], "b 1": [] },
    roots: ["a"],
    options: { upgrade: "only-if-needed" },
    gives: ["b 1 installed", "a 2"],
  },
  {
    name: "-U eager: everything floats",
    universe: { "a 1": ["b"], "a 2": ["b"], "b 1": [], "b 2": [] },
    installed: { "a 1": ["b"], "b 1": [] },
    roots: ["a"],
    options: { upgrade: "eager" },
    gives: ["b 2", "a 2"],
  },
  {
    name: "-U with the newest installed keeps it",
    universe: { "a 1": [], "a 2": [] },
    installed: { "a 2": [] },
    roots: ["a"],
    options: { upgrade: "only-if-needed" },
    gives: ["a 2 installed"],
  },
  {
    name: "-U keeps what no index has",
    universe: {},
    installed: { "a 2": [] },
    roots: ["a"],
    options: { upgrade: "only-if-needed" },
    gives: ["a 2 installed"],
  },
  {
    name: "--force-reinstall ignores what is installed in the whole graph",
    universe: { "a 1": ["b"], "b 1": [], "b 2": [] },
    installed: { "a 1": ["b"], "b 1": [] },
    roots: ["a"],
    options: { forceReinstall: true },
    gives: ["b 2", "a 1"],
  },
  {
    name: "-I, too",
    universe: { "a 1": ["b"], "b 1": [], "b 2": [] },
    installed: { "a 1": ["b"], "b 1": [] },
    roots: ["a"],
    options: { ignoreInstalled: true },
    gives: ["b 2", "a 1"],
  },

  // Metadata that is no good
  {
    name: "invalid metadata: a warning and the next version",
    universe: { "a 1": [], "a 2": ["b >>> 3"] },
    roots: ["a"],
    gives: ["a 1"],
    warns: [/^warning: Ignoring version 2 of a since it has invalid metadata:/],
  },
  {
    name: "invalid metadata of the only version",
    universe: { "a 2": ["b >>> 3"] },
    roots: ["a"],
    fails: "no-matching-distribution",
    stderr: ["No matching distribution found for a"],
    warns: [/invalid metadata/],
  },
  {
    name: "metadata of another project or version",
    universe: { "a 1": [], "a 2": { metadataVersion: "2.1" }, "a 3": { metadataName: "other" } },
    roots: ["a"],
    gives: ["a 1"],
    warns: [
      /Discarding a-3-py3-none-any\.whl: Requested a has inconsistent name: expected 'a', but metadata has 'other'/,
      /inconsistent version: expected '2', but metadata has '2\.1'/,
    ],
  },
  {
    name: "an installed distribution with broken requirements",
    universe: {},
    installed: { "a 1": ["b >>> 3"] },
    roots: ["a"],
    fails: "invalid-installed-metadata",
    says: [],
  },

  // URLs
  {
    name: "a wheel by URL",
    universe: { "a 3": [], "b 1": [] },
    directs: { "https://x.invalid/a.whl": directOf("https://x.invalid/a.whl", "a 2", { requires: ["b"] }) },
    roots: ["a @ https://x.invalid/a.whl"],
    gives: ["b 1", "a 2 direct"],
    never: ["page a"],
  },
  {
    name: "a wheel by URL satisfies what others ask of the project",
    universe: { "a 3": [], "b 1": ["a<3"] },
    directs: { "https://x.invalid/a.whl": directOf("https://x.invalid/a.whl", "a 2") },
    roots: ["b", "a @ https://x.invalid/a.whl"],
    gives: ["a 2 direct", "b 1"],
  },
  {
    name: "two URLs for one project",
    universe: {},
    directs: {
      "https://x.invalid/a.whl": directOf("https://x.invalid/a.whl", "a 2"),
      "https://y.invalid/a.whl": directOf("https://y.invalid/a.whl", "a 2"),
    },
    roots: ["a @ https://x.invalid/a.whl", "a @ https://y.invalid/a.whl"],
    fails: "resolution-impossible",
    stderr: [
      "Cannot install a @ https://x.invalid/a.whl and a @ https://y.invalid/a.whl because these package versions have conflicting dependencies.",
    ],
  },
  {
    name: "a URL in metadata binds the project, whatever was decided before",
    universe: { "a 9": [], "b 1": ["a @ https://x.invalid/a.whl"] },
    directs: { "https://x.invalid/a.whl": directOf("https://x.invalid/a.whl", "a 2") },
    roots: ["a", "b"],
    gives: ["a 2 direct", "b 1"],
  },
  {
    name: "a URL in metadata that does not fit is avoided",
    universe: { "a 9": [], "b 1": [], "b 2": ["a @ https://x.invalid/a.whl"] },
    directs: { "https://x.invalid/a.whl": directOf("https://x.invalid/a.whl", "a 2") },
    roots: ["a>=9", "b"],
    gives: ["b 1", "a 9"],
  },

  // Failures
  {
    name: "there is no such version",
    universe: { "a 1": [], "a 2": [], "a 10": [] },
    roots: ["a>10"],
    fails: "no-matching-distribution",
    stderr: [
      "Could not find a version that satisfies the requirement a>10 (from versions: 1, 2, 10)",
      "No matching distribution found for a>10",
    ],
  },
  {
    name: "there is no such project, for a dependency",
    universe: { "a 1": ["zzz; python_version > '3'"] },
    roots: ["a"],
    fails: "no-matching-distribution",
    stderr: [
      "Could not find a version that satisfies the requirement zzz (from a) (from versions: none)",
      "No matching distribution found for zzz (from a)",
    ],
  },
  {
    name: "an index that does not answer is not a project that is not there",
    universe: {},
    roots: ["a"],
    unreachable: true,
    fails: "index-unreachable",
    stderr: ["Could not look for a in https://down.invalid/simple: connection refused"],
  },
  {
    name: "an index that does not answer does not matter where another has the project",
    universe: { "a 1": [] },
    roots: ["a"],
    unreachable: true,
    gives: ["a 1"],
  },
  {
    name: "a conflict, in pip's lines and in a sentence",
    universe: { "a 1": ["c<2"], "b 2": ["c>=2,!=3"], "c 1": [], "c 2": [] },
    roots: ["a==1", "b==2 <- -r x.txt (line 3)"],
    fails: "resolution-impossible",
    stderr: [
      "Cannot install -r x.txt (line 3) and a==1 because these package versions have conflicting dependencies.",
      "ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts",
    ],
    says: [
      /^The conflict is caused by:\n {4}a 1 depends on c<2\n {4}b 2 depends on c!=3 and >=2$/m,
      /^Because you require a==1, a 1 depends on c<2, you require b==2 \(-r x\.txt \(line 3\)\) and b 2 depends on c!=3,>=2, your requirements cannot be satisfied\.$/m,
    ],
  },
  {
    name: "the user's own requirements exclude each other",
    universe: { "a 1": [], "a 2": [] },
    roots: ["a<2", "a>1"],
    fails: "resolution-impossible",
    stderr: ["Cannot install a<2 and a>1 because these package versions have conflicting dependencies."],
    says: [
      /The user requested a<2\n {4}The user requested a>1/,
      /^Because you require a<2 and you require a>1, your requirements cannot be satisfied\.$/m,
    ],
  },
  {
    name: "versions with the same claims are told together",
    universe: { "a 1": ["c<2"], "a 2": ["c<2"], "b 1": ["c>=2"], "b 2": ["c>=3"], "c 1": [], "c 2": [], "c 3": [] },
    roots: ["a", "b"],
    fails: "resolution-impossible",
    says: [
      /^Because you require a, a depends on c<2, you require b, b 2 depends on c>=3 and b 1 depends on c>=2, your requirements cannot be satisfied\.$/m,
    ],
  },
  {
    name: "a conflict that takes more than one step is proved",
    universe: {
      "a 1": ["c==1"],
      "a 2": ["c==2"],
      "b 1": ["d>=2"],
      "c 1": ["d<2"],
      "c 2": ["e"],
      "e 1": ["d==1"],
      "d 1": [],
      "d 2": [],
    },
    roots: ["a", "b"],
    fails: "resolution-impossible",
    says: [
      /^Because a 1 depends on c==1 and c 1 depends on d<2, a 1 requires d 1\.$/m,
      /^And because a 2 depends on c==2 and c 2 depends on e, a requires d 1 or e 1\.$/m,
      /^And because e 1 depends on d==1 and b 1 depends on d>=2, a is incompatible with b 1\.$/m,
      /^So, because you require a and you require b, your requirements cannot be satisfied\.$/m,
    ],
  },
  {
    name: "passwords in URLs are not told",
    universe: {},
    directs: {
      "https://me:secret@x.invalid/a.whl": {
        ...directOf("https://me:secret@x.invalid/a.whl", "a 2"),
        shownUrl: "https://me:****@x.invalid/a.whl",
      },
    },
    roots: ["a @ https://me:secret@x.invalid/a.whl", "a<2"],
    fails: "resolution-impossible",
    says: [/a @ https:\/\/me:\*\*\*\*@x\.invalid\/a\.whl/],
  },
];

for (const given of CASES) {
  test(given.name, async () => {
    const { directs = {}, installed, roots, constraints = [] } = given;
    const world = worldOf(given.universe, directs, given.unreachable);
    const messages: string[] = [];
    const input = inputOf(
      roots.map((text) => requirementOf(text, directs)),
      {
        constraints: constraints.map((text) => requirementOf(text, directs)),
        installed: environmentOf(installed),
        ...given.options,
      },
    );
    const outcome = await resolve(input, world.ports, callOf(messages)).catch((error: unknown) => error);
    if (given.gives) {
      if (outcome instanceof Error) throw outcome;
      assert.deepEqual(shown(outcome as Resolution), given.gives);
    } else {
      assert.equal((outcome as { code?: string }).code, given.fails, String((outcome as Error).stack));
      const { stderr = [], stdout = [] } = outcome as Partial<ResolutionError>;
      for (const line of given.stderr ?? [])
        assert.ok(stderr.includes(line), `${line}\nis not in\n${stderr.join("\n")}`);
      for (const pattern of given.says ?? []) assert.match(stdout.join("\n"), pattern);
      assert.doesNotMatch([...stderr, ...stdout].join("\n"), /secret/);
    }
    for (const pattern of given.warns ?? []) {
      assert.ok(
        messages.some((message) => pattern.test(message)),
        `${pattern}\nis not in\n${messages.join("\n")}`,
      );
    }
    if (!given.warns)
      assert.deepEqual(
        messages.filter((message) => message.startsWith("warning")),
        [],
      );
    for (const start of given.never ?? []) {
      assert.deepEqual(
        world.asked.filter((question) => question.startsWith(start)),
        [],
      );
    }
    assert.equal(new Set(world.asked).size, world.asked.length, "each question is asked once");
  });
}

test("says who asked for what", async () => {
  const { ports } = worldOf({ "a 1": ["b>=1"], "b 1": [], "c 1": ["b"] });
  const { candidates } = await resolve(
    inputOf([requirementOf("a"), requirementOf("c <- -r x.txt (line 1)")]),
    ports,
    callOf(),
  );
  const told = candidates.map(({ candidate, requestedBy, isUserRequested, dependencies }) => ({
    key: candidate.key as string,
    by: requestedBy.map(({ requirement, by, origin }) =>
      `${requirement.text} by ${by?.key ?? "user"} ${origin}`.trim(),
    ),
    isUserRequested,
    dependencies: dependencies.map(String),
  }));
  assert.deepEqual(told, [
    { key: "b", by: ["b>=1 by a", "b by c"], isUserRequested: false, dependencies: [] },
    { key: "c", by: ["c by user -r x.txt (line 1)"], isUserRequested: true, dependencies: ["b"] },
    { key: "a", by: ["a by user"], isUserRequested: true, dependencies: ["b"] },
  ]);
});

test("is cancelled by its call", async () => {
  const { ports } = worldOf({ "a 1": [] });
  const call = callOf([], AbortSignal.abort(new Error("enough")));
  await assert.rejects(resolve(inputOf([requirementOf("a")]), ports, call), /enough/);
});

test("a port's failure is the resolution's; one that was only a guess is not", async () => {
  const { ports } = worldOf({ "a 1": ["b<2"], "b 1": [], "b 2": [] });
  const failing = { ...ports, metadata: () => Promise.reject(new Error("no network")) };
  await assert.rejects(resolve(inputOf([requirementOf("a")]), failing, callOf()), /no network/);
  const unlucky = {
    ...ports,
    metadata: async (candidate: Parameters<typeof ports.metadata>[0]) =>
      candidate.version.text === "2" ? Promise.reject(new Error("unlucky")) : ports.metadata(candidate),
  };
  const { candidates } = await resolve(inputOf([requirementOf("b"), requirementOf("a")]), unlucky, callOf()).catch(() =>
    resolve(inputOf([requirementOf("a")]), unlucky, callOf()),
  );
  assert.equal(candidates.length, 2);
});

test("a search through many versions of one project asks for their metadata ahead", async () => {
  const universe: Record<string, readonly string[]> = { "b 1": [], "b 2": [] };
  for (let version = 1; version <= 40; version++) universe[`a ${version}`] = version === 1 ? [] : [`b==${version + 2}`];
  const { ports, asked } = worldOf(universe);
  const { candidates, statistics } = await resolve(inputOf([requirementOf("b"), requirementOf("a")]), ports, callOf());
  assert.deepEqual(
    candidates.map(({ candidate }) => `${candidate.key} ${candidate.version.text}`),
    ["b 2", "a 1"],
  );
  assert.equal(statistics.metadata, asked.filter((question) => question.startsWith("metadata")).length);
});
