import {
  type Bound,
  boundAfterExactly,
  boundAfterLocals,
  boundAfterPosts,
  boundBefore,
  boundBeforeFamily,
  FIRST_BOUND,
  nextPrefix,
} from "./version-bound.ts";
import type { VersionParts } from "./version-parts.ts";

/** Operators that compare versions; `===` compares text. */
export type OrderOperator = "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">";

/** Where the versions that match an operator begin and end, in turn and ascending (PEP 440, "Version specifiers"). */
export function boundsOfSpecifier(operator: OrderOperator, parts: VersionParts, wildcard: boolean): readonly Bound[] {
  switch (operator) {
    case ">=":
      return [boundBefore(parts)];
    case ">":
      return [boundAfterPosts(parts)];
    case "<=":
      return [FIRST_BOUND, boundAfterLocals(parts)];
    case "<": {
      // `<1.0` leaves out the pre-releases of 1.0, `<1.0rc1` does not leave out 1.0b1.
      const isPrerelease = parts.pre !== undefined || parts.dev !== undefined;
      return [FIRST_BOUND, isPrerelease ? boundBefore(parts) : boundBeforeFamily(parts)];
    }
    case "~=": {
      const series = { ...parts, release: parts.release.slice(0, -1) };
      return [boundBefore(parts), boundBeforeFamily(nextPrefix(series))];
    }
    case "==":
    case "!=": {
      const [begin, end] = equalBounds(parts, wildcard);
      return operator === "==" ? [begin, end] : [FIRST_BOUND, begin, end];
    }
  }
}

function equalBounds(parts: VersionParts, wildcard: boolean): readonly [Bound, Bound] {
  if (wildcard) return [boundBeforeFamily(parts), boundBeforeFamily(nextPrefix(parts))];
  return [boundBefore(parts), parts.local === undefined ? boundAfterLocals(parts) : boundAfterExactly(parts)];
}
