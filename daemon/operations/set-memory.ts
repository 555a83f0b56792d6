import type { InstalledSet } from "../python/installed.ts";
import { createLruMap, type LruMap } from "../std/lru-map.ts";

/**
 * Answers to questions about sets of installed distributions. A set that was scanned wholly is another object as soon as anything it is made of has
 * changed, so that what was said of one holds for as long as it lives.
 */
export interface SetMemory<T extends object> {
  /** @param facts what else decides beside the set, by identity @param question what else decides, as text */
  recall(set: InstalledSet, facts: object | undefined, question: string): T | undefined;
  remember(set: InstalledSet, facts: object | undefined, question: string, answer: T): void;
}

/** @param most questions about one set whose answers are kept, the latest */
export function createSetMemory<T extends object>(most: number): SetMemory<T> {
  const memory = new WeakMap<InstalledSet, LruMap<{ readonly facts: object | undefined; readonly answer: T }>>();
  return {
    recall(set, facts, question) {
      const known = memory.get(set)?.get(question);
      return known?.facts === facts ? known?.answer : undefined;
    },
    remember(set, facts, question, answer) {
      const answers = memory.get(set) ?? createLruMap(most);
      memory.set(set, answers);
      answers.set(question, { facts, answer });
    },
  };
}
