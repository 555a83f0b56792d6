import { InvalidText } from "../standards/invalid-text.ts";

/** User name (or account) and password for a host. */
export interface NetrcEntry {
  readonly login: string;
  readonly account: string;
  readonly password: string;
}

/** Entries by host; the one of `default` is under `default`, as in Python's `netrc` module. */
export type Netrc = ReadonlyMap<string, NetrcEntry>;

const FOLLOWERS: ReadonlySet<string> = new Set(["", "machine", "default", "macdef"]);

/** Reads a netrc file exactly as Python's `netrc` module does (quotes, escapes, comments, macros). Throws InvalidText where that one refuses it. */
export function parseNetrc(text: string): Netrc {
  const lexer = createLexer(text);
  const hosts = new Map<string, NetrcEntry>();
  for (;;) {
    const { line } = lexer;
    const token = lexer.next();
    if (token === "") {
      return hosts;
    }
    if (token.startsWith("#")) {
      if (lexer.line === line && token.length === 1) {
        lexer.skipLine();
      }
    } else if (token === "macdef") {
      lexer.next();
      skipMacro(lexer);
    } else if (token === "machine" || token === "default") {
      const host = token === "machine" ? lexer.next() : "default";
      if (host === "") {
        throw new InvalidText("netrc", "", "missing machine name");
      }
      hosts.set(host, readEntry(lexer));
    } else {
      throw new InvalidText("netrc", "", `bad toplevel token in line ${lexer.line}`);
    }
  }
}

function readEntry(lexer: Lexer): NetrcEntry {
  const entry = { login: "", account: "", password: "" };
  for (;;) {
    const { line } = lexer;
    const token = lexer.next();
    if (token.startsWith("#")) {
      if (lexer.line === line) {
        lexer.skipLine();
      }
    } else if (FOLLOWERS.has(token)) {
      lexer.push(token);
      return entry;
    } else if (token === "login" || token === "user") {
      entry.login = lexer.next();
    } else if (token === "account" || token === "password") {
      entry[token] = lexer.next();
    } else {
      throw new InvalidText("netrc", "", `bad follower token in line ${lexer.line}`);
    }
  }
}

function skipMacro(lexer: Lexer): void {
  for (let line = lexer.skipLine(); line !== "\n"; line = lexer.skipLine()) {
    if (line === "") {
      throw new InvalidText("netrc", "", "macro definition without an empty line at its end");
    }
  }
}

interface Lexer {
  readonly line: number;
  next(): string;
  push(token: string): void;
  /** Reads to the end of the line and gives what was left of it, with its newline. */
  skipLine(): string;
}

function createLexer(source: string): Lexer {
  const text = source.replaceAll(/\r\n?/g, "\n"); // Python reads text files so.
  let position = 0;
  let line = 1;
  const pushed: string[] = [];
  const read = (): string => {
    const character = text[position] ?? "";
    position += 1;
    line += character === "\n" ? 1 : 0;
    return character;
  };
  const token = (): string => {
    let character = read();
    while (character !== "" && isSpace(character)) {
      character = read();
    }
    const quoted = character === '"';
    let value = "";
    for (character = quoted ? read() : character; character !== ""; character = read()) {
      if (quoted ? character === '"' : isSpace(character)) {
        break;
      }
      value += character === "\\" ? read() : character;
    }
    return value;
  };
  return {
    get line() {
      return line;
    },
    next: () => pushed.shift() ?? token(),
    push: (value) => {
      pushed.push(value);
    },
    skipLine() {
      const end = text.indexOf("\n", position);
      const rest = text.slice(position, end === -1 ? text.length : end + 1);
      position += rest.length;
      return rest;
    },
  };
}

function isSpace(character: string): boolean {
  return character === " " || character === "\n" || character === "\t" || character === "\r";
}
