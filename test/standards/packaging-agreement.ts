import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { InvalidText } from "../../daemon/standards/invalid-text.ts";
import { evaluateMarker, type Marker, type MarkerEnvironment, parseMarker } from "../../daemon/standards/marker.ts";
import { parseRequirement } from "../../daemon/standards/requirement.ts";
import {
  filterVersions,
  intersectSpecifiers,
  mentionsPrerelease,
  parseSpecifierSet,
  specifierContains,
} from "../../daemon/standards/specifier.ts";
import { compareVersions, parseVersion, tryParseVersion } from "../../daemon/standards/version.ts";
import {
  intersectRanges,
  isEmptyRange,
  isSubsetRange,
  rangeOf,
  rangesDisjoint,
  rangesEqual,
} from "../../daemon/standards/version-range.ts";
import { type Case, packagingCases, type Question } from "./packaging-oracle.ts";
import { createRandomText, type RandomText } from "./random-text.ts";

/** An environment of packaging's: the extra is one of its variables. */
export type FullEnvironment = MarkerEnvironment & { readonly extra: string };

/** What packaging says of a version; numbers as text. */
interface VersionAnswer {
  readonly text: string;
  readonly epoch: string;
  readonly release: readonly string[];
  readonly pre: readonly [string, string] | null;
  readonly post: string | null;
  readonly dev: string | null;
  readonly local: string | null;
  readonly flags: readonly [boolean, boolean, boolean];
}

/** What packaging says of a set; each answer for pre-releases by default, allowed, not allowed. */
interface SetAnswer {
  readonly text: string;
  readonly prereleases: boolean;
  readonly contains: readonly (readonly ("y" | "n")[])[];
  readonly filter: readonly (readonly string[])[];
}

interface RelationAnswer {
  readonly text: string;
  readonly empty: boolean;
  readonly subset: boolean;
  readonly disjoint: boolean;
  readonly equal: boolean;
}

/** Why packaging refuses a text, and the part of it that is wrong. */
interface Refusal {
  readonly error: string;
  readonly span: readonly [number, number] | null;
}

/** A value of null: the comparison has no meaning. */
type MarkerAnswer = { readonly text: string; readonly values: readonly (boolean | null)[] } | Refusal;

type RequirementAnswer =
  | {
      readonly name: string;
      readonly extras: readonly string[];
      readonly specifier: string;
      readonly url: string | null;
      readonly marker: string | null;
      readonly text: string;
      readonly values: readonly (boolean | null)[] | null;
    }
  | Refusal;

export type SetQuestion = readonly ["set", specifiers: string, versions: readonly string[]];
export type MarkerQuestion = readonly ["marker", text: string, environments: readonly FullEnvironment[]];
export type RequirementQuestion = readonly ["requirement", text: string, environments: readonly FullEnvironment[]];

const PRERELEASES = [undefined, true, false] as const;

/** Asks packaging random questions, and compares each answer with ours. The seed is printed; `PIPD_TEST_SEED` repeats it. */
function agree<Q extends Question, A>(
  t: TestContext,
  name: string,
  count: number,
  ask: (random: RandomText) => Q,
  compare: (one: Case<Q, A>, about: string) => void,
): void {
  const { cases, seed } = packagingCases<Q, A>(name, (seed) => {
    const random = createRandomText(seed);
    return Array.from({ length: count }, () => ask(random));
  });
  assert.ok(cases.length > 0);
  const isRefused = ({ answer }: Case<Q, A>): boolean =>
    answer === null || (typeof answer === "object" && "error" in answer);
  t.diagnostic(`seed ${seed}, ${cases.length} cases, ${cases.filter(isRefused).length} of them refused`);
  for (const one of cases) compare(one, `${JSON.stringify(one.question)}, seed ${seed}`);
}

/** Parts, canonical text and refusals of versions. */
export function agreeOnVersions(t: TestContext, count: number): void {
  type Q = readonly ["version", string];
  agree<Q, VersionAnswer | null>(
    t,
    "versions",
    count,
    (random) => ["version", random.version()],
    ({ question, answer }, about) => {
      const version = tryParseVersion(question[1]);
      if (version === undefined || answer === null) {
        assert.equal(version?.text ?? null, answer?.text ?? null, about);
        return;
      }
      const number = (text: string | null): number | undefined => (text === null ? undefined : Number(text));
      assert.deepEqual(
        { ...version, key: "", local: version.text.split("+")[1] ?? null, pre: version.pre ?? null },
        {
          text: answer.text,
          key: "",
          epoch: Number(answer.epoch),
          release: answer.release.map(Number),
          pre: answer.pre === null ? null : [answer.pre[0], Number(answer.pre[1])],
          post: number(answer.post),
          dev: number(answer.dev),
          local: answer.local,
          isPrerelease: answer.flags[0],
          isPostrelease: answer.flags[1],
          isDevrelease: answer.flags[2],
        },
        about,
      );
      assert.equal(parseVersion(version.text).key, version.key, about);
    },
  );
}

/** The order of two versions. */
export function agreeOnOrder(t: TestContext, count: number): void {
  const valid = (random: RandomText): string => {
    const text = random.chance(0.7) ? random.plainVersion() : random.version();
    return tryParseVersion(text) === undefined ? random.plainVersion() : text;
  };
  type Q = readonly ["compare", string, string];
  agree<Q, number>(
    t,
    "comparisons",
    count,
    (random) => ["compare", valid(random), valid(random)],
    ({ question, answer }, about) => {
      assert.equal(compareVersions(parseVersion(question[1]), parseVersion(question[2])), answer, about);
    },
  );
}

/** One set of specifiers: its text, what it contains and what it filters. */
export function compareSet({ question, answer }: Case<SetQuestion, SetAnswer | null>, about: string): void {
  if (answer === null) {
    assert.throws(() => parseSpecifierSet(question[1]), InvalidText, about);
    return;
  }
  const set = parseSpecifierSet(question[1]);
  const versions = question[2].map(parseVersion);
  assert.deepEqual(
    {
      text: set.text,
      prereleases: mentionsPrerelease(set),
      contains: versions.map((one) => PRERELEASES.map((allowed) => (specifierContains(set, one, allowed) ? "y" : "n"))),
      filter: PRERELEASES.map((allowed) => filterVersions(set, versions, allowed).map((one) => one.text)),
    },
    answer,
    about,
  );
}

export function agreeOnSets(t: TestContext, count: number): void {
  const ask = (random: RandomText): SetQuestion => {
    const text = random.chance(0.5) ? random.plainSpecifiers() : random.specifiers();
    const versions = Array.from({ length: 6 }, () => random.plainVersion());
    return ["set", random.chance(0.1) ? random.broken(text) : text, versions];
  };
  agree(t, "specifier-sets", count, ask, compareSet);
}

/** Whether one set is part of another, equal to it, apart from it. */
export function agreeOnRelations(t: TestContext, count: number): void {
  // Not "": for packaging no specifiers accept texts that are no versions, too.
  const specifiers = (random: RandomText): string => random.plainSpecifiers() || ">=0.dev0";
  type Q = readonly ["relation", string, string];
  const ask = (random: RandomText): Q => ["relation", specifiers(random), specifiers(random)];
  agree<Q, RelationAnswer>(t, "relations", count, ask, ({ question, answer }, about) => {
    const [a, b] = [parseSpecifierSet(question[1]), parseSpecifierSet(question[2])];
    const [x, y] = [rangeOf(a), rangeOf(b)];
    assert.deepEqual(
      {
        text: intersectSpecifiers(a, b).text,
        empty: isEmptyRange(intersectRanges(x, y)),
        subset: isSubsetRange(x, y),
        disjoint: rangesDisjoint(x, y),
        equal: rangesEqual(x, y),
      },
      answer,
      about,
    );
  });
}

/** As packaging: null where the comparison has no meaning. */
function valueIn(marker: Marker, { extra, ...environment }: FullEnvironment): boolean | null {
  try {
    return evaluateMarker(marker, environment, extra);
  } catch (error) {
    if (error instanceof InvalidText) return null;
    throw error;
  }
}

/** What a refusal has to say: beyond ASCII packaging's word boundaries know all letters, and it may find the mistake elsewhere. */
function reasonOf(text: string, { error, span }: Refusal): object {
  return span !== null && /^[\0-\x7f]*$/.test(text) ? { message: error, span } : {};
}

export function agreeOnMarkers(t: TestContext, count: number): void {
  const ask = (random: RandomText): MarkerQuestion => {
    const text = random.marker();
    const environments = Array.from({ length: 3 }, () => random.environment() as FullEnvironment);
    return ["marker", random.chance(0.15) ? random.broken(text) : text, environments];
  };
  agree<MarkerQuestion, MarkerAnswer>(t, "markers", count, ask, ({ question, answer }, about) => {
    if ("error" in answer) {
      assert.throws(() => parseMarker(question[1]), { kind: "marker", ...reasonOf(question[1], answer) }, about);
      return;
    }
    const marker = parseMarker(question[1]);
    const values = question[2].map((environment) => valueIn(marker, environment));
    assert.deepEqual({ text: marker.text, values }, answer, about);
  });
}

/** One requirement: its parts, its text, the values of its marker or why it is refused. */
export function compareRequirement(
  { question, answer }: Case<RequirementQuestion, RequirementAnswer>,
  about: string,
): void {
  if ("error" in answer) {
    assert.throws(
      () => parseRequirement(question[1]),
      { kind: "requirement", ...reasonOf(question[1], answer) },
      about,
    );
    return;
  }
  const { name, extras, specifier, url, marker, text } = parseRequirement(question[1]);
  const values = marker === undefined ? null : question[2].map((environment) => valueIn(marker, environment));
  assert.deepEqual(
    { name, extras, specifier: specifier.text, url: url ?? null, marker: marker?.text ?? null, text, values },
    answer,
    about,
  );
}

export function agreeOnRequirements(t: TestContext, count: number): void {
  const ask = (random: RandomText): RequirementQuestion => {
    const text = random.requirement();
    return ["requirement", random.chance(0.3) ? random.broken(text) : text, [random.environment() as FullEnvironment]];
  };
  agree(t, "requirements", count, ask, compareRequirement);
}
