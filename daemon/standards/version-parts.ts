/** The parts of a written version. Numbers are strings of digits without leading zeros, so that none is too large. */
export interface VersionParts {
  readonly epoch: string;
  readonly release: readonly string[];
  readonly pre: readonly ["a" | "b" | "rc", string] | undefined;
  readonly post: string | undefined;
  readonly dev: string | undefined;
  /** Lower case. */
  readonly local: readonly string[] | undefined;
}

/** The longest version at a position of a text, and where it and its release end. */
export interface ScannedVersion {
  readonly parts: VersionParts;
  readonly end: number;
  readonly releaseEnd: number;
}

/** Python refuses to read longer numbers, and so does packaging. */
const MOST_DIGITS = 4300;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function isSeparator(code: number): boolean {
  return code === 0x2e || code === 0x2d || code === 0x5f;
}

function digitsEnd(text: string, at: number): number {
  let end = at;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

/** The digits as Python would print the number; undefined where there are too many. */
function numberText(text: string, start: number, end: number): string | undefined {
  if (end - start > MOST_DIGITS) return undefined;
  let first = start;
  while (first < end - 1 && text.charCodeAt(first) === 0x30) first += 1;
  return text.slice(first, end);
}

function startsWithWord(text: string, at: number, word: string): boolean {
  for (let i = 0; i < word.length; i += 1) {
    if ((text.charCodeAt(at + i) | 0x20) !== word.charCodeAt(i)) return false;
  }
  return true;
}

type Words<L extends string> = readonly (readonly [word: string, letter: L])[];

/** Where one word starts another, the longer comes first. */
const PRE_WORDS: Words<"a" | "b" | "rc"> = [
  ["alpha", "a"],
  ["a", "a"],
  ["beta", "b"],
  ["b", "b"],
  ["preview", "rc"],
  ["pre", "rc"],
  ["c", "rc"],
  ["rc", "rc"],
];
const POST_WORDS: Words<"post"> = [
  ["post", "post"],
  ["rev", "post"],
  ["r", "post"],
];
const DEV_WORDS: Words<"dev"> = [["dev", "dev"]];

interface Lettered<L> {
  readonly letter: L;
  /** Undefined: too long for a number. */
  readonly number: string | undefined;
  readonly end: number;
}

/** `[-_.]? word [-_.]? digits?` */
function scanLettered<L extends string>(text: string, start: number, words: Words<L>): Lettered<L> | undefined {
  let at = isSeparator(text.charCodeAt(start)) ? start + 1 : start;
  for (const [word, letter] of words) {
    if (!startsWithWord(text, at, word)) continue;
    at += word.length;
    if (isSeparator(text.charCodeAt(at))) at += 1;
    const end = digitsEnd(text, at);
    return { letter, number: end === at ? "0" : numberText(text, at, end), end };
  }
  return undefined;
}

/** `-digits`, or as `scanLettered`. */
function scanPost(text: string, at: number): Lettered<"post"> | undefined {
  if (text.charCodeAt(at) === 0x2d) {
    const end = digitsEnd(text, at + 1);
    if (end > at + 1) return { letter: "post", number: numberText(text, at + 1, end), end };
  }
  return scanLettered(text, at, POST_WORDS);
}

/** `+` and alphanumeric items between separators; the items, and where they end. */
function scanLocal(text: string, start: number): { readonly items: string[] | undefined; readonly end: number } {
  const items: string[] = [];
  let at = start;
  while (at === start ? text.charCodeAt(at) === 0x2b : isSeparator(text.charCodeAt(at))) {
    let end = at + 1;
    let numeric = true;
    while (isAlphanumeric(text.charCodeAt(end))) {
      numeric &&= isDigit(text.charCodeAt(end));
      end += 1;
    }
    if (end === at + 1) break;
    const number = numeric ? numberText(text, at + 1, end) : text.slice(at + 1, end).toLowerCase();
    if (number === undefined) return { items: undefined, end: -1 };
    items.push(number);
    at = end;
  }
  return { items: items.length > 0 ? items : undefined, end: at };
}

/** `digits!`: the epoch and where the release starts; an epoch of undefined is too long for a number. */
function scanEpoch(text: string, at: number): { readonly epoch: string | undefined; readonly end: number } {
  const end = digitsEnd(text, at);
  if (end === at || text.charCodeAt(end) !== 0x21 || !isDigit(text.charCodeAt(end + 1))) return { epoch: "0", end: at };
  return { epoch: numberText(text, at, end), end: end + 1 };
}

/** Numbers between dots, and where they end; undefined where there are none or one is too long. */
function scanRelease(text: string, start: number): { readonly release: string[]; readonly end: number } | undefined {
  const release: string[] = [];
  let end = start;
  let from = start;
  for (;;) {
    const to = digitsEnd(text, from);
    if (to === from) return release.length === 0 ? undefined : { release, end };
    const number = numberText(text, from, to);
    if (number === undefined) return undefined;
    release.push(number);
    end = to;
    if (text.charCodeAt(end) !== 0x2e) return { release, end };
    from = end + 1;
  }
}

/** Pre-release, post-release and development part, each at most once and in this order; undefined where a number is too long. */
function scanSuffixes(
  text: string,
  start: number,
): (Pick<VersionParts, "pre" | "post" | "dev"> & { readonly end: number }) | undefined {
  const code = text.charCodeAt(start) | 0x20;
  // Most versions have none: they go on with a separator or one of the letters a, b, c, d, p and r.
  if (!isSeparator(text.charCodeAt(start)) && !(code >= 0x61 && code <= 0x72)) return { ...NO_SUFFIXES, end: start };
  const pre = scanLettered(text, start, PRE_WORDS);
  const post = scanPost(text, pre?.end ?? start);
  const dev = scanLettered(text, post?.end ?? pre?.end ?? start, DEV_WORDS);
  for (const part of [pre, post, dev]) if (part !== undefined && part.number === undefined) return undefined;
  return {
    pre: pre?.number === undefined ? undefined : [pre.letter, pre.number],
    post: post?.number,
    dev: dev?.number,
    end: dev?.end ?? post?.end ?? pre?.end ?? start,
  };
}

const NO_SUFFIXES = { pre: undefined, post: undefined, dev: undefined } as const;

/**
 * The longest version that starts at a position (PEP 440 appendix B, case ignored, without surrounding space), read in one pass without going
 * back, so that no text takes more than linear time. Undefined where none starts there, or a number in it has more than 4,300 digits.
 */
export function scanVersion(text: string, start: number, withLocal: boolean): ScannedVersion | undefined {
  const isPrefixed = (text.charCodeAt(start) | 0x20) === 0x76;
  const { epoch, end: releaseStart } = scanEpoch(text, isPrefixed ? start + 1 : start);
  const scanned = scanRelease(text, releaseStart);
  if (scanned === undefined || epoch === undefined) return undefined;
  const suffixes = scanSuffixes(text, scanned.end);
  if (suffixes === undefined) return undefined;
  const local = withLocal ? scanLocal(text, suffixes.end) : { items: undefined, end: suffixes.end };
  if (local.end < 0) return undefined;
  const { release, end: releaseEnd } = scanned;
  const { pre, post, dev } = suffixes;
  return { parts: { epoch, release, pre, post, dev, local: local.items }, end: local.end, releaseEnd };
}

/** The canonical spelling. */
export function versionText(parts: VersionParts): string {
  let text = parts.release.join(".");
  if (parts.epoch !== "0") text = `${parts.epoch}!${text}`;
  if (parts.pre !== undefined) text += parts.pre[0] + parts.pre[1];
  if (parts.post !== undefined) text += `.post${parts.post}`;
  if (parts.dev !== undefined) text += `.dev${parts.dev}`;
  if (parts.local !== undefined) text += `+${parts.local.join(".")}`;
  return text;
}

/** Numbers ordered as strings, none of them the start of another: one digit as it is, more behind a character that tells how many. */
function numberKey(digits: string): string {
  return digits.length === 1 ? digits : String.fromCharCode(0x3f + digits.length) + digits;
}

const PRE_RANKS = { a: "#", b: "$", rc: "%" } as const;

/**
 * The start of a key: epoch and release without trailing zeros, each number as above, then the rank of the pre-release, which is below every
 * number so that `1.0` with any suffix comes before `1.0.1`: `!` only a development part, `#` a, `$` b, `%` rc, `&` none.
 */
export function releaseKey(parts: VersionParts): string {
  let length = parts.release.length;
  while (length > 0 && parts.release[length - 1] === "0") length -= 1;
  let key = numberKey(parts.epoch);
  for (let i = 0; i < length; i += 1) key += numberKey(parts.release[i] as string);
  if (parts.pre !== undefined) return key + PRE_RANKS[parts.pre[0]] + numberKey(parts.pre[1]);
  return key + (parts.post === undefined && parts.dev !== undefined ? "!" : "&");
}

/**
 * A string for each version such that `<` of strings is the order of PEP 440. After the start: `!` or `#number` for the post-release, `!number` or
 * `#` for the development part, and `+` with items where there is a local part: `!text ` sorts before `#number`.
 */
export function versionKey(parts: VersionParts): string {
  let key = releaseKey(parts) + (parts.post === undefined ? "!" : `#${numberKey(parts.post)}`);
  key += parts.dev === undefined ? "#" : `!${numberKey(parts.dev)}`;
  if (parts.local === undefined) return key;
  key += "+";
  for (const item of parts.local) key += isNumber(item) ? `#${numberKey(item)}` : `!${item} `;
  return key;
}

/** Whether an item of a local version is a number. */
export function isNumber(item: string): boolean {
  return digitsEnd(item, 0) === item.length;
}

/** The number after this one. */
export function nextNumber(digits: string): string {
  return digits.length < 15 ? String(Number(digits) + 1) : String(BigInt(digits) + 1n);
}
