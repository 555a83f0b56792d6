import type { InstalledSet } from "../python/installed.ts";
import type { Call, MessageLevel } from "../std/call.ts";
import { createSetMemory } from "./set-memory.ts";

/** What a command says when all it asks for is there. */
export interface SatisfiedAnswer {
  readonly messages: readonly { readonly level: MessageLevel; readonly text: string }[];
}

const answers = createSetMemory<SatisfiedAnswer>(32);

/**
 * The known answer to a question about this set for this interpreter (by identity): both are other objects when anything about them has changed.
 * @param question everything else that decides, as text
 */
export function recallSatisfied(set: InstalledSet, facts: object, question: string): SatisfiedAnswer | undefined {
  return answers.recall(set, facts, question);
}

export function rememberSatisfied(set: InstalledSet, facts: object, question: string, answer: SatisfiedAnswer): void {
  answers.remember(set, facts, question, answer);
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
