import { pythonJsonString } from "./python-lines.ts";

/** A value that JSON can carry. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** How Python's `json.dumps` was called. */
export interface PythonJsonOptions {
  /** Spaces per level; absent: one line, with `", "` and `": "`. */
  readonly indent?: number;
  /** Python's `ensure_ascii`: everything beyond ASCII is escaped. */
  readonly ascii: boolean;
}

/** Writes JSON as Python's `json.dumps` does, so that what pip prints and what pipd prints can be compared byte by byte. */
export function pythonJson(value: Json, options: PythonJsonOptions): string {
  return write(value, options, 0);
}

function write(value: Json, options: PythonJsonOptions, depth: number): string {
  if (typeof value === "string") return writeString(value, options.ascii);
  if (value === null || typeof value !== "object") return String(value);
  const isArray = Array.isArray(value);
  const members = isArray
    ? (value as readonly Json[]).map((member) => write(member, options, depth + 1))
    : Object.entries(value as { readonly [key: string]: Json | undefined }).flatMap(([key, member]) =>
        member === undefined ? [] : [`${writeString(key, options.ascii)}: ${write(member, options, depth + 1)}`],
      );
  const [open, close] = isArray ? ["[", "]"] : ["{", "}"];
  if (members.length === 0) return open + close;
  if (options.indent === undefined) return open + members.join(", ") + close;
  const pad = " ".repeat(options.indent * (depth + 1));
  return `${open}\n${members.map((member) => pad + member).join(",\n")}\n${" ".repeat(options.indent * depth)}${close}`;
}

function writeString(text: string, ascii: boolean): string {
  return ascii ? pythonJsonString(text) : JSON.stringify(text);
}
