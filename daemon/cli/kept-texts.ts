import type { InstalledSet } from "../operations/select-installed.ts";
import { createSetMemory } from "../operations/set-memory.ts";
import type { CommandContext } from "./commands.ts";

/** Lists in a few forms, a few packages shown. */
const texts = createSetMemory<{ readonly text: string }>(64);

/**
 * The text of a read-only command about a set of distributions, made when it is first asked for. The same command about the same set has the same
 * text.
 * @param facts of the interpreter, when the text depends on them
 */
export function keptText(
  { spec, options }: CommandContext,
  set: InstalledSet,
  facts: object | undefined,
  make: () => string,
): string {
  const question = JSON.stringify([spec.name, options.values, options.ordered, options.args]);
  const known = texts.recall(set, facts, question);
  if (known !== undefined) return known.text;
  const text = make();
  texts.remember(set, facts, question, { text });
  return text;
}
