/** Patterns of file names as Python's `fnmatch` reads them: `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`; case counts. */
export function shellPattern(pattern: string): (name: string) => boolean {
  const parts = partsOf(pattern);
  return (name) => fits(name, parts);
}

/** A character of a name, or any number of them. */
type PatternPart = "*" | ((character: string) => boolean);

/** A shell pattern (`*`, `?`, `[...]`) in parts. */
function partsOf(pattern: string): readonly PatternPart[] {
  const parts: PatternPart[] = [];
  // A class is short: looking for the end of one that has none would take the square of the length.
  for (const [text] of pattern.matchAll(/\*+|\[!?[^\]]{1,100}\]|./gsu)) {
    if (text.startsWith("*")) parts.push("*");
    else if (text === "?") parts.push(() => true);
    else if (text.length > 1 && text.startsWith("[")) parts.push(classOf(text));
    else parts.push((character) => character === text);
  }
  return parts;
}

function classOf(text: string): (character: string) => boolean {
  const negated = text.startsWith("[!");
  const members = text.slice(negated ? 2 : 1, -1);
  const ranges = [...members.matchAll(/(.)-(.)|(.)/gsu)].map(
    ([, low, high, one]) => [low ?? one!, high ?? one!] as const,
  );
  return (character) => ranges.some(([low, high]) => low <= character && character <= high) !== negated;
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
