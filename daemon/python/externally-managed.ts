/** PEP 668: interpreters that belong to a distributor, and the words pip refuses to change them with. */
import { join } from "node:path";
import { InvalidText } from "../standards/invalid-text.ts";
import { normalizeConfigKey, parseConfig } from "../standards/pip-config.ts";
import type { Call } from "../std/call.ts";
import { PipdError } from "../std/errors.ts";
import { readFileIfThere } from "../std/read-file.ts";
import type { Environment } from "./environment.ts";

const NOTE =
  "If you believe this is a mistake, please contact your Python installation or OS distribution provider. You can override this, at the risk of breaking your Python installation or OS, by passing --break-system-packages.";
const HINT = "See PEP 668 for the detailed specification.";

/**
 * Throws `externally-managed-environment` when the environment is not virtual and has an EXTERNALLY-MANAGED file beside its standard library.
 * The message is pip's whole text, several lines that begin with "error: externally-managed-environment": print it without a prefix.
 *
 * Who calls decides whether the rule holds (pip: not with --break-system-packages, --root, --prefix, --target, nor --dry-run with --report).
 */
export function checkExternallyManaged(environment: Pick<Environment, "isVirtual" | "facts">, call: Call): void {
  const path = join(environment.facts.stdlib, "EXTERNALLY-MANAGED");
  if (environment.isVirtual) {
    return;
  }
  const reason = reasonOf(path, environment.facts.prefix, call);
  if (reason !== undefined) {
    throw new PipdError("externally-managed-environment", refusal(reason, localeOf(call, "LC_CTYPE")));
  }
}

/** What the distributor says, in the caller's language where the file has it; undefined when there is no such file. */
function reasonOf(path: string, prefix: string, call: Call): string | undefined {
  let content: Uint8Array | undefined;
  try {
    content = readFileIfThere(path);
    if (content === undefined) {
      return undefined;
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    const section = parseConfig(text, path).get("externally-managed");
    for (const key of errorKeys(localeOf(call, "LC_MESSAGES"))) {
      const reason = section?.get(normalizeConfigKey(key));
      if (reason !== undefined) {
        return reason;
      }
    }
  } catch (error) {
    if (!(error instanceof PipdError || error instanceof InvalidText || error instanceof TypeError)) {
      throw error;
    }
    call.reporter.message("warning", `Failed to read ${path}`);
  }
  return `The Python environment under ${prefix} is managed externally, and may not be\nmanipulated by the user. Please use specific tooling from the distributor of\nthe Python installation to interact with this environment instead.\n`;
}

/** `Error-de_DE`, `Error-de`, `Error`. */
function errorKeys(locale: string): readonly string[] {
  const language = locale.split(/[.@]/)[0] ?? "";
  if (language === "" || language === "C" || language === "POSIX") {
    return ["Error"];
  }
  const shorter = ["-", "_"]
    .filter((separator) => language.includes(separator))
    .map((separator) => language.split(separator)[0]);
  return [language, ...shorter].map((name) => `Error-${name}`).concat("Error");
}

/** The caller's locale for a category, "" when none is set. */
function localeOf(call: Call, category: "LC_CTYPE" | "LC_MESSAGES"): string {
  return call.env["LC_ALL"] || call.env[category] || call.env["LANG"] || "";
}

/** pip's layout of the error: with box characters, or plain where the caller's locale has another character set than UTF-8. */
function refusal(reason: string, locale: string): string {
  const charset = /\.([^@]*)/.exec(locale)?.[1]?.toLowerCase().replace("-", "") ?? "";
  const plain = locale !== "" && locale !== "C" && locale !== "POSIX" && charset !== "utf8";
  const main = plain
    ? ["This environment is externally managed", "", reason]
    : ["× This environment is externally managed", `╰─> ${reason.split("\n").join("\n    ")}`];
  return ["error: externally-managed-environment", "", ...main, "", `note: ${NOTE}`, `hint: ${HINT}`].join("\n");
}
