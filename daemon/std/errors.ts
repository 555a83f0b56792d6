/**
 * An error that a person is meant to read: what happened, with the offending path, name or URL (credentials already removed), and what to do.
 *
 * `code` is stable and kebab-case. `protocol/errors.ts` gives each code its exit status and JSON-RPC number; a test compares the two lists.
 */
export class PipdError extends Error {
  override readonly name = "PipdError";
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}

/** The `errno` name (`ENOENT`, `EACCES`, ...) of an error thrown by Node, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? (UNNAMED[code] ?? code) : undefined;
}

/** What Node has no name for. */
const UNNAMED: Readonly<Record<string, string>> = { "Unknown system error -122": "EDQUOT" };
