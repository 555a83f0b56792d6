import assert from "node:assert/strict";
import { test } from "node:test";
import { explain, externalsOf, type Wording } from "../../daemon/pubgrub/explanation.ts";
import type { Provider } from "../../daemon/pubgrub/provider.ts";
import { type Outcome, solve } from "../../daemon/pubgrub/solver.ts";
import type { VersionSet } from "../../daemon/pubgrub/version-set.ts";

/** Versions are 0 to 29, sets of them are bits: the simplest Boolean algebra there is. */
const BITS = 30;
const ALL = 2 ** BITS - 1;
const sets: VersionSet<number, number> = {
  empty: 0,
  full: ALL,
  contains: (set, version) => ((set >> version) & 1) === 1,
  union: (a, b) => a | b,
  intersect: (a, b) => a & b,
  complement: (set) => ALL & ~set,
  isEmpty: (set) => set === 0,
  isSubset: (a, b) => (a & ~b) === 0,
  isDisjoint: (a, b) => (a & b) === 0,
};

/** package -> version -> dependency -> range ("any", "2", "1-3", "!2"). "" is the root, at version 0. */
type Universe = Readonly<Record<string, Readonly<Record<number, Readonly<Record<string, string>>>>>>;

function parseSet(text: string): number {
  if (text === "any") return ALL;
  if (text.startsWith("!")) return ALL & ~parseSet(text.slice(1));
  const [first, last = first] = text.split("-").map(Number) as [number, number?];
  let set = 0;
  for (let version = first; version <= last; version++) set |= 1 << version;
  return set;
}

function inWords(name: string, set: number): string {
  if (set === ALL) return name;
  const versions = [...Array(BITS).keys()].filter((version) => sets.contains(set, version));
  return versions.length > BITS / 2
    ? `${name}!${[...Array(BITS).keys()].filter((version) => !versions.includes(version)).join("!")}`
    : `${name} ${versions.join("|")}`;
}

/** `eager`: decisions may be withdrawn in favour of later packages. */
function providerOf(universe: Universe, eager: boolean): Provider<number, number> {
  return {
    sets,
    choosePackage: (view) =>
      [...view.undecided].sort(
        (a, b) =>
          Number(view.isPromoted(b)) - Number(view.isPromoted(a)) ||
          view.lateness(a) - view.lateness(b) ||
          (a < b ? -1 : 1),
      )[0]!,
    chooseVersion(name, set) {
      const versions = Object.keys(universe[name] ?? {}).map(Number);
      const version = versions.filter((candidate) => sets.contains(set, candidate)).sort((a, b) => b - a)[0];
      return version === undefined ? { kind: "no-versions", reason: undefined } : { kind: "version", version };
    },
    // Every second answer is a promise: the solver must not care.
    dependencies(name, version) {
      const list = Object.entries(universe[name]![version]!).map(([dependency, range]) => ({
        package: dependency,
        set: parseSet(range),
        key: range,
        reason: undefined,
      }));
      const answer = { kind: "known", list } as const;
      return version % 2 === 0 ? answer : Promise.resolve(answer);
    },
    versionSet: (_, version) => 1 << version,
    canReconsider: (name, set) => eager && Object.keys(universe[name] ?? {}).some((v) => sets.contains(set, Number(v))),
  };
}

const wording: Wording<number> = {
  isTrivial: ({ cause }) => cause.kind === "no-versions" && cause.package === "gaps",
  isRequest: ({ cause }) => cause.kind === "dependency" && cause.depender === "",
  external({ cause }) {
    if (cause.kind === "dependency") {
      const who = cause.depender === "" ? "you require" : `${inWords(cause.depender, cause.set)} depends on`;
      return `${who} ${inWords(cause.dependency, cause.dependencySet)}`;
    }
    return cause.kind === "no-versions" ? `there is no ${inWords(cause.package, cause.set)}` : "you ask";
  },
  derived({ terms }) {
    const others = terms.filter((term) => term.package !== "");
    if (others.length === 0) return "your requirements cannot be satisfied";
    return others.map((term) => (term.positive ? "not " : "") + inWords(term.package, term.set)).join(" or ");
  },
};

const solveUniverse = (universe: Universe, eager = false): Promise<Outcome<number, number>> =>
  solve(providerOf(universe, eager), "", 0);

/** The worked examples of https://github.com/dart-lang/pub/blob/master/doc/solver.md, and of pub's own tests. */
const CASES: readonly {
  readonly name: string;
  readonly universe: Universe;
  readonly solution?: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly explanation?: readonly string[];
}[] = [
  {
    name: "no conflicts",
    universe: { "": { 0: { foo: "1-9" } }, foo: { 1: { bar: "1-9" } }, bar: { 1: {}, 2: {} } },
    solution: { foo: 1, bar: 2 },
    attempts: 1,
  },
  {
    name: "avoiding a conflict during decision making",
    universe: {
      "": { 0: { foo: "10-19", bar: "10-19" } },
      foo: { 11: { bar: "20-29" }, 10: {} },
      bar: { 10: {}, 11: {}, 20: {} },
    },
    solution: { foo: 10, bar: 11 },
    attempts: 1,
  },
  {
    name: "performing conflict resolution",
    universe: {
      "": { 0: { foo: "10-29" } },
      foo: { 20: { bar: "10-19" }, 10: {} },
      bar: { 10: { foo: "10-19" } },
    },
    solution: { foo: 10 },
    attempts: 2,
  },
  {
    name: "conflict resolution with a partial satisfier",
    universe: {
      "": { 0: { foo: "10-19", target: "20-29" } },
      foo: { 11: { left: "10-19", right: "10-19" }, 10: {} },
      left: { 10: { shared: "10-29" } },
      right: { 10: { shared: "1-19" } },
      shared: { 20: {}, 10: { target: "10-19" } },
      target: { 20: {}, 10: {} },
    },
    solution: { foo: 10, target: 20 },
    attempts: 2,
  },
  {
    name: "linear error",
    universe: {
      "": { 0: { foo: "10-12", baz: "10" } },
      foo: { 10: { bar: "20" } },
      bar: { 20: { baz: "20" } },
      baz: { 10: {}, 20: {} },
    },
    attempts: 2,
    explanation: [
      "Because foo 10 depends on bar 20 and there is no foo 11|12, bar 20 or not foo 10|11|12.",
      "And because bar 20 depends on baz 20, not foo 10|11|12 or baz 20.",
      "So, because you require foo 10|11|12 and you require baz 10, your requirements cannot be satisfied.",
    ],
  },
  {
    name: "a missing package",
    universe: { "": { 0: { foo: "any" } } },
    attempts: 1,
    explanation: ["Because you require foo and there is no foo, your requirements cannot be satisfied."],
  },
  {
    name: "facts that go without saying are not said",
    universe: { "": { 0: { gaps: "1-9", b: "1" } }, gaps: { 2: { b: "2" } }, b: { 1: {}, 2: {} } },
    attempts: 1,
    explanation: [
      "Because you require gaps 1|2|3|4|5|6|7|8|9 and gaps 2 depends on b 2, b 2.",
      "So, because you require b 1, your requirements cannot be satisfied.",
    ],
  },
  {
    name: "a package that depends on a version of itself's dependency it cannot have",
    universe: { "": { 0: { a: "any", b: "1" } }, a: { 1: { b: "2" }, 2: { b: "2" } }, b: { 1: {}, 2: {} } },
    attempts: 1,
  },
  {
    name: "backjumps past an unrelated package",
    universe: {
      "": { 0: { a: "any", b: "any", c: "any" } },
      a: { 1: {}, 2: { c: "1" } },
      b: { 1: {}, 2: {}, 3: {} },
      c: { 1: { x: "1" }, 2: {} },
      x: { 2: {} },
    },
    solution: { a: 1, b: 3, c: 2 },
    attempts: 2,
  },
];

for (const { name, universe, solution, attempts, explanation } of CASES) {
  test(name, async () => {
    const outcome = await solveUniverse(universe);
    if (outcome.kind === "solved") {
      assert.deepEqual(Object.fromEntries(outcome.decisions.map((d) => [d.package, d.version])), solution);
    } else {
      assert.equal(solution, undefined);
      assert.ok(externalsOf(outcome.conflict).length > 0);
      const lines = explain(outcome.conflict, wording);
      assert.match(lines.at(-1)!, /your requirements cannot be satisfied\.$/);
      if (explanation) assert.deepEqual(lines, explanation);
    }
    assert.equal(outcome.statistics.attempts, attempts);
  });
}

test("many versions with the same dependency are one fact", async () => {
  const versions = Object.fromEntries([...Array(25).keys()].map((version) => [version + 1, { b: "2" }]));
  const outcome = await solveUniverse({ "": { 0: { a: "any", b: "1" } }, a: versions, b: { 1: {}, 2: {} } });
  assert.equal(outcome.kind, "failed");
  assert.ok(outcome.statistics.conflicts <= 2, `${outcome.statistics.conflicts} conflicts`);
});

test("an early decision gives way to the best version of a later package, where it can", async () => {
  const universe: Universe = { "": { 0: { a: "any", b: "any" } }, a: { 1: {}, 2: {} }, b: { 1: {}, 2: { a: "1" } } };
  const eager = await solveUniverse(universe, true);
  assert.equal(eager.kind, "solved");
  assert.deepEqual(eager.kind === "solved" && eager.decisions.map((d) => `${d.package}${d.version}`).sort(), [
    "a1",
    "b2",
  ]);
  assert.equal(eager.statistics.postponements, 1);
  const strict = await solveUniverse(universe);
  assert.deepEqual(strict.kind === "solved" && strict.decisions.map((d) => `${d.package}${d.version}`), ["a2", "b1"]);
});

test("stops when it is cancelled, and lets others work", async () => {
  const universe: Universe = { "": { 0: { a: "any" } }, a: { 1: {} } };
  const provider = providerOf(universe, false);
  await assert.rejects(solve(provider, "", 0, { signal: AbortSignal.abort(new Error("enough")) }), /enough/);
  let pauses = 0;
  await solve(provider, "", 0, { pause: () => (pauses++ % 2 === 0 ? Promise.resolve() : undefined) });
  assert.ok(pauses > 0);
});

test("passes a provider's failure on", async () => {
  const provider = {
    ...providerOf({ "": { 0: { a: "any" } } }, false),
    chooseVersion: () => Promise.reject(new Error("no network")),
  };
  await assert.rejects(solve(provider, "", 0), /no network/);
});

/** A small pseudo-random generator (mulberry32), so that a failure can be had again by its seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function randomUniverse(seed: number): Universe {
  const random = randomOf(seed);
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, 3 + random(4));
  const ranges = (): string => {
    const first = 1 + random(4);
    return [`${first}`, `${first}-${Math.min(5, first + random(3))}`, `!${first}`, "any"][random(4)]!;
  };
  const dependencies = (own: string): Record<string, string> => {
    const wanted = names.filter((name) => name !== own && random(3) === 0);
    return Object.fromEntries(wanted.map((name) => [name, ranges()]));
  };
  const universe: Record<string, Record<number, Record<string, string>>> = { "": { 0: {} } };
  for (const name of names) {
    universe[name] = {};
    for (let version = 1; version <= 1 + random(5); version++) universe[name][version] = dependencies(name);
  }
  universe[""] = { 0: { ...dependencies(""), a: ranges() } };
  return universe;
}

/** Is there any choice of versions (or none) for all packages that satisfies every dependency? By trying all. */
function hasSolution(universe: Universe): boolean {
  const names = Object.keys(universe).filter((name) => name !== "");
  const choice: Record<string, number | undefined> = { "": 0 };
  const isValid = (): boolean =>
    Object.entries(choice).every(
      ([name, version]) =>
        version === undefined ||
        Object.entries(universe[name]![version]!).every(([dependency, range]) => {
          const chosen = choice[dependency];
          return chosen !== undefined && sets.contains(parseSet(range), chosen);
        }),
    );
  const tryFrom = (index: number): boolean => {
    const name = names[index];
    if (name === undefined) return isValid();
    for (const version of [undefined, ...Object.keys(universe[name]!).map(Number)]) {
      choice[name] = version;
      if (tryFrom(index + 1)) return true;
    }
    choice[name] = undefined;
    return false;
  };
  return tryFrom(0);
}

test("random universes: a solution is found exactly when there is one, it is valid and minimal, and always the same", async () => {
  for (let seed = 1; seed <= 600; seed++) {
    const universe = randomUniverse(seed);
    const expected = hasSolution(universe);
    for (const eager of [false, true]) {
      const outcome = await solveUniverse(universe, eager);
      assert.equal(outcome.kind, expected ? "solved" : "failed", `seed ${seed}`);
      if (outcome.kind === "failed") {
        explain(outcome.conflict, wording);
        continue;
      }
      const chosen = new Map([["", 0], ...outcome.decisions.map((d) => [d.package, d.version] as const)]);
      const needed = new Set<string>();
      for (const [name, version] of chosen) {
        for (const [dependency, range] of Object.entries(universe[name]![version]!)) {
          needed.add(dependency);
          const found = chosen.get(dependency);
          assert.ok(
            found !== undefined && sets.contains(parseSet(range), found),
            `seed ${seed}: ${name} needs ${dependency}`,
          );
        }
      }
      for (const name of chosen.keys())
        assert.ok(name === "" || needed.has(name), `seed ${seed}: nothing needs ${name}`);
      assert.deepEqual(await solveUniverse(universe, eager), outcome, `seed ${seed}`);
    }
  }
});
