import { type Call, type MessageLevel, type Reporter, SILENT_REPORTER } from "../std/call.ts";

/** Says things once per command. */
export interface OncePerCall {
  /** Says `text` unless something was said about `subject` before. */
  message(call: Call, level: MessageLevel, subject: string, text: string): void;
}

/** A command is known by its reporter. */
export function createOncePerCall(): OncePerCall {
  const said = new WeakMap<Reporter, Set<string>>();
  return {
    message({ reporter }, level, subject, text) {
      if (reporter === SILENT_REPORTER) {
        return;
      }
      const subjects = said.get(reporter) ?? new Set();
      said.set(reporter, subjects);
      if (!subjects.has(subject)) {
        subjects.add(subject);
        reporter.message(level, text);
      }
    },
  };
}
