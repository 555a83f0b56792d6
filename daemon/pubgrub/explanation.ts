import type { Cause, Incompatibility } from "./incompatibility.ts";

/** How the caller puts incompatibilities into words, as clauses without a full stop. */
export interface Wording<S> {
  /** One that was given: "a 1.0 depends on b<2". */
  external(of: Incompatibility<S>): string;
  /** One that follows from others: "a 1.0 needs b<2", "a<2 cannot be used". */
  derived(of: Incompatibility<S>): string;
  /** Does it go without saying (there are no versions between two neighbours)? Steps that only take such a fact in are left out. */
  isTrivial(of: Incompatibility<S>): boolean;
  /** Is it something the user asked for? Such clauses come first. */
  isRequest(of: Incompatibility<S>): boolean;
}

type ConflictCause<S> = Extract<Cause<S>, { readonly kind: "conflict" }>;
/** The two causes of a step, as far as they are worth telling. */
type Step<S> = Pick<ConflictCause<S>, "conflict" | "other">;

/** The nearest step that says something: trivial facts, and the steps that take them in, are passed through. */
function createTelling<S>(wording: Wording<S>): (of: Incompatibility<S>) => Incompatibility<S> {
  const told = new Map<Incompatibility<S>, Incompatibility<S>>();
  return (start) => {
    const known = told.get(start);
    if (known) return known;
    let of = start;
    while (of.cause.kind === "conflict") {
      const { conflict, other } = of.cause;
      if (wording.isTrivial(conflict)) of = other;
      else if (wording.isTrivial(other)) of = conflict;
      else break;
    }
    told.set(start, of);
    return of;
  };
}

/** The given incompatibilities that a derived one rests on, each once, in the order a reader meets them. */
export function externalsOf<S>(conflict: Incompatibility<S>): readonly Incompatibility<S>[] {
  const found: Incompatibility<S>[] = [];
  const seen = new Set<Incompatibility<S>>();
  const stack = [conflict];
  for (let current = stack.pop(); current; current = stack.pop()) {
    if (seen.has(current)) continue;
    seen.add(current);
    if (current.cause.kind === "conflict") stack.push(current.cause.other, current.cause.conflict);
    else found.push(current);
  }
  return found;
}

/**
 * The proof of `conflict` in sentences, each following from the ones before; the last is the conclusion. Lines that later ones refer to end in their
 * number in parentheses. After https://github.com/dart-lang/pub/blob/master/doc/solver.md#error-reporting.
 *
 * Steps more than `depth` away from the conclusion are stated without their proof.
 */
export function explain<S>(conflict: Incompatibility<S>, wording: Wording<S>, depth = 20): readonly string[] {
  return createWriter(conflict, wording, depth).write();
}

function createWriter<S>(root: Incompatibility<S>, wording: Wording<S>, depth: number): { write(): readonly string[] } {
  const telling = createTelling(wording);
  const uses = countUses(root, depth, telling);
  const shown = uses.depths;
  const lines: string[] = [];
  const numbers = new Map<Incompatibility<S>, number>();

  const causeOf = (of: Incompatibility<S>): Step<S> | undefined => {
    const { cause } = telling(of);
    if (cause.kind !== "conflict" || (shown.get(of) ?? 0) >= depth) return undefined;
    return { conflict: telling(cause.conflict), other: telling(cause.other) };
  };
  const clause = (of: Incompatibility<S>): string => {
    if (of.cause.kind !== "conflict") return wording.external(of);
    const number = numbers.get(of);
    return wording.derived(of) + (number === undefined ? "" : ` (${number})`);
  };
  const both = (a: Incompatibility<S>, b: Incompatibility<S>): string => {
    const [first, second] = placeOf(b, wording) < placeOf(a, wording) ? [b, a] : [a, b];
    return `${clause(first)} and ${clause(second)}`;
  };
  const put = (of: Incompatibility<S>, text: string, numbered: boolean): void => {
    if (numbered && of !== root) {
      const number = numbers.size + 1;
      numbers.set(of, number);
      lines.push(`${text}. (${number})`);
    } else lines.push(`${text}.`);
  };
  const isOneLine = (cause: Step<S>): boolean => !causeOf(cause.conflict) && !causeOf(cause.other);
  /** A derived step with one given cause, used once, can be told together with the step that uses it. */
  const collapsible = (of: Incompatibility<S>, cause: Step<S>): boolean => {
    if ((uses.counts.get(of) ?? 0) > 1) return false;
    const left = causeOf(cause.conflict);
    const right = causeOf(cause.other);
    if ((left && right) || (!left && !right)) return false;
    return !numbers.has(left ? cause.conflict : cause.other);
  };

  const visitTwoDerived = (of: Incompatibility<S>, cause: Step<S>, so: string, numbered: boolean): void => {
    const [left, right] = [cause.conflict, cause.other];
    const conclusion = wording.derived(of);
    if (numbers.has(left) && numbers.has(right)) {
      put(of, `Because ${both(left, right)}, ${conclusion}`, numbered);
    } else if (numbers.has(left) || numbers.has(right)) {
      const [told, untold] = numbers.has(left) ? [left, right] : [right, left];
      visit(untold, false);
      put(of, `${so} because ${clause(told)}, ${conclusion}`, numbered);
    } else if (isOneLine(causeOf(left)!) || isOneLine(causeOf(right)!)) {
      const [first, second] = isOneLine(causeOf(right)!) ? [left, right] : [right, left];
      visit(first, false);
      visit(second, false);
      put(of, `Thus, ${conclusion}`, numbered);
    } else {
      visit(left, true);
      visit(right, false);
      put(of, `${so} because ${clause(left)}, ${conclusion}`, numbered);
    }
  };

  const visitOneDerived = (
    of: Incompatibility<S>,
    [derived, given]: readonly [Incompatibility<S>, Incompatibility<S>],
    so: string,
    numbered: boolean,
  ): void => {
    const conclusion = wording.derived(of);
    const inner = causeOf(derived)!;
    if (numbers.has(derived)) put(of, `Because ${both(given, derived)}, ${conclusion}`, numbered);
    else if (collapsible(derived, inner)) {
      const [nested, nestedGiven] = causeOf(inner.conflict)
        ? [inner.conflict, inner.other]
        : [inner.other, inner.conflict];
      visit(nested, false);
      put(of, `${so} because ${both(nestedGiven, given)}, ${conclusion}`, numbered);
    } else {
      visit(derived, false);
      put(of, `${so} because ${clause(given)}, ${conclusion}`, numbered);
    }
  };

  const visit = (of: Incompatibility<S>, conclude: boolean): void => {
    const cause = causeOf(of);
    if (!cause || numbers.has(of)) return;
    const numbered = conclude || (uses.counts.get(of) ?? 0) > 1;
    const so = conclude || of === root ? "So," : "And";
    const left = causeOf(cause.conflict);
    const right = causeOf(cause.other);
    if (left && right) visitTwoDerived(of, cause, so, numbered);
    else if (left) visitOneDerived(of, [cause.conflict, cause.other], so, numbered);
    else if (right) visitOneDerived(of, [cause.other, cause.conflict], so, numbered);
    else put(of, `Because ${both(cause.conflict, cause.other)}, ${wording.derived(of)}`, numbered);
  };

  return {
    write() {
      if (causeOf(root)) visit(root, false);
      else put(root, `Because ${clause(telling(root))}, ${wording.derived(root)}`, false);
      return lines;
    },
  };
}

/** Requests come before other facts, what is not there comes last. */
function placeOf<S>(of: Incompatibility<S>, wording: Wording<S>): number {
  if (wording.isRequest(of)) return 0;
  return of.cause.kind === "no-versions" ? 2 : 1;
}

/** How often each derived incompatibility is used, and how many steps it is away from the conclusion, by breadth. */
function countUses<S>(
  root: Incompatibility<S>,
  depth: number,
  telling: (of: Incompatibility<S>) => Incompatibility<S>,
): { readonly counts: Map<Incompatibility<S>, number>; readonly depths: Map<Incompatibility<S>, number> } {
  const counts = new Map<Incompatibility<S>, number>();
  const depths = new Map<Incompatibility<S>, number>([[root, 0]]);
  const queue = [root];
  for (const current of queue) {
    const at = depths.get(current)!;
    const { cause } = telling(current);
    if (cause.kind !== "conflict" || at >= depth) continue;
    for (const next of [telling(cause.conflict), telling(cause.other)]) {
      counts.set(next, (counts.get(next) ?? 0) + 1);
      if (depths.has(next)) continue;
      depths.set(next, at + 1);
      queue.push(next);
    }
  }
  return { counts, depths };
}
