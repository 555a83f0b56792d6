/** Which specification the text was read with. */
export type InvalidTextKind = string;

/**
 * Text that does not follow its specification. `message` says what is wrong in one line, with long or secret parts left out.
 *
 * `span` is, where a parser knows it, the part of `text` the message is about (start, end; in UTF-16 units).
 */
export class InvalidText extends Error {
  override readonly name = "InvalidText";
  /** `"version"`, `"specifier"`, `"marker"`, `"requirement"`, ... */
  readonly kind: InvalidTextKind;
  /** The whole text as it was given: it may hold credentials, so show it only redacted. */
  readonly text: string;
  readonly span: readonly [number, number] | undefined;

  constructor(kind: InvalidTextKind, text: string, message: string, span?: readonly [number, number]) {
    super(message);
    this.kind = kind;
    this.text = text;
    this.span = span;
  }
}

const LONGEST_SHOWN = 200;

/** Text in quotes for a message: clipped when long, credentials of URLs (`user:pw@`) replaced. */
export function quoteForMessage(text: string): string {
  const clipped = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
  const shown = clipped.replace(/:\/\/([^/@:\s]*):[^/\s]*@/g, "://$1:****@");
  return shown.includes("'") && !shown.includes('"') ? `"${shown}"` : `'${shown}'`;
}
