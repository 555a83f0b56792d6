import { redact } from "../std/redact.ts";

const HIDDEN = "****";
/** `NAME_TOKEN=value`, `"PASSWORD":"value"`: the name ends in a word that means a secret. What stands before that word is not looked at: a search that did would be quadratic. */
const NAMED_SECRET =
  /((?:token|password|passwd|secret|api[_-]?key|credentials?|passphrase)\\?["']?\s*[:=]\s*\\?["']?)([^\s"'\\,}&]+)/gi;
const AUTHORIZATION =
  /((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:basic|bearer|token)\s+)?)([^\s"'\\,}]+)/gi;

/** `text` without credentials of URLs, values named as secrets and Authorization headers (R14). A line of JSON stays JSON. */
export function redactSecrets(text: string): string {
  return redact(text).replace(AUTHORIZATION, `$1${HIDDEN}`).replace(NAMED_SECRET, `$1${HIDDEN}`);
}

/** A command line for logs, status and "waiting for" lines: one line, credentials hidden, also in the word after an option that takes one. */
export function redactCommand(argv: readonly string[]): string {
  const shown = argv.map((word, index) =>
    /^--?[\w-]*(?:token|password|secret|key)$/i.test(argv[index - 1] ?? "") ? HIDDEN : redactSecrets(word),
  );
  return ["pipd", ...shown]
    .join(" ")
    .replace(/[\u0000-\u001f\u007f]/g, " ")
    .slice(0, 500);
}
