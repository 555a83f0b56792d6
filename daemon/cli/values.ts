import type { ParsedOptions } from "./parse.ts";

/** The text of an option with one value, or undefined when nobody gave it. */
export function textOption(options: ParsedOptions, dest: string): string | undefined {
  const value = options.values[dest];
  return typeof value === "string" ? value : undefined;
}

/** The texts of an option that can be given several times. */
export function listOption(options: ParsedOptions, dest: string): readonly string[] {
  const value = options.values[dest];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}

/** Whether a flag is on; `otherwise` when nobody gave it. */
export function flagOption(options: ParsedOptions, dest: string, otherwise = false): boolean {
  const value = options.values[dest];
  return typeof value === "boolean" ? value : otherwise;
}

/** The number of an option, of a count or of a flag given as a count; `otherwise` when nobody gave it. */
export function numberOption<Otherwise>(
  options: ParsedOptions,
  dest: string,
  otherwise: Otherwise,
): number | Otherwise {
  const value = options.values[dest];
  return typeof value === "number" ? value : otherwise;
}
