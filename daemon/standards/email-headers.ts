/**
 * The header block of an RFC 822 message, read as Python's `email` parser (policy compat32) and, on top of it, `importlib.metadata` read it.
 * METADATA, PKG-INFO and WHEEL have this form.
 */

export interface HeaderBlock {
  /** Values by lower-case name, names in the order of their first occurrence. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Everything after the blank line that ends the headers, "" when there is none. */
  readonly body: string;
}

export interface HeaderOptions {
  /**
   * Remove the indentation of continuation lines, as `importlib.metadata` does for METADATA (default). WHEEL is read without it.
   */
  readonly redent?: boolean;
  /** Copy the header block, so that no value keeps the body in memory, and leave `body` empty. */
  readonly detach?: boolean;
}

/** A line that belongs to the headers: a field, a continuation, or an mbox "From " line. */
const HEADER_LINE = /(?:From |[!-9;-~]*:|[\t ])/y;
const LINE = /[^\r\n]*(?:\r\n|\r|\n|$)/y;

/** Reads the headers of a message. Never throws: broken lines are skipped or start the body, as in Python. */
export function parseHeaders(text: string, options: HeaderOptions = {}): HeaderBlock {
  const end = endOfHeaders(text);
  // Prefixing and slicing makes V8 copy the block: a plain slice would keep the whole text alive.
  const block = options.detach === true ? ` ${text.slice(0, end)}`.slice(1) : text.slice(0, end);
  const lines = block.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+/g) ?? [];
  const redent = options.redent !== false;
  const headers = new Map<string, string[]>();
  let tail = "";
  for (let index = 0; index < lines.length; ) {
    const line = lines[index] ?? "";
    let next = index + 1;
    const colon = line.indexOf(":");
    if (line.startsWith("From ")) {
      // The first such line is an envelope, others are noise; the last line of the block rather begins the body.
      tail = index > 0 && index === lines.length - 1 ? line : "";
    } else if (colon > 0 && !isContinuation(line)) {
      while (next < lines.length && isContinuation(lines[next] ?? "")) {
        next++;
      }
      const name = line.slice(0, colon).toLowerCase();
      const value = valueOf(lines, index, next, colon);
      const values = headers.get(name) ?? [];
      values.push(redent && value.includes("\n") ? dedent(`        ${value}`) : value);
      headers.set(name, values);
    }
    index = next;
  }
  return { headers, body: options.detach === true ? "" : tail + bodyFrom(text, end) };
}

function isContinuation(line: string): boolean {
  return line.startsWith(" ") || line.startsWith("\t");
}

function valueOf(lines: readonly string[], index: number, next: number, colon: number): string {
  const first = (lines[index] ?? "").slice(colon + 1).replace(/^[ \t]+/, "");
  const value = next === index + 1 ? first : first + lines.slice(index + 1, next).join("");
  let end = value.length;
  while (end > 0 && (value[end - 1] === "\n" || value[end - 1] === "\r")) {
    end--;
  }
  return value.slice(0, end);
}

/** Offset of the first line that is no header line (the blank separator, or text that is taken as the body). */
function endOfHeaders(text: string): number {
  let position = 0;
  while (position < text.length) {
    HEADER_LINE.lastIndex = position;
    if (!HEADER_LINE.test(text)) {
      return position;
    }
    LINE.lastIndex = position;
    LINE.test(text);
    position = LINE.lastIndex;
  }
  return text.length;
}

function bodyFrom(text: string, end: number): string {
  if (text.startsWith("\r\n", end)) {
    return text.slice(end + 2);
  }
  return text[end] === "\n" || text[end] === "\r" ? text.slice(end + 1) : text.slice(end);
}

/** `textwrap.dedent`: removes the white space that all lines begin with, and empties lines of white space only. */
function dedent(text: string): string {
  const lines = text.split("\n").map((line) => (/^[ \t]+$/.test(line) ? "" : line));
  let margin: string | undefined;
  for (const line of lines) {
    const indent = /^[ \t]*(?=[^ \t])/.exec(line)?.[0];
    if (indent !== undefined) {
      margin = margin === undefined ? indent : commonStart(margin, indent);
    }
  }
  const cut = margin?.length ?? 0;
  return cut === 0 ? lines.join("\n") : lines.map((line) => (line === "" ? line : line.slice(cut))).join("\n");
}

function commonStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) {
    length++;
  }
  return a.slice(0, length);
}
