import type { InstalledSet } from "../python/installed.ts";
import type { Call, MessageLevel } from "../std/call.ts";

/** What a command says when all it asks for is there. */
export interface SatisfiedAnswer {
  readonly messages: readonly { readonly level: MessageLevel; readonly text: string }[];
}

interface Kept extends SatisfiedAnswer {
  readonly facts: object;
}

const kept = new WeakMap<InstalledSet, Map<string, Kept>>();

/** Questions about one set. */
const MOST = 32;

/**
 * The known answer to a question about this set for this interpreter (by identity): both are other objects when anything about them has changed.
 * @param question everything else that decides, as text
 */
export function recallSatisfied(set: InstalledSet, facts: object, question: string): SatisfiedAnswer | undefined {
  const answer = kept.get(set)?.get(question);
  return answer?.facts === facts ? answer : undefined;
}

export function rememberSatisfied(set: InstalledSet, facts: object, question: string, answer: SatisfiedAnswer): void {
  const answers = kept.get(set) ?? new Map<string, Kept>();
  kept.set(set, answers);
  answers.delete(question);
  answers.set(question, { ...answer, facts });
  for (const oldest of answers.keys()) {
    if (answers.size <= MOST) break;
    answers.delete(oldest);
  }
}

export function tellSatisfied({ messages }: SatisfiedAnswer, call: Call): void {
  for (const { level, text } of messages) call.reporter.message(level, text);
}

/** Collects what is said. Lines of one level in a row become one message: a hundred of them cost as much as one then. */
export function collectMessages(call: Call): { readonly call: Call; readonly answer: () => SatisfiedAnswer } {
  const blocks: { readonly level: MessageLevel; readonly lines: string[] }[] = [];
  const message = (level: MessageLevel, text: string): void => {
    const last = blocks.at(-1);
    if (level === "info" && last?.level === level) last.lines.push(text);
    else blocks.push({ level, lines: [text] });
  };
  return {
    call: { ...call, reporter: { message, progress: (event) => call.reporter.progress(event) } },
    answer: () => ({ messages: blocks.map(({ level, lines }) => ({ level, text: lines.join("\n") })) }),
  };
}
