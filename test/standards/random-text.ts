/** Random texts of PEP 440 and PEP 508, mostly valid, from small alphabets so that they meet. The same seed gives the same texts. */
export interface RandomText {
  int(below: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  list<T>(most: number, make: () => T): T[];
  /** Any spelling packaging reads, at times broken. */
  version(): string;
  /** Canonical. */
  plainVersion(): string;
  specifiers(): string;
  /** Canonical versions, without `===`. */
  plainSpecifiers(): string;
  marker(): string;
  requirement(): string;
  environment(): Record<string, string>;
  /** A character added, removed or replaced. */
  broken(text: string): string;
}

const STRANGE = Array.from(" \t\n,;()[]@<>=!~.*+-_'\"\\#aevxé\u00a0\u001f\ufeff019");
const SPACE = ["", "", "", " ", "  ", "\t"];
const OPERATORS = ["==", "!=", "<=", ">=", "<", ">", "~=", "==="];
const VARIABLES = [
  ..."os_name sys_platform platform_machine platform_python_implementation platform_release platform_system".split(" "),
  ..."platform_version python_version python_full_version implementation_name implementation_version extra".split(" "),
  ..."os.name sys.platform platform.version platform.machine platform.python_implementation python_implementation".split(
    " ",
  ),
  ..."python_version python_version python_full_version extra extra extras dependency_groups".split(" "),
];
const LITERALS = [
  ..."3 3.8 3.9 3.10 3.9.1 3.9.* 3.13.0rc1 3.13.0+ linux win32 posix CPython x86_64 cpython Foo_Bar foo-bar test".split(
    " ",
  ),
  ..."5.15.0-91-generic #1 7.3.13 os_name python_version 3,4 >=3.8 =3.8 v3.9".split(" "),
  "",
  "3.8 3.9",
  "linux,win32",
  "a'b",
  "a\\tb",
  "\\x41\\u0062\\103",
];

function spellVersion(random: Random, plain: boolean): string {
  const number = (): string =>
    plain
      ? String(random.int(3))
      : random.pick(["0", "1", "2", "1", "2", "00", "01", "10", "99", "20240101", "123456789012345678901"]);
  const separator = (): string => (plain ? "" : random.pick(["", "", ".", "-", "_"]));
  const release = [number(), ...random.list(3, number)].join(".");
  let text = (random.chance(0.1) ? `${number()}!` : "") + release;
  if (random.chance(0.3)) {
    const word = random.pick(
      plain ? ["a", "b", "rc"] : ["a", "alpha", "b", "beta", "c", "rc", "pre", "preview", "A", "RC", "Beta"],
    );
    text += separator() + word + (plain ? number() : separator() + random.pick([number(), ""]));
  }
  if (random.chance(0.25)) {
    if (plain) text += `.post${number()}`;
    else
      text += random.chance(0.3)
        ? `-${number()}`
        : separator() + random.pick(["post", "rev", "r", "POST"]) + separator() + random.pick([number(), ""]);
  }
  if (random.chance(0.25))
    text += plain
      ? `.dev${number()}`
      : `${separator()}${random.pick(["dev", "DEV"])}${separator()}${random.pick([number(), ""])}`;
  if (random.chance(0.2))
    text += `+${[random.pick(["a", "ab", "1", "0a", "10", "2"]), ...random.list(2, () => random.pick(["a", "b", "1", "10"]))].join(plain ? "." : random.pick([".", "-", "_"]))}`;
  return plain
    ? text
    : random.pick(["", "", "", "v", "V", " ", "\n"]) + text + random.pick(["", "", "", " ", "\t\n", "\u00a0"]);
}

type Random = Pick<RandomText, "int" | "chance" | "pick" | "list" | "broken">;

function spellSpecifier(random: Random, plain: boolean): string {
  const operator = random.pick(plain ? OPERATORS.slice(0, 7) : OPERATORS);
  let version = spellVersion(random, plain || random.chance(0.6));
  if (operator !== "===" && ((operator !== "==" && operator !== "!=") || random.chance(0.6)))
    version = version.replace(/\+.*$/s, "");
  if (operator === "~=" && !/^\D*(?:[0-9]+!)?[0-9]+\.[0-9]/.test(version))
    version = `1.${version.replace(/^[^0-9]+/, "").replace(/^[0-9]+!/, "")}`;
  if ((operator === "==" || operator === "!=") && random.chance(0.3))
    version = `${/[0-9!]+(?:\.[0-9]+)*/.exec(version)?.[0]}.*`;
  if (plain) return operator + version;
  return random.pick(SPACE) + operator + random.pick(SPACE) + version + random.pick(SPACE);
}

function spellMarker(random: Random, depth: number): string {
  const blank = (): string => random.pick(SPACE);
  if (depth > 0 && random.chance(0.4)) {
    const parts = [spellMarker(random, depth - 1), ...random.list(2, () => spellMarker(random, depth - 1))];
    const joined = parts.reduce((all, part) => `${all} ${random.pick(["and", "or"])} ${part}`);
    return random.chance(0.5) ? `(${blank()}${joined}${blank()})` : joined;
  }
  const variable = (): string => random.pick(VARIABLES);
  const literal = (): string => {
    const quote = random.pick(["'", '"']);
    return quote + random.pick(LITERALS) + quote;
  };
  const [left, right] = random.pick([
    [variable(), literal()],
    [variable(), literal()],
    [variable(), literal()],
    [literal(), variable()],
    random.pick([
      [literal(), literal()],
      [variable(), variable()],
    ]),
  ]) as [string, string];
  const operator = random.pick([...OPERATORS, "==", ">=", "<", " in ", " not in ", " not  in "]);
  return left + blank() + operator + blank() + right;
}

function spellRequirement(random: RandomText): string {
  const blank = (): string => random.pick(SPACE);
  const name = random.pick(["a", "A", "foo", "Foo_Bar", "foo.bar", "f-o.o_", "zope.interface", "x2", "9"]);
  const extras = random.chance(0.3)
    ? `[${blank()}${random.list(3, () => random.pick(["b", "a", "C_d", "e.f"])).join(`${blank()},${blank()}`)}${blank()}]`
    : "";
  const marker = random.chance(0.5) ? `;${blank()}${random.marker()}${blank()}` : "";
  if (random.chance(0.2)) {
    const url = random.pick([
      "https://example.org/a-1.0.zip#sha256=00",
      "file:///tmp/a;b",
      "git+ssh://git@example.org/a.git@v1",
      "./a b",
    ]);
    return blank() + name + blank() + extras + blank() + "@" + blank() + url + random.pick([" ", ""]) + marker;
  }
  const specifiers = random.specifiers();
  const written = random.chance(0.3) ? `(${specifiers})` : specifiers;
  return blank() + name + blank() + extras + blank() + written + blank() + marker;
}

/** Makes the texts of a seed (mulberry32). */
export function createRandomText(seed: number): RandomText {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const random: RandomText = {
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)] as (typeof list)[number],
    list: (most, make) => Array.from({ length: random.int(most + 1) }, make),
    version: () => (random.chance(0.15) ? random.broken(spellVersion(random, false)) : spellVersion(random, false)),
    plainVersion: () => spellVersion(random, true),
    specifiers: () => random.list(3, () => spellSpecifier(random, false)).join(","),
    plainSpecifiers: () => random.list(3, () => spellSpecifier(random, true)).join(","),
    marker: () => spellMarker(random, 2),
    requirement: () => spellRequirement(random),
    environment: () => ({
      implementation_name: "cpython",
      implementation_version: random.pick(["3.9.1", "3.13.0rc1", "7.3.13"]),
      os_name: random.pick(["posix", "nt"]),
      platform_machine: random.pick(["x86_64", "arm64", ""]),
      platform_python_implementation: random.pick(["CPython", "PyPy"]),
      platform_release: random.pick(["5.15.0-91-generic", "10", "23.1.0", ""]),
      platform_system: random.pick(["Linux", "Windows"]),
      platform_version: "#1 SMP",
      python_full_version: random.pick(["3.8.0", "3.9.1", "3.13.0rc1", "3.13.0+"]),
      python_version: random.pick(["3.8", "3.9", "3.10", "3.13"]),
      sys_platform: random.pick(["linux", "win32"]),
      extra: random.pick(["", "test", "foo-bar"]),
    }),
    broken: (text) => {
      const at = random.int(text.length + 1);
      return text.slice(0, at) + random.pick(["", random.pick(STRANGE)]) + text.slice(at + random.int(2));
    },
  };
  return random;
}
