/** One requirement of the daemon: what it says in a few words, and where its tests are. */
export interface Requirement {
  readonly says: string;
  /** Files under test/ with at least one test whose title starts with the requirement's number ("R18 ..."). */
  readonly tests: readonly string[];
  /** Where the requirement was found wrong or is met in another way than it was written: why. */
  readonly differs?: string;
}

/** The numbers that pipd answers for: all of the daemon's requirements but those of latency and of the shell prompt, which have their own place. */
export const NUMBERS: readonly number[] = [...Array.from({ length: 63 }, (_, index) => index + 1), 69, 70, 71];

/** Requirement -> tests. requirements.test.ts holds it against the titles of the tests, both ways. */
export const REQUIREMENTS: Readonly<Record<number, Requirement>> = {};
