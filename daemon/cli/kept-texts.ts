import type { InstalledSet } from "../operations/select-installed.ts";
import type { CommandContext } from "./commands.ts";

interface Kept {
  /** What else decides beside the set, by identity. */
  readonly facts: object | undefined;
  readonly text: string;
}

const kept = new WeakMap<InstalledSet, Map<string, Kept>>();

/** Texts of one set: lists in a few forms, a few packages shown. */
const MOST = 64;

/**
 * The text of a read-only command about a set of distributions, made when it is first asked for. The same command about the same set has the same
 * text: a set that was scanned wholly is another one as soon as anything it is made of has changed.
 * @param facts of the interpreter, when the text depends on them
 */
export function keptText(
  { spec, options }: CommandContext,
  set: InstalledSet,
  facts: object | undefined,
  make: () => string,
): string {
  const texts = kept.get(set) ?? new Map<string, Kept>();
  kept.set(set, texts);
  const question = JSON.stringify([spec.name, options.values, options.ordered, options.args]);
  const known = texts.get(question);
  if (known !== undefined && known.facts === facts) return known.text;
  const text = make();
  texts.delete(question);
  texts.set(question, { facts, text });
  for (const oldest of texts.keys()) {
    if (texts.size <= MOST) break;
    texts.delete(oldest);
  }
  return text;
}
