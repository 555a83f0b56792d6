import type { MethodName, Params } from "../../protocol/methods.ts";
import { PipdError } from "../std/errors.ts";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const whole: Check = (value) => Number.isSafeInteger(value);
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const name: Check = (value) => text(value) || whole(value);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) &&
    Object.entries(fields).every(([key, check]) => check(Object.hasOwn(value, key) ? value[key] : undefined));
const absolutePath: Check = (value) => typeof value === "string" && value.startsWith("/") && !value.includes("\0");
const hexOf =
  (least: number): Check =>
  (value) =>
    typeof value === "string" && value.length >= least && value.length <= 256 && /^[0-9a-f]+$/.test(value);

const base64: Check = (value) =>
  typeof value === "string" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const environment = { cwd: absolutePath, env: mapOf(text), python: maybe(text) };

/** What each parameter must be; more fields than these are allowed, so that newer clients can send them. */
const CHECKS: Partial<Record<MethodName, Readonly<Record<string, Check>>>> = {
  initialize: {
    protocol: record({ min: whole, max: whole }),
    client: record({ name: text, version: text, buildId: text, pid: whole }),
    nonce: hexOf(32),
    namespace: record({ host: text, mnt: text }),
    capabilities: maybe(record({ progress: maybe(flag) })),
  },
  initialized: { proof: text },
  "run/start": {
    runId: name,
    argv: listOf(text),
    argvBytes: maybe(mapOf(base64)),
    cwdBytes: maybe(base64),
    envBytes: maybe(mapOf(base64)),
    cwd: absolutePath,
    env: mapOf(text),
    umask: (value) => count(value) && (value as number) <= 0o777,
    locale: text,
    tty: record({ in: flag, out: flag, err: flag, cols: count, rows: count, colors: count }),
    pid: whole,
    interactive: flag,
  },
  "run/ack": { runId: name, seq: count },
  "run/resize": { runId: name, cols: count, rows: count },
  "run/signal": { runId: name, name: text },
  "daemon/stop": { force: maybe(flag) },
  "daemon/retire": { reason: text, graceMs: maybe(count) },
  "daemon/log": { lines: maybe(count) },
  "daemon/doctor": { cwd: absolutePath, env: mapOf(text), daemon: record({ state: text }) },
  "environment/resolve": environment,
  "packages/installed": { ...environment, etag: maybe(text) },
};

/** The parameters of a method, checked. Throws PipdError `invalid-params` naming the first field that is wrong. */
export function checkedParams<Name extends MethodName>(method: Name, params: unknown): Params<Name> {
  const given: unknown = params ?? {};
  if (!isRecord(given)) throw new PipdError("invalid-params", `${method} takes an object`);
  for (const [key, check] of Object.entries<Check>(CHECKS[method] ?? {})) {
    if (!check(Object.hasOwn(given, key) ? given[key] : undefined))
      throw new PipdError("invalid-params", `${method}: ${key} is missing or has the wrong form`);
  }
  return given;
}
