import assert from "node:assert/strict";
import { test } from "node:test";
import type { ResolveInput } from "../../daemon/resolver/ports.ts";
import { findSatisfied } from "../../daemon/resolver/satisfied.ts";
import { inputOf, installedOf, releaseOf, requirementOf, type Universe } from "./universe.ts";

function inputFor(roots: readonly string[], installed: Universe, more: Partial<ResolveInput> = {}): ResolveInput {
  const distributions = Object.entries(installed).map(([text, release]) => {
    const [name, version] = text.split(" ") as [string, string];
    return installedOf(name, version, releaseOf(release));
  });
  return inputOf(
    roots.map((text) => requirementOf(text)),
    { installed: new Map(distributions.map((made) => [made.key, made])), ...more },
  );
}

const ENVIRONMENT: Universe = {
  "app 1.0": [
    "web>=2",
    "lib[fast]",
    "tool",
    "zeta<9",
    'gone; sys_platform == "win32"',
    'mark>=1; python_version >= "3"',
  ],
  "web 2.1": ["core==1.5", "alpha"],
  "core 1.5": [],
  "alpha 0.1": ["lib"],
  "lib 3.0": { requires: ["speed~=1.2; extra == 'fast'", "alpha"], extras: ["fast"] },
  "speed 1.2.3": [],
  "tool 5": ["app"],
  "zeta 8": [],
  "mark 1": [],
};

/** The lines pip 26.3 prints for the same environment, as "text (from) (version)". */
const CASES: readonly { readonly roots: readonly string[]; readonly lines: readonly string[] }[] = [
  {
    roots: ["app"],
    lines: [
      "app <- 1.0",
      "web>=2 <- app 2.1",
      "lib[fast] <- app 3.0",
      "tool <- app 5",
      "zeta<9 <- app 8",
      "mark>=1 <- app 1",
      "core==1.5 <- web>=2->app 1.5",
      "alpha <- web>=2->app 0.1",
      "speed~=1.2 <- lib[fast]->app 1.2.3",
    ],
  },
  {
    roots: ["lib[fast]>=1", "web", "tool <- -r x.txt (line 2)"],
    lines: [
      "lib>=1 <- lib[fast]>=1 3.0",
      "web <- 2.1",
      "tool <- -r x.txt (line 2) 5",
      "alpha <- lib>=1->lib[fast]>=1 0.1",
      "core==1.5 <- web 1.5",
      "app <- tool->-r x.txt (line 2) 1.0",
      "speed~=1.2 <- lib[fast]>=1 1.2.3",
      "zeta<9 <- app->tool->-r x.txt (line 2) 8",
      "mark>=1 <- app->tool->-r x.txt (line 2) 1",
    ],
  },
];

for (const { roots, lines } of CASES) {
  test(`${roots.join(" ")}: everything is satisfied, in pip's order`, () => {
    const walk = findSatisfied(inputFor(roots, ENVIRONMENT));
    assert.deepEqual(
      walk?.satisfied.map(
        ({ text, from, installed }) => `${text} <- ${from}${from === "" ? "" : " "}${installed.version}`,
      ),
      lines,
    );
    assert.deepEqual(walk.warnings, []);
  });
}

test("what is not satisfied is left to the resolver", () => {
  const unsatisfied: readonly (readonly [readonly string[], Partial<ResolveInput>])[] = [
    [["missing"], {}],
    [["app>1"], {}],
    [["lib @ https://x.invalid/lib.whl"], {}],
    [["app"], { upgrade: "only-if-needed" }],
    [["app"], { upgrade: "eager" }],
    [["app"], { forceReinstall: true }],
    [["app"], { ignoreInstalled: true }],
    [["app"], { constraints: [requirementOf("core<1.5")] }],
  ];
  for (const [roots, more] of unsatisfied) assert.equal(findSatisfied(inputFor(roots, ENVIRONMENT, more)), undefined);
  const broken = { ...ENVIRONMENT, "core 1.5": ["nowhere"] };
  assert.equal(findSatisfied(inputFor(["app"], broken)), undefined);
  assert.ok(findSatisfied(inputFor(["core"], broken, { noDeps: true })));
  assert.ok(findSatisfied(inputFor(["app"], ENVIRONMENT, { constraints: [requirementOf("core<=1.5")] })));
});

test("an extra that is not provided is a warning", () => {
  const walk = findSatisfied(inputFor(["core[none]"], ENVIRONMENT));
  assert.deepEqual(walk?.warnings, ["core 1.5 does not provide the extra 'none'"]);
});
