import type { OptionSpec } from "./option-spec.ts";

/** An option that is on or off. */
export const flag = (
  dest: string,
  long: string | readonly string[],
  help: string,
  more: Partial<OptionSpec> = {},
): OptionSpec => ({
  dest,
  long: typeof long === "string" ? [long] : long,
  kind: "flag",
  help,
  ...more,
});
/** An option that keeps its last value. */
export const value = (
  dest: string,
  long: string | readonly string[],
  metavar: string,
  help: string,
  more: Partial<OptionSpec> = {},
): OptionSpec => ({
  ...flag(dest, long, help),
  kind: "value",
  type: "string",
  metavar,
  ...more,
});
/** An option that collects its values. */
export const append = (
  dest: string,
  long: string | readonly string[],
  metavar: string,
  help: string,
  more: Partial<OptionSpec> = {},
): OptionSpec => ({
  ...value(dest, long, metavar, help),
  kind: "append",
  ...more,
});
/** An option that collects its values with their spelling, over all layers. */
export const ordered = (
  dest: string,
  long: string | readonly string[],
  metavar: string,
  help: string,
  more: Partial<OptionSpec> = {},
): OptionSpec => ({
  ...value(dest, long, metavar, help),
  kind: "ordered",
  ...more,
});
/** An option with a fixed set of values. */
export const choice = (
  dest: string,
  long: string,
  choices: readonly string[],
  help: string,
  more: Partial<OptionSpec> = {},
): OptionSpec => ({
  ...value(dest, long, dest, help),
  type: "choice",
  choices,
  metavar: long.slice(2),
  ...more,
});
/** The option without its line in `--help`. */
export const hidden = (spec: OptionSpec): OptionSpec => {
  const { help: _, ...rest } = spec;
  return rest;
};
/** What is not there yet. */
export const MISSING = { missing: true } as const;
