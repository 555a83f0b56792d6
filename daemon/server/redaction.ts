import { redact } from "../std/redact.ts";

const HIDDEN = "****";
/** `NAME_TOKEN=value`, `"PASSWORD":"value"`: the name ends in a word that means a secret. What stands before that word is not looked at: a search that did would be quadratic. */
const NAMED_SECRET =
  /((?:token|password|passwd|secret|api[_-]?key|credentials?|passphrase)\\?["']?\s*[:=]\s*\\?["']?)([^\s"'\\,}&]+)/gi;
const AUTHORIZATION =
  /((?:proxy-)?authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:basic|bearer|token)\s+)?)([^\s"'\\,}]+)/gi;
/** `user:secret@host` without a scheme before it, as `--proxy` takes it. */
const BARE_USER = /((?:^|=)[^\s/:@=]{1,200}):[^\s/@]{1,500}@(?=[\w.[-])/g;

/** `text` without credentials of URLs, values named as secrets and Authorization headers (R14). A line of JSON stays JSON. */
export function redactSecrets(text: string): string {
  return redact(text).replace(AUTHORIZATION, `$1${HIDDEN}`).replace(NAMED_SECRET, `$1${HIDDEN}`);
}

const SECRET_NAME = /(?:token|password|passwd|secret|api[_-]?key|credentials?|passphrase|private[_-]?key)s?$/i;

/** Whether a variable or key of this name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Shorter ones would take words out of every text. */
const SHORTEST_SECRET = 4;

/** What is secret in an environment and in texts of configuration: values of secret names, and the passwords and lone tokens of URLs. */
export function secretsIn(env: Readonly<Record<string, string>>, texts: readonly string[]): readonly string[] {
  const named = Object.entries(env)
    .filter(([name]) => isSecretName(name))
    .map(([, value]) => value);
  const inUrls = [...Object.values(env), ...texts].flatMap((text) =>
    [...text.matchAll(/[A-Za-z][A-Za-z0-9+.-]{0,20}:\/\/([^\s/?#@]+(?:@[^\s/?#@]+)*)@/g)].flatMap(
      ([, userinfo = ""]) => {
        const password = userinfo.slice(userinfo.indexOf(":") + 1);
        return [password, safelyDecoded(password)];
      },
    ),
  );
  return [...new Set([...named, ...inUrls])].filter((secret) => secret.length >= SHORTEST_SECRET);
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A command line for logs, status and "waiting for" lines: one line, credentials hidden, also in the word after an option that takes one. */
export function redactCommand(argv: readonly string[]): string {
  const shown = argv.map((word, index) =>
    /^--?[\w-]*(?:token|password|secret|key)$/i.test(argv[index - 1] ?? "")
      ? HIDDEN
      : redactSecrets(word).replace(BARE_USER, `$1:${HIDDEN}@`),
  );
  return ["pipd", ...shown]
    .join(" ")
    .replace(/[\u0000-\u001f\u007f]/g, " ")
    .slice(0, 500);
}
