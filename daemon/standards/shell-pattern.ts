/** Patterns of file names as Python's `fnmatch` reads them: `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`; case counts. */
export function shellPattern(pattern: string): (name: string) => boolean {
  const parts = partsOf(Array.from(pattern));
  return (name) => fits(name, parts);
}

/** A character of a name, or any number of them. */
type PatternPart = "*" | ((character: string) => boolean);

/** A shell pattern (`*`, `?`, `[...]`) in parts. */
function partsOf(pattern: readonly string[]): readonly PatternPart[] {
  const parts: PatternPart[] = [];
  // Where no class ends any more, every further bracket stands for itself: to look again for each would take the square of the length.
  const lastEnd = pattern.lastIndexOf("]");
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    const end = character === "[" ? classEnd(pattern, at + 1, lastEnd) : -1;
    if (character === "*") {
      if (parts.at(-1) !== "*") parts.push("*");
    } else if (character === "?") parts.push(() => true);
    else if (end !== -1) {
      parts.push(classOf(pattern.slice(at + 1, end)));
      at = end;
    } else parts.push((other) => other === character);
  }
  return parts;
}

/** The place of the bracket that ends a class, -1 if none does: one that stands first is a member. */
function classEnd(pattern: readonly string[], start: number, last: number): number {
  const first = pattern[start] === "!" ? start + 1 : start;
  const from = pattern[first] === "]" ? first + 1 : first;
  return from <= last ? pattern.indexOf("]", from) : -1;
}

/** What stands between the ends of a range: a hyphen elsewhere is one of the characters. */
const TO = Symbol("to");

type Member = string | typeof TO;

/** Only what is left without ranges that stand the wrong way tells whether the class says "not", as for Python. */
function classOf(characters: readonly string[]): (character: string) => boolean {
  const written = membersOf(characters);
  const isNegated = written[0] === "!";
  const members = isNegated ? written.slice(1) : written;
  const ranges: (readonly [number, number])[] = [];
  for (let at = 0; at < members.length; at++) {
    const low = codeOf(members[at]!);
    const isRange = members[at + 1] === TO;
    ranges.push([low, isRange ? codeOf(members[at + 2]!) : low]);
    if (isRange) at += 2;
  }
  return (character) => {
    const code = codeOf(character);
    return ranges.some(([low, high]) => low <= code && code <= high) !== isNegated;
  };
}

const codeOf = (member: Member): number => (member === TO ? "-" : member).codePointAt(0)!;

/** A range whose ends stand the wrong way has nothing in it: it goes, with its ends. */
function membersOf(characters: readonly string[]): readonly Member[] {
  const pieces = betweenRanges(characters);
  const members: Member[] = [...pieces.pop()!];
  for (const piece of pieces.toReversed()) {
    if (codeOf(piece.at(-1)!) > codeOf(members[0]!)) members.splice(0, 1, ...piece.slice(0, -1));
    else members.unshift(...piece, TO);
  }
  return members;
}

/** The characters of a class, cut at the hyphens of its ranges. One at an end of the class, or right behind a range, makes none. */
function betweenRanges(characters: readonly string[]): (readonly string[])[] {
  const pieces: (readonly string[])[] = [];
  let start = 0;
  let hyphen = characters.indexOf("-", characters[0] === "!" ? 2 : 1);
  while (hyphen !== -1 && hyphen < characters.length - 1) {
    pieces.push(characters.slice(start, hyphen));
    start = hyphen + 1;
    hyphen = characters.indexOf("-", hyphen + 3);
  }
  pieces.push(characters.slice(start));
  return pieces;
}

/** Whether the whole name fits. Goes back to the last `*` only, so that no pattern takes more than names times pattern. */
function fits(name: string, parts: readonly PatternPart[]): boolean {
  const characters = Array.from(name);
  let [at, part, starPart, starAt] = [0, 0, -1, 0];
  while (at < characters.length) {
    const current = parts[part];
    if (current === "*") {
      [starPart, starAt] = [part, at];
      part++;
    } else if (current?.(characters[at]!) === true) {
      at++;
      part++;
    } else if (starPart >= 0) {
      part = starPart + 1;
      at = ++starAt;
    } else return false;
  }
  return parts.slice(part).every((rest) => rest === "*");
}
