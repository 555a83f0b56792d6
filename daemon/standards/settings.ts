import { parse, TomlError } from "smol-toml";
import { InvalidText } from "./invalid-text.ts";

/** How files come from the store into an environment. `auto` takes the cheapest that works: reflink, hard link, copy. */
export type LinkMode = "auto" | "hardlink" | "copy";

/** pipd's own settings: `config.toml` in the user's configuration folder. What concerns packages is configured as for pip. */
export interface Settings {
  /** False: every command runs without the daemon. Read by the client. */
  readonly daemon: boolean;
  /** Seconds without clients and runs after which the daemon ends; 0 for never. */
  readonly idleTimeout: number;
  /** Seconds that commands in progress have to finish when the daemon ends; then they are cancelled. */
  readonly drainTimeout: number;
  /**
   * Requests in flight per host over HTTP/1.1, as many as uv has. A resolution has some hundred of them, each of which waits for the network: with 5
   * at a time they take 130 times its latency, with 32 20 times; 102 pages asked for again at 20 ms take 150 ms with 32 and 107 with 50 (`npm run bench
   * -- outdated`). A host that cannot bear them says so, and has half as many.
   */
  readonly concurrency: number;
  /** Worker threads for unpacking and linking; 0 for one per core. */
  readonly workers: number;
  /** Bytes that unpacked wheels may take in the store before the least recently used ones are removed. */
  readonly storeLimit: number;
  /** Bytes of memory above which the daemon makes place for a new one when it is idle; 0 for never. */
  readonly memoryLimit: number;
  readonly linkMode: LinkMode;
  /** Whether a linked tree of each wheel that was used lies ready for the next environment. */
  readonly spareTrees: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Whether the daemon answers questions over HTTP on a socket in its folder. */
  readonly http: boolean;
  /** A port on the loopback interface for the same, 0 for any free one; undefined for none. */
  readonly httpPort: number | undefined;
}

export const DEFAULT_SETTINGS: Settings = {
  daemon: true,
  idleTimeout: 3 * 60 * 60,
  drainTimeout: 30,
  concurrency: 50,
  workers: 0,
  storeLimit: 20e9,
  memoryLimit: 512e6,
  linkMode: "auto",
  spareTrees: true,
  logLevel: "info",
  http: false,
  httpPort: undefined,
};

/** A value that is not allowed, in words, or the value to keep. */
type Read = (value: unknown) => { readonly value: unknown } | { readonly expected: string };

const flag: Read = (value) => (typeof value === "boolean" ? { value } : { expected: "true or false" });

const choice =
  (...choices: readonly string[]): Read =>
  (value) =>
    typeof value === "string" && choices.includes(value)
      ? { value }
      : { expected: `one of ${choices.map((word) => `"${word}"`).join(", ")}` };

const whole =
  (least: number, most: number): Read =>
  (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? { value }
      : { expected: `a whole number from ${least} to ${most}` };

const measure =
  (expected: string, factors: Readonly<Record<string, number>>): Read =>
  (value) => {
    if (typeof value === "number" && value >= 0) return { value };
    const parts = typeof value === "string" ? /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(value) : null;
    const factor = factors[parts?.[2] ?? ""];
    return factor === undefined ? { expected } : { value: Math.round(Number(parts?.[1]) * factor) };
  };

const SIZES = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

const READERS: Readonly<Record<string, readonly [keyof Settings, Read]>> = {
  daemon: ["daemon", flag],
  "idle-timeout": [
    "idleTimeout",
    measure('seconds, or a duration as "90s", "30m", "3h" (0: never)', { s: 1, m: 60, h: 3600, d: 86_400 }),
  ],
  "drain-timeout": ["drainTimeout", measure('seconds, or a duration as "90s", "2m"', { s: 1, m: 60, h: 3600 })],
  concurrency: ["concurrency", whole(1, 64)],
  workers: ["workers", whole(0, 64)],
  "store-limit": ["storeLimit", measure('bytes, or a size as "500MB", "20GB"', SIZES)],
  "memory-limit": ["memoryLimit", measure('bytes, or a size as "512MB" (0: no limit)', SIZES)],
  "link-mode": ["linkMode", choice("auto", "hardlink", "copy")],
  "spare-trees": ["spareTrees", flag],
  "log-level": ["logLevel", choice("debug", "info", "warn", "error")],
  http: ["http", flag],
  "http-port": ["httpPort", whole(0, 65_535)],
};

/**
 * Parses `config.toml` (TOML 1.1).
 * @throws InvalidText kind `settings`, whose text says line and key and what is expected.
 */
export function parseSettings(text: string): Settings {
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new InvalidText(
      "settings",
      text,
      `line ${error.line}: ${error.message.split("\n")[0]?.replace("Invalid TOML document: ", "") ?? "not TOML"}`,
    );
  }
  const settings: Record<string, unknown> = { ...DEFAULT_SETTINGS };
  for (const [key, value] of Object.entries(table)) {
    const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
    const at = `line ${lineOf(text, key)}: ${key}`;
    if (reader === undefined)
      throw new InvalidText(
        "settings",
        text,
        `${at} is not a setting of pipd (there are: ${Object.keys(READERS).join(", ")})`,
      );
    const read = reader[1](value);
    if ("expected" in read) throw new InvalidText("settings", text, `${at} must be ${read.expected}`);
    settings[reader[0]] = read.value;
  }
  return settings as unknown as Settings;
}

/** The line, from 1, on which a top-level key stands. */
function lineOf(text: string, key: string): number {
  const index = text.split("\n").findIndex((line) => /^\s*["'[]*([\w-]*)/.exec(line)?.[1] === key);
  return index + 1;
}
