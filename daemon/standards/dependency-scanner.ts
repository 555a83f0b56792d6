import { InvalidText, type InvalidTextKind } from "./invalid-text.ts";

/** Where a parser of dependency specifiers or markers is in its text (PEP 508). */
export interface DependencyScanner {
  readonly source: string;
  /** Position of the next character. */
  position(): number;
  atEnd(): boolean;
  /** What the sticky expression matches here; undefined where it does not. Nothing is consumed. */
  peek(token: RegExp): string | undefined;
  /** As `peek`, and consumes it. */
  take(token: RegExp): string | undefined;
  /** Consumes up to a position. */
  moveTo(position: number): void;
  /** Consumes blanks and tabs: the only white space of the grammar. */
  skipBlanks(): void;
  /** Throws InvalidText about the text from a position (here, if not given) up to here. */
  fail(message: string, from?: number, to?: number): never;
}

const BLANKS = /[ \t]+/y;

/** Makes a scanner for one text; its errors have the kind given. */
export function createDependencyScanner(source: string, kind: InvalidTextKind): DependencyScanner {
  let at = 0;
  const peek = (token: RegExp): string | undefined => {
    token.lastIndex = at;
    return token.exec(source)?.[0];
  };
  const take = (token: RegExp): string | undefined => {
    const text = peek(token);
    at += text?.length ?? 0;
    return text;
  };
  return {
    source,
    position: () => at,
    atEnd: () => at === source.length,
    peek,
    take,
    moveTo(position) {
      at = position;
    },
    skipBlanks() {
      const code = source.charCodeAt(at);
      if (code === 0x20 || code === 0x09) take(BLANKS);
    },
    fail(message, from = at, to = at) {
      throw new InvalidText(kind, source, message, [from, to]);
    },
  };
}
